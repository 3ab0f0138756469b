//! The limits that are checked: small enough to be exhausted, large enough to lend.

use drl_core::{Algorithm, Micros, Quota, Rule, Timestamp};

use crate::world::Left;

/// One limit, and the moments at which something can happen.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) rule: Rule,
    /// So many
    pub(crate) tokens: u64,
    /// in so many microseconds.
    pub(crate) window: u64,
    /// On the store's clock, in order: those at which a lease or a window begins and ends, one just before, and
    /// a few between.
    pub(crate) moments: &'static [u64],
    /// What others have taken before: a start for each.
    pub(crate) taken: &'static [u64],
    /// How much may happen.
    pub(crate) left: Left,
}

/// A lease takes an eighth of what there is: two of sixteen, and one until fewer than eight are left.
const TOKENS: u64 = 16;

impl Limit {
    fn new(algorithm: Algorithm, window: u64, moments: &'static [u64]) -> Self {
        let quota = Quota::new(TOKENS, Micros(window)).algorithm(algorithm);
        let rule = quota.rule().expect("a valid quota");
        Self {
            rule,
            tokens: TOKENS,
            window,
            moments,
            taken: &[0, 7],
            left: Left { questions: 2, crashes: 1, others: 2 },
        }
    }

    /// A window of 20 ms, leases of 2 ms: around the edge at 20 ms. The states are so few that one more question
    /// is affordable.
    pub(crate) fn fixed_window() -> Self {
        let moments = &[18_000, 19_000, 19_999, 20_000, 21_000];
        let left = Left { questions: 3, crashes: 1, others: 1 };
        Self { left, ..Self::new(Algorithm::FixedWindow, 20_000, moments) }
    }

    /// The same, and on to where the first window has slid out of sight.
    pub(crate) fn sliding_window() -> Self {
        let moments = &[18_000, 19_000, 19_999, 20_000, 21_000, 30_000, 39_999, 40_000];
        Self::new(Algorithm::SlidingWindow, 20_000, moments)
    }

    /// A window of 400 ms, leases of 2 ms: at its beginning, and a window later.
    pub(crate) fn sliding_log() -> Self {
        let moments = &[1_000, 2_000, 2_999, 3_000, 401_001, 402_999, 403_000];
        Self::new(Algorithm::SlidingWindowLog, 400_000, moments)
    }

    /// A token each 10 ms. A full bucket lends for 1.6 ms, one that lacks a token or more for 8.
    pub(crate) fn token_bucket() -> Self {
        let moments = &[1_000, 2_000, 2_599, 2_600, 8_999, 9_000, 9_999, 10_000, 21_000];
        Self::new(Algorithm::TokenBucket, 160_000, moments)
    }

    pub(crate) fn all() -> [Self; 4] {
        [Self::fixed_window(), Self::sliding_window(), Self::sliding_log(), Self::token_bucket()]
    }

    /// Too much for every day: one more question, and only what can break a promise.
    pub(crate) fn deeper(self) -> Self {
        Self { left: Left { questions: 3, crashes: 0, others: 1 }, taken: &[7], ..self }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.rule {
            Rule::FixedWindow(_) => "fixed window",
            Rule::SlidingLog(_) => "sliding window log",
            Rule::SlidingWindow(_) => "sliding window",
            Rule::Bucket(_) => "token bucket",
        }
    }

    pub(crate) fn moment(&self, index: usize) -> Timestamp {
        Timestamp(self.moments[index])
    }
}
