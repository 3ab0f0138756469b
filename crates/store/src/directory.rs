//! What operators decide while instances run: names and values that all instances of a deployment follow.
//!
//! Not counters: nothing here is asked for on the path of a decision. An instance holds all of it, reads now
//! and then what has changed since it last looked, and so follows within a moment whichever instance was
//! told.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;

use parking_lot::Mutex;

use crate::error::StoreError;

/// A name and its value; none any more if it was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Option<String>,
}

/// How far a reader has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Which directory: another one if the store has lost its data since.
    pub generation: u64,
    /// The number of the last change that was read.
    pub version: u64,
    /// Whether the pages read so far are the beginning of a whole directory.
    pub partial: bool,
}

/// What has changed since a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What was known before is void: the pages from here on are all there is.
    pub afresh: bool,
    /// The changes, the last one of each name.
    pub entries: Vec<Entry>,
    /// Where to read on.
    pub mark: Mark,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// A reading or writing on its way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps the directories of deployments, each under its prefix.
///
/// A directory owes its callers: changes are numbered in the order in which they were made, a page holds
/// every change between two marks, and what was written is kept for as long as the store keeps anything.
pub trait Directory: Send + Sync + 'static {
    /// What has changed since `since`.
    fn read<'a>(&'a self, prefix: &'a str, since: Mark) -> Pending<'a, Page>;

    /// Makes changes, all of them or none.
    fn write<'a>(&'a self, prefix: &'a str, entries: &'a [Entry]) -> Pending<'a, ()>;
}

/// Directories in this process's memory: they end with it.
#[derive(Debug, Default)]
pub(crate) struct MemoryDirectory(Mutex<HashMap<String, Sheet>>);

/// One deployment's directory. What was removed leaves its name behind, so that readers hear of it: a
/// process that lives long enough for that to matter removes as many names as it has clients.
#[derive(Debug, Default)]
struct Sheet {
    version: u64,
    entries: HashMap<String, (u64, Option<String>)>,
    changes: BTreeMap<u64, String>,
}

impl Directory for MemoryDirectory {
    fn read<'a>(&'a self, prefix: &'a str, since: Mark) -> Pending<'a, Page> {
        let sheets = self.0.lock();
        let changed = sheets.get(prefix).map(|sheet| sheet.since(since.version));
        let version = sheets.get(prefix).map_or(0, |sheet| sheet.version);
        let mark = Mark { generation: 0, version, partial: false };
        let page = Page { afresh: false, entries: changed.unwrap_or_default(), mark, more: false };
        Box::pin(std::future::ready(Ok(page)))
    }

    fn write<'a>(&'a self, prefix: &'a str, entries: &'a [Entry]) -> Pending<'a, ()> {
        let mut sheets = self.0.lock();
        let sheet = sheets.entry(prefix.to_owned()).or_default();
        entries.iter().for_each(|entry| sheet.change(entry));
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Sheet {
    fn change(&mut self, entry: &Entry) {
        self.version += 1;
        let now = (self.version, entry.value.clone());
        if let Some((before, _)) = self.entries.insert(entry.name.clone(), now) {
            self.changes.remove(&before);
        }
        self.changes.insert(self.version, entry.name.clone());
    }

    fn since(&self, version: u64) -> Vec<Entry> {
        let entry = |name: &String| {
            let value = self.entries.get(name).and_then(|(_, value)| value.clone());
            Entry { name: name.clone(), value }
        };
        self.changes.range(version + 1..).map(|(_, name)| entry(name)).collect()
    }
}
