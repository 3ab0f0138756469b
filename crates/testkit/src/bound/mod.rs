//! An independent judge: does a sequence of admissions keep a promise on **every** interval?
//!
//! It knows nothing of the algorithms, only what they promise (DESIGN 2.1), in exact integers. The judge
//! takes admissions one by one, in the order of their times, and remembers the worst interval so far; so a
//! simulator can run it along for millions of steps.
//!
//! **Why events suffice.** What is admitted in an interval changes only where an event enters or leaves.
//! Shrinking an interval to its first and last event keeps what is admitted and makes it shorter, which
//! only lowers what a bucket allows. For intervals of a fixed length, moving the start forward to the first
//! event within loses nothing and may take in more at the end. So the worst interval starts at an event, and
//! ends at one or is the window that starts there.
//!
//! | promise | cost of one admission | how |
//! |---|---|---|
//! | [`Promise::FixedWindow`] | O(1) | one sum for each aligned window |
//! | [`Promise::EveryInterval`] | O(1) amortised | the events of the last window, in a deque |
//! | [`Promise::Bucket`] | O(1) | a running maximum over all starts |
//! | [`Promise::Spaced`] | O(1) amortised | a running maximum, and a deque of those who wait |
//!
//! [`by_brute_force`] looks at all pairs instead, and properties hold the fast judge against it.

mod brute_force;
mod judge;
#[cfg(test)]
mod tests;

pub use brute_force::by_brute_force;
pub use judge::Judge;

use std::fmt;

use drl_core::{Micros, Timestamp};

/// What must hold on every interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// At most `limit` in each window. Windows start `phase` before the multiples of `window`.
    FixedWindow {
        /// The most admitted in one window.
        limit: u64,
        /// The window's length.
        window: Micros,
        /// How much earlier the windows start.
        phase: Micros,
    },
    /// At most `limit` in every closed interval of the window's length.
    EveryInterval {
        /// The most admitted in one interval.
        limit: u64,
        /// The interval's length, both ends included.
        window: Micros,
    },
    /// At most `burst + tokens / per × |I|` in every closed interval `I`.
    Bucket {
        /// The most admitted in no time.
        burst: u64,
        /// The rate is so many tokens
        tokens: u64,
        /// in so long.
        per: Micros,
    },
    /// Each start is at least its predecessor's cost divided by the rate after it, and at most `waiting` wait.
    ///
    /// Starts are told in whole microseconds, rounded up, so a gap may be short of it by less than one; the
    /// judge sums over any number of gaps, so this never adds up.
    Spaced {
        /// The most cost that is admitted but has not started.
        waiting: u64,
        /// The rate is so many tokens
        tokens: u64,
        /// in so long.
        per: Micros,
    },
}

/// One admitted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// When it was admitted.
    pub at: Timestamp,
    /// What it was charged.
    pub cost: u64,
    /// How long it was told to wait; zero except for queues.
    pub delay: Micros,
}

impl Admission {
    /// An admission that starts at once.
    #[must_use]
    pub fn now(at: Timestamp, cost: u64) -> Self {
        Self { at, cost, delay: Micros::ZERO }
    }

    fn start(&self) -> Timestamp {
        self.at + self.delay
    }
}

/// The interval that comes closest to breaking a promise, or breaks it worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    /// The first moment of the interval: an event, or the start of an aligned window.
    pub from: Timestamp,
    /// The last moment: an event.
    pub to: Timestamp,
    /// The cost admitted within.
    pub admitted: u64,
    /// What was left of what is allowed, in units of the promise (tokens; for rates `1 / per` of a token).
    /// Negative: the promise is broken.
    pub slack: i128,
}

impl Worst {
    /// Whether the promise was kept everywhere.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.slack >= 0
    }
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, admitted, slack } = self;
        let verdict = if self.is_kept() { "within the promise" } else { "over the promise" };
        write!(f, "{admitted} admitted in [{}, {}] µs, {verdict} by {} units", from.0, to.0, slack.abs())
    }
}

/// The worst interval of a whole sequence, which must be in the order of time.
#[must_use]
pub fn worst(promise: Promise, admissions: &[Admission]) -> Option<Worst> {
    let mut judge = Judge::new(promise);
    admissions.iter().for_each(|admission| judge.admit(*admission));
    judge.worst()
}

/// Fails the test with the worst interval if the promise is broken anywhere.
///
/// # Panics
/// If it is.
#[track_caller]
pub fn assert_kept(promise: Promise, admissions: &[Admission]) {
    if let Some(worst) = worst(promise, admissions) {
        assert!(worst.is_kept(), "{promise:?}: {worst}");
    }
}
