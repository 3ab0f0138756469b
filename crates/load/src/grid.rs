//! The run's time, cut into slices on the store's clock.

use std::time::Duration;

use drl_core::{Micros, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::judge::Promise;
use crate::store_clock::Offset;

/// Slices of equal length, `every / per` microseconds each, one behind the other from `origin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grid {
    /// Microseconds of the store's clock.
    pub(crate) origin: u64,
    pub(crate) every: u64,
    pub(crate) per: u64,
    pub(crate) slices: u32,
}

/// From one slice to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Range {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl Grid {
    /// About so many slices, where the window leaves the choice.
    const SLICES: u64 = 1_024;
    /// Never more than this.
    const MOST: u64 = 4_096;

    /// The grid on which `promise` is judged best. Windows of the promise are whole numbers of slices, or
    /// slices whole numbers of windows, so that what was admitted just behind an edge is told from what was
    /// admitted just before.
    pub(crate) fn new(promise: &Promise, start: Timestamp, span: Duration) -> Self {
        let span = Micros::from(span).0.max(1);
        let fine = span.div_ceil(Self::SLICES).max(100);
        let (every, per, edge) = match *promise {
            Promise::FixedWindow { window, .. } => (many(window, span), 1, window),
            Promise::Estimate { window, .. } if window.0 < fine => (many(window, span), 1, window),
            Promise::Estimate { window, .. } => (window.0, (window.0 / fine).min(Self::SLICES), window),
            Promise::EveryInterval { window, .. } => {
                (fine.min(window.0.div_ceil(64)).max(span.div_ceil(Self::MOST)), 1, Micros(1))
            }
            Promise::Bucket { .. } => (fine, 1, Micros(1)),
        };
        let origin = start.0 - start.0 % edge.0;
        let grid = Self { origin, every, per, slices: u32::MAX };
        let end = grid.slice(start + Micros(span));
        Self { slices: end.map_or(1, |last| last + 1), ..grid }
    }

    fn slice(&self, at: Timestamp) -> Option<u32> {
        let since = u128::from(at.0.checked_sub(self.origin)?);
        let slice = since * u128::from(self.per) / u128::from(self.every);
        u32::try_from(slice).ok().filter(|slice| *slice < self.slices)
    }

    /// The slices that certainly hold what happened between these two moments; `None` if it is not certain
    /// that it lies on the grid.
    pub(crate) fn range(&self, from: Timestamp, to: Timestamp) -> Option<Range> {
        Some(Range { first: self.slice(from)?, last: self.slice(to)? })
    }

    /// From the first to the last microsecond in so many slices: one slice of a microsecond has length zero.
    pub(crate) fn length(&self, slices: u32) -> Micros {
        let points = (u128::from(slices) * u128::from(self.every)).div_ceil(u128::from(self.per));
        Micros(u64::try_from(points).unwrap_or(u64::MAX).saturating_sub(1))
    }
}

/// As many whole windows as it takes for not too many slices.
fn many(window: Micros, span: u64) -> u64 {
    window.0.saturating_mul(span.div_ceil(window.0).div_ceil(Grid::SLICES).max(1))
}

/// When to ask, and where in the store's time what happens belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) start: Stamp,
    pub(crate) end: Stamp,
    pub(crate) offset: Offset,
    pub(crate) grid: Grid,
}

impl Schedule {
    /// How long an answer that is asked for in time may take and still be placed on the grid.
    const TAIL: Duration = Duration::from_secs(1);

    pub(crate) fn new(promise: &Promise, start: Stamp, length: Duration, offset: Offset) -> Self {
        let origin = offset.earliest(start);
        let grid = Grid::new(promise, origin, length + Self::TAIL + length / 50);
        Self { start, end: start + length, offset, grid }
    }

    pub(crate) fn range(&self, asked: Stamp, answered: Stamp) -> Option<Range> {
        self.grid.range(self.offset.earliest(asked), self.offset.latest(answered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(11);

    #[test]
    fn windows_are_whole_slices_or_slices_whole_windows() {
        for window in [1_000, 7_001, 250_000, 1_000_000, 3_600_000_000].map(Micros) {
            let start = Timestamp(1_700_000_000_123_456);
            for promise in [Promise::FixedWindow { limit: 5, window }, Promise::Estimate { limit: 5, window }]
            {
                let grid = Grid::new(&promise, start, SPAN);
                assert!(u64::from(grid.slices) <= Grid::MOST, "{promise:?}: {grid:?}");
                assert!(grid.every.is_multiple_of(window.0), "{promise:?}: {grid:?}");
                assert!(grid.every == window.0 || grid.per == 1, "{promise:?}: {grid:?}");
                // The first edge within the run at which a slice must end.
                let edge = grid.origin + grid.every;
                assert!(grid.origin.is_multiple_of(window.0), "{promise:?}: {grid:?}");
                if let Some(behind) = grid.slice(Timestamp(edge)) {
                    assert_eq!(grid.slice(Timestamp(edge - 1)), Some(behind - 1), "{promise:?}: {grid:?}");
                }
            }
        }
    }

    #[test]
    fn a_grid_covers_the_run_and_no_more() {
        let (start, end) = (Timestamp(999), Timestamp(999 + 11_000_000));
        for promise in [
            Promise::Bucket { burst: 1, tokens: 1, per: Micros(1_000) },
            Promise::EveryInterval { limit: 1, window: Micros(1_000) },
            Promise::FixedWindow { limit: 1, window: Micros(1_000) },
        ] {
            let grid = Grid::new(&promise, start, SPAN);
            let whole = grid.range(start, end).unwrap();
            assert_eq!((whole.first, whole.last), (0, grid.slices - 1), "{promise:?}");
            assert!(u64::from(grid.slices) <= Grid::MOST + 1);
            assert_eq!(grid.range(start, end + grid.length(2)), None);
            assert_eq!(grid.range(Timestamp(0), end).is_some(), grid.origin == 0);
        }
    }

    #[test]
    fn a_call_lies_where_the_stores_clock_must_have_been() {
        let offset = Offset { least: 900, most: 1_100 };
        let promise = Promise::FixedWindow { limit: 1, window: Micros(1_000) };
        let schedule = Schedule::new(&promise, Stamp(0), Duration::from_millis(20), offset);
        assert_eq!(schedule.grid.origin, 0);
        // Our 150 to 250 µs are its 1,050 to 1,350 µs.
        let within = schedule.range(Stamp(150_000), Stamp(250_000));
        assert_eq!(within, Some(Range { first: 1, last: 1 }));
        // Our 50 µs may be before its edge.
        let across = schedule.range(Stamp(50_000), Stamp(250_000));
        assert_eq!(across, Some(Range { first: 0, last: 1 }));
    }
}
