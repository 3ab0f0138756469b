//! Sliding window counter: the previous window's count, weighted by how much of it is still in sight,
//! plus the current window's count. Constant memory, no burst at the edge.
//!
//! Source: Cloudflare, "How we built rate limiting capable of scaling to millions of domains" (2017).
//! Unlike there, denied requests are not counted.
//!
//! Not promised: exactness. The estimate assumes that the previous window's requests were spread evenly.
//! Whatever the arrivals, an interval of the window's length admits less than twice the limit; measured
//! on real traffic the error is far smaller (see `docs/algorithms.md`).

use super::{Charge, LONGEST_LEASE, Status};
use crate::decision::{Leased, Retry};
use crate::time::{Micros, Timestamp};

/// Products up to here are exact in every store (a Lua number keeps 53 bits).
const EXACT: u64 = 1 << 52;

/// A checked sliding-window-counter limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlidingWindow {
    limit: u64,
    window: u64,
    /// The unit of time in which the previous window's share is measured: 1 µs unless
    /// `limit × window` would leave the 52 bits that every store keeps exactly.
    grain: u64,
}

/// The counts of two neighbouring windows; the later one is named by its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlidingWindowState {
    /// The first moment after the current window, in microseconds.
    pub end: u64,
    /// The cost admitted in the window before.
    pub previous: u64,
    /// The cost admitted in the current window.
    pub current: u64,
}

impl SlidingWindow {
    pub(crate) fn new(limit: u64, window: Micros) -> Self {
        let product = u128::from(limit) * u128::from(window.0);
        let grain = u64::try_from(product.div_ceil(u128::from(EXACT))).unwrap_or(u64::MAX).max(1);
        Self { limit, window: window.0, grain }
    }

    pub(crate) fn with_limit(self, limit: u64) -> Self {
        Self::new(limit, self.window())
    }

    /// The most the estimate may reach.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The window's length.
    #[must_use]
    pub fn window(&self) -> Micros {
        Micros(self.window)
    }

    /// The unit in which the previous window's share is measured, in microseconds.
    #[must_use]
    pub fn grain(&self) -> Micros {
        Micros(self.grain)
    }

    fn end(&self, now: Timestamp) -> u64 {
        now.0 + (self.window - now.0 % self.window)
    }

    /// Moves a count from a later window into the one that holds `now`: the clock has stepped back.
    pub(super) fn carry(&self, state: &mut SlidingWindowState, now: Timestamp) {
        state.end = state.end.min(self.end(now));
    }

    /// The state as seen at `now`: rolled on by the windows that have passed.
    fn at(&self, state: &SlidingWindowState, now: Timestamp) -> SlidingWindowState {
        let end = self.end(now);
        if state.end >= end {
            SlidingWindowState { end, ..*state }
        } else if state.end + self.window == end {
            SlidingWindowState { end, previous: state.current, current: 0 }
        } else {
            SlidingWindowState { end, previous: 0, current: 0 }
        }
    }

    /// The whole window in grains.
    fn grains(&self) -> u64 {
        self.window.div_ceil(self.grain)
    }

    /// The previous window's weighted count, rounded up; `left` is what is left of the current window.
    fn weighted(&self, previous: u64, left: u64) -> u64 {
        (self.weighable(previous) * left.div_ceil(self.grain)).div_ceil(self.grains())
    }

    /// A count from before the limit was lowered may be above it, but not above what is exact.
    fn weighable(&self, previous: u64) -> u64 {
        previous.min(EXACT / self.grains()).max(previous.min(self.limit))
    }

    /// The most that may be left of the current window so that `previous` weighs at most `room`.
    fn left_for(&self, previous: u64, room: u64) -> u64 {
        match self.weighable(previous) {
            0 => self.window,
            previous => (room * self.grains() / previous * self.grain).min(self.window),
        }
    }

    pub(super) fn fit(&self, state: &SlidingWindowState, cost: u64, now: Timestamp) -> Retry {
        let seen = self.at(state, now);
        let left = seen.end - now.0;
        let taken = seen.current.saturating_add(cost);
        if taken.saturating_add(self.weighted(seen.previous, left)) <= self.limit {
            return Retry::Now;
        }
        // It fits when the previous window has slid far enough out of sight: of this window, of the
        // next one (where today's count is the previous), or at the latest of the one after.
        if taken <= self.limit {
            let needed = self.left_for(seen.previous, self.limit - taken);
            if needed > 0 {
                return Retry::After(Micros(left - needed));
            }
        }
        let needed = self.left_for(seen.current, self.limit - cost);
        Retry::After(Micros(left + (self.window - needed)))
    }

