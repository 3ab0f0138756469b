//! How far the store's clock is from ours, asked of the store itself.
//!
//! The windows of an algorithm are those of the store's clock, which may be another machine's. A fixed window
//! says when it ends to the microsecond of that clock, so one cheap decision is a reading of it: the clock was
//! there at some moment between the question and the answer. Many such readings leave a narrow range.

use std::time::{SystemTime, UNIX_EPOCH};

use distributed_rate_limiter::{Algorithm, Quota, RateLimiter};
use drl_core::{Micros, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::error::LoadError;

/// The store's clock less ours, in microseconds: not below the one, not above the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offset {
    pub(crate) least: i64,
    pub(crate) most: i64,
}

/// A limiter whose decisions are readings of its store's clock.
#[derive(Debug)]
pub(crate) struct StoreClock(RateLimiter);

impl StoreClock {
    /// The store's clock may be off from this machine's wall clock by half of it.
    const WINDOW: Micros = Micros::from_secs(3_600);
    const READINGS: usize = 64;

    /// What a limiter must keep to be a clock. Its one counter must be asked every time.
    pub(crate) fn quota() -> Quota {
        Quota::new(Quota::MAX_LIMIT, Self::WINDOW).algorithm(Algorithm::FixedWindow)
    }

    pub(crate) fn new(limiter: RateLimiter) -> Self {
        Self(limiter)
    }

    pub(crate) async fn read(&self) -> Result<Offset, LoadError> {
        let mut offset = Offset { least: i64::MIN, most: i64::MAX };
        for _ in 0..Self::READINGS {
            let asked = Stamp::now();
            let decision = self.0.check("clock").await?;
            let answered = Stamp::now();
            let into = Self::WINDOW.0.saturating_sub(Micros::from(decision.reset_after()).0);
            let store = nearest(into, wall());
            offset = offset.and(Offset {
                least: difference(store, answered.micros_ceil()),
                // The store's own reading is rounded down.
                most: difference(store + 1, asked.micros_floor()),
            });
        }
        Ok(offset)
    }
}

/// The moment closest to `wall` that lies so far into one of the clock's windows.
fn nearest(into: u64, wall: u64) -> u64 {
    let window = StoreClock::WINDOW.0;
    let same = wall - wall % window + into;
    [same.saturating_sub(window), same, same + window]
        .into_iter()
        .min_by_key(|moment| moment.abs_diff(wall))
        .unwrap_or(same)
}

fn wall() -> u64 {
    Micros::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()).0
}

fn difference(a: u64, b: u64) -> i64 {
    i64::try_from(i128::from(a) - i128::from(b)).unwrap_or_default()
}

impl Offset {
    /// What both leave; what lies between them if they exclude each other (the clock has been moved).
    fn and(self, other: Self) -> Self {
        let (least, most) = (self.least.max(other.least), self.most.min(other.most));
        Self { least: least.min(most), most: most.max(least) }
    }

    /// A range that holds for a while, although clocks drift: twice as wide, and 20 µs on either side.
    pub(crate) fn padded(self) -> Self {
        let pad = self.width() / 2 + 20;
        Self { least: self.least.saturating_sub(pad), most: self.most.saturating_add(pad) }
    }

    pub(crate) fn width(self) -> i64 {
        self.most.saturating_sub(self.least)
    }

    /// How far a later reading lies outside of this range: zero as long as they agree.
    pub(crate) fn drift(self, later: Self) -> Micros {
        let outside = later.least.saturating_sub(self.most).max(self.least.saturating_sub(later.most)).max(0);
        // Where the readings agree that the clock was moved, it was at most from end to end.
        let most = if outside == 0 { 0 } else { outside + self.width() + later.width() };
        Micros(most.unsigned_abs())
    }

    /// The earliest that the store's clock can have shown at `stamp`.
    pub(crate) fn earliest(self, stamp: Stamp) -> Timestamp {
        Timestamp(stamp.micros_floor().saturating_add_signed(self.least))
    }

    /// The latest.
    pub(crate) fn latest(self, stamp: Stamp) -> Timestamp {
        Timestamp(stamp.micros_ceil().saturating_add_signed(self.most))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use distributed_rate_limiter::Shards;
    use drl_store::{Clock as _, ManualClock, MemoryStore};

    use super::*;

    const HOUR: u64 = 3_600_000_000;

    #[test]
    fn readings_narrow_the_range_and_a_moved_clock_widens_it() {
        let a = Offset { least: 0, most: 100 };
        assert_eq!(a.and(Offset { least: 40, most: 300 }), Offset { least: 40, most: 100 });
        assert_eq!(a.and(Offset { least: 150, most: 200 }), Offset { least: 100, most: 150 });
        assert_eq!(a.drift(Offset { least: 90, most: 500 }), Micros(0));
        assert_eq!(a.drift(Offset { least: 150, most: 160 }), Micros(50 + 100 + 10));
        assert_eq!(a.drift(Offset { least: -60, most: -50 }), Micros(50 + 100 + 10));
    }

    #[test]
    fn the_hour_is_the_one_closest_to_ours() {
        assert_eq!(nearest(10, 5 * HOUR + 20), 5 * HOUR + 10);
        assert_eq!(nearest(HOUR - 10, 5 * HOUR + 20), 5 * HOUR - 10);
        assert_eq!(nearest(10, 5 * HOUR - 20), 5 * HOUR + 10);
    }

    #[tokio::test]
    async fn a_clock_that_is_off_is_found_to_be_off() {
        let ahead = 600_000_000;
        let clock = Arc::new(ManualClock::new(Timestamp(wall() + ahead)));
        let store = MemoryStore::builder().clock(Arc::clone(&clock)).build();
        let builder = RateLimiter::builder().with_store(Arc::new(store)).quota(StoreClock::quota());
        let offset = StoreClock::new(builder.shards(Shards::Fixed(1)).build().await.unwrap()).read().await;
        let offset = offset.unwrap();
        // The clock stands still while it is read, so the readings contradict each other a little.
        let shown = clock.now().0;
        let now = Stamp::now();
        assert!(offset.earliest(now).0 < shown + 1_000_000, "{offset:?}");
        assert!(offset.latest(now).0 + 1_000_000 > shown, "{offset:?}");
    }
}
