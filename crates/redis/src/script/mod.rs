//! The script that decides: composed from parts, one execution for a whole batch.

mod order;
mod reply;
mod request;
#[cfg(test)]
mod traces;

use std::sync::LazyLock;

pub(crate) use order::{MOST_ASKS, Order, chunks};
pub(crate) use reply::Reply;
pub(crate) use request::command;

/// Whose time it is. The only part that differs between the server and a test that chooses the time.
const CLOCK: &str = include_str!("../lua/clock.lua");

/// Everything else, in order: locals of one part are seen by the next.
const PARTS: [&str; 6] = [
    include_str!("../lua/prelude.lua"),
    include_str!("../lua/fixed_window.lua"),
    include_str!("../lua/sliding_log.lua"),
    include_str!("../lua/sliding_window.lua"),
    include_str!("../lua/bucket.lua"),
    include_str!("../lua/decide.lua"),
];

/// The script as it runs on servers.
pub(crate) static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::with_clock(CLOCK));

/// A script and its name.
pub(crate) struct Script {
    source: String,
    sha1: String,
}

impl Script {
    fn with_clock(clock: &str) -> Self {
        let mut source = clock.to_owned();
        PARTS.iter().for_each(|part| source.push_str(part));
        let sha1 = redis::Script::new(&source).get_hash().to_owned();
        Self { source, sha1 }
    }

    /// The command that makes the server remember the script.
    pub(crate) fn load(&self) -> redis::Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(&self.source);
        command
    }
}
