//! What each algorithm promises, for any stretch of the store's time.

use drl_core::{Micros, Timestamp};

/// The promise, in whole tokens and microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// At most `limit` in each window that starts at a multiple of `window`.
    FixedWindow { limit: u64, window: Micros },
    /// At most `limit` in every interval of `window`, both ends included.
    EveryInterval { limit: u64, window: Micros },
    /// As `FixedWindow`; and what is admitted in a window, together with what was in the one before, weighted
    /// by how much of that is still in sight, is at most `limit` at every admission.
    Estimate { limit: u64, window: Micros },
    /// At most `burst + tokens / per × length` in every interval.
    Bucket { burst: u64, tokens: u64, per: Micros },
}

impl Promise {
    /// The most that can be admitted from one moment to the other, both included.
    pub(crate) fn between(&self, from: Timestamp, to: Timestamp) -> u64 {
        match *self {
            Self::FixedWindow { limit, window } | Self::Estimate { limit, window } => {
                limit.saturating_mul(to.0 / window.0 - from.0 / window.0 + 1)
            }
            Self::EveryInterval { .. } | Self::Bucket { .. } => self.within(to.since(from)),
        }
    }

    /// The most that can be admitted in any stretch of this length, both ends included, wherever it lies.
    pub(crate) fn within(&self, length: Micros) -> u64 {
        match *self {
            Self::FixedWindow { limit, window } | Self::Estimate { limit, window } => {
                // So many whole windows fit in it, and it may begin and end in the middle of others.
                limit.saturating_mul(length.0 / window.0 + 2)
            }
            // An interval of `window` holds one microsecond more than `window`; so many of them cover it.
            Self::EveryInterval { limit, window } => limit.saturating_mul(length.0 / (window.0 + 1) + 1),
            Self::Bucket { burst, tokens, per } => {
                let refilled = u128::from(tokens) * u128::from(length.0) / u128::from(per.0);
                burst.saturating_add(u64::try_from(refilled).unwrap_or(u64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_promise_allows_exactly_what_its_best_schedule_takes() {
        let window = Micros(10);
        let fixed = Promise::FixedWindow { limit: 5, window };
        assert_eq!(fixed.between(Timestamp(9), Timestamp(10)), 10, "an edge in between");
        assert_eq!(fixed.between(Timestamp(10), Timestamp(19)), 5);
        let log = Promise::EveryInterval { limit: 5, window };
        assert_eq!(log.within(Micros(10)), 5);
        assert_eq!(log.within(Micros(11)), 10, "a microsecond later the first have left");
        let bucket = Promise::Bucket { burst: 5, tokens: 2, per: window };
        assert_eq!([0, 4, 5, 10].map(|length| bucket.within(Micros(length))), [5, 5, 6, 7]);
    }
}