    pub(super) fn charge(&self, state: &mut SlidingWindowState, cost: u64, now: Timestamp) {
        let seen = self.at(state, now);
        *state = SlidingWindowState { current: seen.current + cost, ..seen };
    }

    pub(super) fn refund(&self, state: &mut SlidingWindowState, charge: Charge, now: Timestamp) {
        let seen = self.at(state, now);
        let end = self.end(charge.at);
        if end == seen.end {
            *state = SlidingWindowState { current: seen.current.saturating_sub(charge.cost), ..seen };
        } else if end + self.window == seen.end {
            *state = SlidingWindowState { previous: seen.previous.saturating_sub(charge.cost), ..seen };
        }
    }

    /// Until the window ends, and at most a tenth of it.
    pub(super) fn longest_lease(&self) -> Micros {
        Micros((self.window / 10).min(LONGEST_LEASE.0))
    }

    pub(super) fn lendable(&self, state: &SlidingWindowState, now: Timestamp) -> Leased {
        let life = Micros(self.longest_lease().0.min(self.end(now) - now.0));
        Leased { tokens: self.status(state, now).remaining, life }
    }

    pub(super) fn lend(&self, state: &mut SlidingWindowState, leased: Leased, now: Timestamp) {
        self.charge(state, leased.tokens, now);
    }

    pub(super) fn status(&self, state: &SlidingWindowState, now: Timestamp) -> Status {
        let seen = self.at(state, now);
        let left = seen.end - now.0;
        let estimate = seen.current + self.weighted(seen.previous, left);
        let reset_after = match (seen.previous, seen.current) {
            (0, 0) => 0,
            (_, 0) => left,
            _ => left + self.window,
        };
        Status { remaining: self.limit.saturating_sub(estimate), reset_after: Micros(reset_after) }
    }

    pub(super) fn expires(&self, state: &SlidingWindowState) -> Timestamp {
        Timestamp(if state.current > 0 { state.end + self.window } else { state.end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: SlidingWindow = SlidingWindow { limit: 10, window: 100, grain: 1 };

    #[test]
    fn the_previous_window_slides_out_of_sight() {
        let mut state = SlidingWindowState::default();
        RULE.charge(&mut state, 10, Timestamp(1_050));
        assert_eq!(RULE.status(&state, Timestamp(1_100)).remaining, 0);
        assert_eq!(RULE.status(&state, Timestamp(1_150)).remaining, 5);
        assert_eq!(RULE.status(&state, Timestamp(1_199)).remaining, 9);
        assert_eq!(RULE.status(&state, Timestamp(1_200)).remaining, 10);
    }

    #[test]
    fn retry_crosses_into_the_next_window_and_the_one_after() {
        let mut state = SlidingWindowState::default();
        RULE.charge(&mut state, 10, Timestamp(1_050));
        assert_eq!(RULE.fit(&state, 1, Timestamp(1_050)), Retry::After(Micros(60)));
        assert_eq!(RULE.fit(&state, 10, Timestamp(1_050)), Retry::After(Micros(150)));
        assert_eq!(RULE.fit(&state, 10, Timestamp(1_200)), Retry::Now);
    }

    #[test]
    fn a_denial_a_previous_window_makes_ends_within_this_window() {
        let mut state = SlidingWindowState::default();
        RULE.charge(&mut state, 10, Timestamp(1_099));
        assert_eq!(RULE.fit(&state, 5, Timestamp(1_110)), Retry::After(Micros(40)));
    }

    #[test]
    fn huge_limits_stay_within_52_bits() {
        let rule = SlidingWindow::new(1 << 32, Micros::from_secs(30 * 86_400));
        assert!(rule.limit * rule.grains() <= 1 << 53);
        let mut state = SlidingWindowState::default();
        rule.charge(&mut state, 1 << 32, Timestamp(1));
        assert_eq!(rule.status(&state, Timestamp(rule.window)).remaining, 0);
    }
}
