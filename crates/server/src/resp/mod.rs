//! The front `resp`: Redis clients ask with `CL.THROTTLE` and are answered as by redis-cell.
//!
//! ```text
//! bytes → requests (drl-resp) → the table of commands → throttle: quota → decide → five integers
//!                                          └→ session: the few commands that clients say hello with
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`connection`] | one connection's life: read, execute in order, write; deadlines and bounds |
//! | [`flights`] | decisions of one pipeline that are on their way to a store outside |
//! | [`commands`] | **the** table of commands, and the replies to `COMMAND` that are made of it |
//! | [`throttle`] | arguments become a quota, a decision becomes five integers |
//! | [`limits`] | quotas that were asked for, ready to be asked again |
//! | [`session`] | what a connection knows of its client, and every command that decides nothing |
//! | [`info`] | the reply to `INFO` |
//! | [`access`] | passwords |
//! | [`refusal`] | **the** table of error replies, in Redis' words |

mod access;
mod commands;
mod connection;
mod flights;
mod info;
mod limits;
mod refusal;
mod session;
#[cfg(test)]
mod tests;
mod throttle;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use distributed_rate_limiter::engine::Engine;

pub use access::Password;
pub(crate) use connection::attend;

use access::Access;
use limits::Limits;

use crate::metrics::Metrics;

/// What can be set, and who counts.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What clients have to say before anything else, if anything.
    pub(crate) password: Option<Password>,
    pub(crate) patience: Patience,
    pub(crate) metrics: Arc<Metrics>,
}

/// How long clients are waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Between requests.
    pub(crate) idle: Duration,
    /// From the first byte of a request to its last.
    pub(crate) request: Duration,
    /// Until replies are taken.
    pub(crate) reply: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let (minutes, seconds) = (Duration::from_secs(600), Duration::from_secs(10));
        let patience = Patience { idle: minutes, request: seconds, reply: seconds };
        Self { password: None, patience, metrics: Arc::default() }
    }
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Front {
    limits: Limits,
    access: Access,
    /// Of decisions that take time: in this process they take less than it does to count them.
    metrics: Arc<Metrics>,
    patience: Patience,
    started: Instant,
    /// Connections there have been; the number of the last.
    seen: AtomicI64,
    open: AtomicI64,
}

impl Front {
    pub(crate) fn new(engine: Engine, options: Options) -> Self {
        Self {
            limits: Limits::new(engine),
            access: Access::new(options.password),
            metrics: options.metrics,
            patience: options.patience,
            started: Instant::now(),
            seen: AtomicI64::new(0),
            open: AtomicI64::new(0),
        }
    }

    /// A connection comes.
    fn enter(&self) -> Presence<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Presence { front: self, number: self.seen.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

/// A connection that is open until this is dropped.
#[derive(Debug)]
struct Presence<'f> {
    front: &'f Front,
    number: i64,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.front.open.fetch_sub(1, Ordering::Relaxed);
    }
}
