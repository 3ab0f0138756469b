//! The quotas of the rows, in everybody's words.

use std::time::Duration;

use drl_core::{Algorithm, Quota};

/// A token bucket; both sides get the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The time in which one token comes back.
    pub(crate) period: Duration,
    pub(crate) burst: u32,
}

/// Never denies, and as fast as buckets go: for one hot key.
pub(crate) const AMPLE: Bounds = Bounds { period: Duration::from_nanos(100), burst: u32::MAX };

/// Never denies either, and remembers each request for longer than a row takes: with many keys, all of
/// them stay alive.
pub(crate) const LASTING: Bounds = Bounds { period: Duration::from_secs(100), burst: 40_000_000 };

/// Admits the first request and no other.
pub(crate) const ONE_PER_HOUR: Bounds = Bounds { period: Duration::from_secs(3_600), burst: 1 };

impl Bounds {
    pub(crate) fn quota(self) -> Quota {
        let quota = if self.period < Duration::from_secs(1) {
            let per_second = Duration::from_secs(1).as_nanos() / self.period.as_nanos();
            Quota::per_second(u64::try_from(per_second).unwrap_or(u64::MAX))
        } else {
            Quota::new(1, self.period)
        };
        quota.burst(self.burst.into()).algorithm(Algorithm::TokenBucket)
    }
}
