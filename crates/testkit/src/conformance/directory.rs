//! What operators decide reaches whoever follows: every change, once, and all of it to who comes late.

use std::collections::BTreeMap;

use drl_store::directory::{Directory, Entry, Mark};

use super::Fixture;

const PREFIX: &str = "conformance";

/// Somebody who follows a directory.
struct Reader<'d> {
    directory: &'d dyn Directory,
    mark: Mark,
    known: BTreeMap<String, String>,
    pages: usize,
}

impl<'d> Reader<'d> {
    fn new(fixture: &'d Fixture) -> Self {
        let directory = fixture.store.directory().expect("a store that keeps a directory");
        Self { directory, mark: Mark::default(), known: BTreeMap::new(), pages: 0 }
    }

    /// Reads to the end: how many entries that were.
    async fn catch_up(&mut self) -> usize {
        let mut read = 0;
        loop {
            let page = self.directory.read(PREFIX, self.mark).await.expect("a page");
            if page.afresh {
                self.known.clear();
            }
            read += page.entries.len();
            for Entry { name, value } in page.entries {
                match value {
                    Some(value) => drop(self.known.insert(name, value)),
                    None => drop(self.known.remove(&name)),
                }
            }
            self.mark = page.mark;
            self.pages += 1;
            if !page.more {
                return read;
            }
        }
    }

    async fn write(&self, changes: impl IntoIterator<Item = (String, Option<&str>)>) {
        let entry = |(name, value): (String, Option<&str>)| Entry { name, value: value.map(str::to_owned) };
        let entries: Vec<Entry> = changes.into_iter().map(entry).collect();
        self.directory.write(PREFIX, &entries).await.expect("written");
    }
}

/// Who follows sees each change once, and who comes late sees what there is.
pub async fn a_directory_is_followed_change_by_change(fixture: &Fixture) {
    let mut first = Reader::new(fixture);
    assert_eq!(first.catch_up().await, 0, "nothing yet");
    first.write([("a".to_owned(), Some("1")), ("b:{}\n".to_owned(), Some(""))]).await;
    assert_eq!(first.catch_up().await, 2);
    assert_eq!(first.catch_up().await, 0, "nothing twice");
    first.write([("a".to_owned(), None), ("c".to_owned(), Some("3"))]).await;
    assert_eq!(first.catch_up().await, 2, "a removal is a change");
    first.write([("c".to_owned(), Some("4")), ("c".to_owned(), Some("5"))]).await;
    assert_eq!(first.catch_up().await, 1, "the last change of a name is the one that counts");
    let mut late = Reader::new(fixture);
    late.catch_up().await;
    let expected = [("b:{}\n".to_owned(), String::new()), ("c".to_owned(), "5".to_owned())];
    assert_eq!(late.known, BTreeMap::from(expected));
    assert_eq!(first.known, late.known);
}

/// Many entries come in pages, and changes made meanwhile are not lost.
pub async fn a_long_directory_is_read_in_pages(fixture: &Fixture) {
    const MANY: usize = 1_700;
    let mut reader = Reader::new(fixture);
    reader.write((0..MANY).map(|at| (format!("name-{at}"), Some("x")))).await;
    let mut page = reader.directory.read(PREFIX, Mark::default()).await.expect("a page");
    reader.write([("name-0".to_owned(), None), ("late".to_owned(), Some("x"))]).await;
    let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
    loop {
        names.extend(page.entries.into_iter().map(|entry| (entry.name, entry.value)));
        if !page.more && names.contains_key("late") {
            break;
        }
        page = reader.directory.read(PREFIX, page.mark).await.expect("a page");
        assert!(!page.afresh, "going on where the last page ended");
    }
    let live = names.values().flatten().count();
    assert_eq!((live, &names["name-0"]), (MANY, &None), "{MANY}, less the first one, and the late one");
    reader.catch_up().await;
    assert_eq!(reader.known.len(), MANY);
}
