//! What has been admitted, as much of it as can still break a promise.
//!
//! It knows what was promised and nothing of how the algorithms keep it. A checker needs states that are small and
//! that are the same where the future is, which the judge's are not; a property holds the two against each other.

use drl_core::{Rule, Timestamp};
use smallvec::SmallVec;

use crate::limit::Limit;

/// Admissions up to now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ledger {
    /// What this window admitted.
    Window { end: u64, admitted: u64 },
    /// What this window and the one before admitted.
    Two { end: u64, before: u64, admitted: u64 },
    /// When how much was admitted, of what a window that ends now would hold.
    Recent(SmallVec<[(u64, u64); 4]>),
    /// The most by which any interval that ends now has admitted more than the rate alone, in `1 / window` of a token.
    Excess { now: u64, units: u64 },
}

impl Ledger {
    pub(crate) fn new(limit: &Limit, now: Timestamp) -> Self {
        let end = end(limit, now);
        match limit.rule {
            Rule::FixedWindow(_) => Self::Window { end, admitted: 0 },
            Rule::SlidingWindow(_) => Self::Two { end, before: 0, admitted: 0 },
            Rule::SlidingLog(_) => Self::Recent(SmallVec::new()),
            Rule::Bucket(_) => Self::Excess { now: now.0, units: 0 },
        }
    }

    /// Moves on, and forgets what no longer counts.
    pub(crate) fn wait(&mut self, limit: &Limit, until: Timestamp) {
        let next = end(limit, until);
        match self {
            Self::Window { end, .. } if *end < next => *self = Self::Window { end: next, admitted: 0 },
            Self::Two { end, admitted, .. } if *end < next => {
                let before = if *end + limit.window == next { *admitted } else { 0 };
                *self = Self::Two { end: next, before, admitted: 0 };
            }
            Self::Recent(recent) => recent.retain(|(at, _)| *at + limit.window >= until.0),
            Self::Excess { now, units } => {
                let refilled = (until.0 - *now) * limit.tokens;
                *self = Self::Excess { now: until.0, units: units.saturating_sub(refilled) };
            }
            Self::Window { .. } | Self::Two { .. } => {}
        }
    }

    /// Admits a cost; the ledger must have come to that moment.
    pub(crate) fn admit(&mut self, limit: &Limit, now: Timestamp, cost: u64) {
        match self {
            Self::Window { admitted, .. } | Self::Two { admitted, .. } => *admitted += cost,
            Self::Excess { units, .. } => *units += cost * limit.window,
            Self::Recent(recent) => match recent.last_mut() {
                _ if cost == 0 => {}
                Some((at, admitted)) if *at == now.0 => *admitted += cost,
                _ => recent.push((now.0, cost)),
            },
        }
    }

    /// How much more the promise allows at this moment; negative where it is broken. Of a bucket in `1 / window` of
    /// a token.
    pub(crate) fn room(&self, limit: &Limit, now: Timestamp) -> i128 {
        let (most, used) = match self {
            Self::Window { admitted, .. } => (limit.tokens, *admitted),
            Self::Two { end, before, admitted } => {
                (limit.tokens, admitted + (before * (end - now.0)).div_ceil(limit.window))
            }
            Self::Recent(recent) => (limit.tokens, recent.iter().map(|(_, cost)| cost).sum()),
            Self::Excess { units, .. } => (limit.tokens * limit.window, *units),
        };
        i128::from(most) - i128::from(used)
    }
}

fn end(limit: &Limit, now: Timestamp) -> u64 {
    (now.0 / limit.window + 1) * limit.window
}

#[cfg(test)]
mod tests {
    use drl_core::Micros;
    use drl_testkit::bound::{Admission, Promise, worst};
    use proptest::prelude::*;

    use super::*;

    /// What the documentation promises. Of the sliding window it is the estimate, which no judge knows; each
    /// aligned window's limit follows from it.
    fn promise(limit: &Limit) -> Promise {
        let (tokens, window) = (limit.tokens, Micros(limit.window));
        match limit.rule {
            Rule::FixedWindow(_) | Rule::SlidingWindow(_) => {
                Promise::FixedWindow { limit: tokens, window, phase: Micros::ZERO }
            }
            Rule::SlidingLog(_) => Promise::EveryInterval { limit: tokens, window },
            Rule::Bucket(_) => Promise::Bucket { burst: tokens, tokens, per: window },
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_ledger_agrees_with_the_judge(
            index in 0..4_usize, gaps in proptest::collection::vec((0..60_u64, 1..8_u64), 1..30),
        ) {
            let limit = &Limit::all()[index];
            let mut now = limit.moment(0);
            let (mut ledger, mut admissions) = (Ledger::new(limit, now), Vec::new());
            let mut least = i128::MAX;
            for (gap, cost) in gaps {
                now = Timestamp(now.0 + gap * gap * limit.window / 6_400);
                ledger.wait(limit, now);
                ledger.admit(limit, now, cost);
                admissions.push(Admission::now(now, cost));
                least = least.min(ledger.room(limit, now));
            }
            let slack = worst(promise(limit), &admissions).map(|worst| worst.slack);
            match limit.rule {
                Rule::SlidingWindow(_) => prop_assert!(slack >= Some(least)),
                // The judge counts a bucket in the same units.
                _ => prop_assert_eq!(slack, Some(least)),
            }
        }
    }
}
