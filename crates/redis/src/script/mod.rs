//! The scripts that decide: composed from pieces, one execution for a whole batch.

mod groups;
mod order;
mod pieces;
mod reply;
mod request;
#[cfg(test)]
mod traces;

use std::sync::LazyLock;

use drl_core::Rule;

pub(crate) use order::{MOST_ASKS, Order, chunks};
use pieces::Pieces;
pub(crate) use reply::Reply;
pub(crate) use request::command;

/// Whose time it is. The only part that differs between the server and a test that chooses the time.
const CLOCK: &str = include_str!("../lua/clock.lua");
const PRELUDE: &str = include_str!("../lua/prelude.lua");
const QUICK: &str = include_str!("../lua/quick.lua");
const WHOLE: &str = include_str!("../lua/whole.lua");
/// An algorithm's pieces as functions.
const ALGORITHM: &str = include_str!("../lua/algorithm.lua");
/// What the quick and the whole script do alike.
const ENDS: &str = include_str!("../lua/ends.lua");

/// The scripts as they run on servers.
pub(crate) static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts::with_clock(CLOCK));

/// An algorithm, as far as the scripts tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    FixedWindow,
    SlidingLog,
    SlidingWindow,
    /// Whatever it is used for.
    Bucket,
}

/// One script for each family, which does what is asked all the time, and one that does everything.
pub(crate) struct Scripts {
    quick: [Script; 4],
    whole: Script,
}

/// A script and its name.
struct Script {
    source: String,
    sha1: String,
}

impl Family {
    const ALL: [Self; 4] = [Self::FixedWindow, Self::SlidingLog, Self::SlidingWindow, Self::Bucket];

    fn of(rule: &Rule) -> Self {
        match rule {
            Rule::FixedWindow(_) => Self::FixedWindow,
            Rule::SlidingLog(_) => Self::SlidingLog,
            Rule::SlidingWindow(_) => Self::SlidingWindow,
            Rule::Bucket(_) => Self::Bucket,
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::FixedWindow => include_str!("../lua/fixed_window.lua"),
            Self::SlidingLog => include_str!("../lua/sliding_log.lua"),
            Self::SlidingWindow => include_str!("../lua/sliding_window.lua"),
            Self::Bucket => include_str!("../lua/bucket.lua"),
        }
    }

    /// The number by which a request names it.
    fn kind(self) -> u8 {
        self as u8 + 1
    }
}

impl Scripts {
    fn with_clock(clock: &str) -> Self {
        let start = [clock, PRELUDE].concat();
        let ends = Pieces::of(ENDS);
        let quick = |family: Family| {
            let text = Pieces::of(family.source()).and(&ends).fill(QUICK);
            Script::new([&start, text.as_str()].concat())
        };
        let functions = |family: Family| {
            let text = Pieces::of(family.source()).fill(ALGORITHM);
            text.replace("KIND", &family.kind().to_string())
        };
        let algorithms: String = Family::ALL.map(functions).concat();
        let whole = Pieces::one("algorithms", &algorithms).and(&ends).fill(WHOLE);
        Self { quick: Family::ALL.map(quick), whole: Script::new([start, whole].concat()) }
    }

    /// The commands that make the server remember them.
    pub(crate) fn loads(&self) -> impl Iterator<Item = redis::Cmd> {
        self.quick.iter().chain([&self.whole]).map(Script::load)
    }

    fn quick(&self, family: Family) -> &Script {
        &self.quick[family as usize]
    }
}

impl Script {
    fn new(source: String) -> Self {
        let sha1 = redis::Script::new(&source).get_hash().to_owned();
        Self { source, sha1 }
    }

    fn load(&self) -> redis::Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(&self.source);
        command
    }
}
