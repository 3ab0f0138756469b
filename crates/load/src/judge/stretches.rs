//! Every stretch of slices of one key.

use drl_core::Micros;

use super::{Breach, Promise, Times};
use crate::tally::Cell;

/// Looks at all stretches of a key; what is needed for it is kept for the next key.
pub(super) struct Stretches<'a> {
    promise: Promise,
    times: &'a Times,
    /// The most allowed in so many slices.
    allowed: Vec<u64>,
    /// What certainly was admitted from this slice on, up to the last one looked at.
    since: Vec<u64>,
    /// Slices of a window, where a window is more than one.
    window: Option<u32>,
}

impl<'a> Stretches<'a> {
    pub(super) fn new(promise: Promise, times: &'a Times) -> Self {
        let grid = &times.grid;
        let (every, per) = (grid.every, grid.per);
        let allowed = |slices| match promise {
            Promise::FixedWindow { limit, window } | Promise::Estimate { limit, window } => {
                // The edges are those of slices, unless the clock was moved.
                let lost = if times.drift == Micros::ZERO { 0 } else { 2 };
                let windows = (u64::from(slices) * every).div_ceil(window.0 * per) + lost;
                limit.saturating_mul(windows + times.drift.0.saturating_mul(2) / window.0)
            }
            Promise::EveryInterval { .. } | Promise::Bucket { .. } => {
                promise.within(Micros(grid.length(slices).0.saturating_add(2 * times.drift.0)))
            }
        };
        let window = match promise {
            Promise::Estimate { .. } if times.drift == Micros::ZERO && per > 1 => u32::try_from(per).ok(),
            _ => None,
        };
        Self {
            promise,
            times,
            allowed: (0..=grid.slices).map(allowed).collect(),
            since: vec![0; grid.slices as usize],
            window,
        }
    }
}

impl Stretches<'_> {
    /// The worst of the stretches in which too much was admitted.
    pub(super) fn worst(&mut self, cells: &mut [Cell]) -> Option<Breach> {
        cells.sort_unstable_by_key(|cell| cell.range.last);
        self.since.fill(0);
        let mut worst: Option<Breach> = None;
        let mut sight = Sight::default();
        for group in cells.chunk_by(|a, b| a.range.last == b.range.last) {
            let Some(end) = group.first() else { continue };
            let (key, last) = (end.key, end.range.last);
            if let Some(slices) = self.window
                && sight.window != last / slices
            {
                let window = last / slices;
                let previous = window.checked_sub(1).map(|before| self.since[(before * slices) as usize]);
                sight = Sight { window, previous: previous.unwrap_or(0) };
            }
            for cell in group {
                self.since[..=cell.range.first as usize].iter_mut().for_each(|sum| *sum += cell.admitted);
            }
            let breach = |first: u32, allowed| Breach {
                key,
                from_us: self.since_start(first),
                to_us: self.since_start(last + 1),
                admitted: self.since[first as usize],
                allowed,
            };
            let any = (0..=last).map(|first| breach(first, self.allowed(first, last)));
            let estimate = self.estimate(sight, last).map(|(first, allowed)| breach(first, allowed));
            worst = any.chain(estimate).chain(worst).max_by_key(Breach::excess);
        }
        worst.filter(|worst| worst.excess() > 0)
    }

    /// The most that can have been admitted by the end of slice `last` to the window it lies in, and where
    /// that begins. The last of them was admitted by then, so at least so much of the window before was still
    /// in sight.
    fn estimate(&self, sight: Sight, last: u32) -> Option<(u32, u64)> {
        let (Some(slices), Promise::Estimate { limit, .. }) = (self.window, self.promise) else {
            return None;
        };
        let first = sight.window * slices;
        let left = slices - 1 - (last - first);
        let weight = u128::from(sight.previous) * u128::from(left) / u128::from(slices);
        Some((first, limit.saturating_sub(u64::try_from(weight).unwrap_or(u64::MAX))))
    }

    /// The most allowed from one slice to the other.
    fn allowed(&self, first: u32, last: u32) -> u64 {
        match (self.window, self.promise) {
            // Where a window is several slices, what counts is how many windows are touched.
            (Some(window), Promise::Estimate { limit, .. }) => {
                limit.saturating_mul(u64::from(last / window - first / window + 1))
            }
            _ => self.allowed[(last - first + 1) as usize],
        }
    }

    /// When a slice begins, from the start of the run on.
    fn since_start(&self, slice: u32) -> u64 {
        let grid = &self.times.grid;
        let into = u128::from(slice) * u128::from(grid.every) / u128::from(grid.per);
        let at = u128::from(grid.origin) + into;
        u64::try_from(at.saturating_sub(u128::from(self.times.from.0))).unwrap_or(u64::MAX)
    }
}

/// A window of the estimate, and what certainly was admitted in the one before it.
#[derive(Clone, Copy, Debug, Default)]
struct Sight {
    window: u32,
    previous: u64,
}
