//! What happens in a run, all of it known before it starts: so it can be printed, and cut down.

use std::fmt;

use drl_core::{Algorithm, Micros, Quota};

/// The names of clients, the hostile ones among them.
pub(super) const CLIENTS: [&[&[u8]]; 6] =
    [&[b"alice"], &[b"bob"], &[b"c}{|0"], &[b""], &[b"\xff\x00,"], &[&[b'x'; 200]]];

/// Everything that is going to happen, except how long each message takes.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Where the network's chance starts.
    pub seed: u64,
    /// The limits that every request has to meet.
    pub limits: Vec<Limit>,
    /// The clock of each store node, as an offset from true time.
    pub nodes: Vec<i64>,
    /// How much faster than true time each instance's clock runs, in millionths.
    pub drifts: Vec<i64>,
    /// How many clients there are.
    pub clients: usize,
    /// How messages travel.
    pub network: Network,
    /// Whether callers read what is left.
    pub told: bool,
    /// Requests, in the order of time.
    pub arrivals: Vec<Arrival>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// From then on nothing goes wrong, and everybody has to be served in the end.
    pub end: u64,
}

/// One limit.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// How much, in which time.
    pub quota: Quota,
    /// The burst of a bucket, what may wait in a queue.
    pub burst: u64,
    /// Which promise it keeps.
    pub algorithm: Algorithm,
    /// How many counters it is spread over.
    pub shards: u16,
    /// Who shares it.
    pub scope: Scope,
}

/// Who shares a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Each client has its own.
    Client,
    /// There is one for all.
    Everybody,
}

/// How messages travel, in microseconds and thousandths.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// The least that a message takes.
    pub delay: u64,
    /// How much more it may take.
    pub jitter: u64,
    /// How many of a thousand messages are slow.
    pub slow: u64,
    /// How much more those may take.
    pub slowness: u64,
    /// How many of a thousand messages are lost.
    pub loss: u64,
    /// Between each instance and node: messages on one keep their order, those on several do not.
    pub connections: usize,
    /// When a call is given up.
    pub timeout: u64,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When.
    pub at: u64,
    /// At which instance.
    pub instance: usize,
    /// Whose.
    pub client: usize,
    /// What it costs.
    pub cost: u64,
    /// What it wants.
    pub wish: Wish,
    /// When its caller goes away, if it has no answer by then.
    pub patience: Option<u64>,
    /// How long after the answer it is refunded.
    pub refund: Option<u64>,
}

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// All of it or nothing.
    Take,
    /// As much as there is.
    TakeUpTo,
    /// To know.
    Peek,
}

/// Something goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// When.
    pub at: u64,
    /// What.
    pub what: What,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// An instance stops without a word, and starts anew after a while.
    Crash {
        /// Which.
        instance: usize,
        /// For how long.
        down: u64,
    },
    /// An instance stands still; its clock does not.
    Pause {
        /// Which.
        instance: usize,
        /// For how long.
        length: u64,
    },
    /// All connections of an instance break: questions may still arrive, answers do not.
    Cut {
        /// Whose.
        instance: usize,
    },
    /// A store node's clock steps.
    Step {
        /// Which node's.
        node: usize,
        /// How far; negative: back.
        by: i64,
    },
    /// A store node is away for a while.
    Restart {
        /// Which.
        node: usize,
        /// For how long.
        down: u64,
        /// Whether it comes back with its data.
        keeps_data: bool,
    },
}

impl Limit {
    pub(super) fn quota(&self) -> Quota {
        self.quota
    }

    pub(super) fn is_queue(&self) -> bool {
        self.algorithm == Algorithm::LeakyBucketQueue
    }

    /// The longest that one token may have to be waited for, with what leases can add.
    pub(super) fn longest_wait(&self) -> Micros {
        let window = self.quota.window().0;
        let refill = window.saturating_mul(self.burst + 1) / self.quota.limit().max(1);
        match self.algorithm {
            Algorithm::FixedWindow => Micros(window),
            Algorithm::SlidingWindow => Micros(2 * window),
            Algorithm::SlidingWindowLog => Micros(window + window / 100 + 2_000),
            _ => Micros(refill + refill / 10),
        }
    }
}

impl Scenario {
    /// The same, without what has gone wrong after the end.
    pub(super) fn longest_wait(&self) -> u64 {
        self.limits.iter().map(|limit| limit.longest_wait().0).max().unwrap_or(0)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limits, nodes, drifts, clients, network, .. } = self;
        for Limit { quota, burst, algorithm, shards, scope } in limits {
            let (limit, window) = (quota.limit(), quota.window());
            write!(f, "limit     {limit} in {window}, {algorithm}, {shards} shards, for each {scope:?}")?;
            writeln!(f, ", burst {burst}, spread {}", quota.is_spread())?;
        }
        writeln!(f, "nodes     {} with clocks off by {nodes:?} µs", nodes.len())?;
        writeln!(f, "instances {} with clocks off by {drifts:?} ppm", drifts.len())?;
        writeln!(f, "clients   {clients}, {} requests until {} µs", self.arrivals.len(), self.end)?;
        writeln!(f, "network   {network:?}")?;
        for Fault { at, what } in &self.faults {
            writeln!(f, "fault     at {at}: {what:?}")?;
        }
        Ok(())
    }
}
