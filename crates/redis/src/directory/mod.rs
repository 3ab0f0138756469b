//! Directories in Redis: four keys of one slot for each deployment, without expiry.
//!
//! Entries are in a hash; a sorted set holds their names by the number of their last change, another one the
//! last 10,000 names that were removed. So reading what has changed costs what has changed, and somebody who has
//! been away for longer than removals are remembered reads all of it.

use drl_store::StoreError;
use drl_store::directory::{Directory, Entry, Mark, Page, Pending};
use rand::Rng as _;
use redis::{Cmd, Value};
use tokio::time::{Instant, timeout_at};

use crate::fault;
use crate::store::RedisStore;

const READ: &str = include_str!("read.lua");
const WRITE: &str = include_str!("write.lua");

/// The most entries of one page: a server is busy with them for well below a millisecond.
const PAGE: usize = 500;
/// How many removed names are remembered.
const REMOVED: usize = 10_000;

impl Directory for RedisStore {
    fn read<'a>(&'a self, prefix: &'a str, since: Mark) -> Pending<'a, Page> {
        let mut command = script(READ, prefix);
        command.arg(since.generation).arg(since.version).arg(u8::from(since.partial)).arg(PAGE);
        Box::pin(async move { page(self.ask(&command).await?, since) })
    }

    fn write<'a>(&'a self, prefix: &'a str, entries: &'a [Entry]) -> Pending<'a, ()> {
        let mut command = script(WRITE, prefix);
        // 53 bits, since Lua may see it as a number; never 0, which stands for none.
        command.arg(rand::rng().random_range(1..1_u64 << 53)).arg(REMOVED);
        for Entry { name, value } in entries {
            command.arg(name).arg(u8::from(value.is_some())).arg(value.as_deref().unwrap_or(""));
        }
        Box::pin(async move { self.ask(&command).await.map(drop) })
    }
}

impl RedisStore {
    /// Sends one command past the decisions that wait, within the deadline of a call.
    async fn ask(&self, command: &Cmd) -> Result<Value, StoreError> {
        let (after, deadline) = (self.timeout(), Instant::now() + self.timeout());
        let late = |may_have_counted| StoreError::Timeout { after, may_have_counted };
        let live = timeout_at(deadline, self.live()).await.map_err(|_elapsed| late(false))??;
        let sent = timeout_at(deadline, live.send(command)).await.map_err(|_elapsed| late(true))?;
        sent.map_err(|error| fault::failed(&error, true))
    }
}

/// A directory is rarely asked for, so its scripts are sent as they are.
fn script(source: &str, prefix: &str) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(source).arg(4);
    for part in ["meta", "entries", "log", "gone"] {
        command.arg(format!("{{{prefix}|}}directory:{part}"));
    }
    command
}

fn page(reply: Value, since: Mark) -> Result<Page, StoreError> {
    let foreign = || StoreError::Protocol { reason: "not a page of a directory".to_owned() };
    let Value::Array(items) = reply else { return Err(foreign()) };
    let mut items = items.into_iter();
    let generation = items.next().and_then(text).and_then(|text| text.parse().ok()).ok_or_else(foreign)?;
    let mut number = || match items.next() {
        Some(Value::Int(number)) => u64::try_from(number).ok(),
        _ => None,
    };
    let (Some(version), Some(afresh), Some(more)) = (number(), number(), number()) else {
        return Err(foreign());
    };
    let (afresh, more) = (afresh == 1, more == 1);
    let mut entries = Vec::new();
    while let Some(name) = items.next() {
        let name = text(name).ok_or_else(foreign)?;
        let value = match items.next() {
            Some(Value::Nil) => None,
            Some(value) => Some(text(value).ok_or_else(foreign)?),
            None => return Err(foreign()),
        };
        entries.push(Entry { name, value });
    }
    let partial = more && (afresh || since.partial);
    Ok(Page { afresh, entries, mark: Mark { generation, version, partial }, more })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        _ => None,
    }
}
