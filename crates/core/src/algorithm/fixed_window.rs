//! Fixed window: at most `limit` in each aligned window.
//!
//! Windows are aligned to the epoch, or to a phase of the key's own ([`FixedWindow::with_phase`]) so that
//! not all clients reset in the same instant.
//!
//! Not promised: two windows' worth can pass around an edge. The sliding algorithms close that gap.

use super::{Charge, LONGEST_LEASE, Status};
use crate::admission::Admission;
use crate::decision::{Leased, Retry};
use crate::time::{Micros, Timestamp};

/// A checked fixed-window limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FixedWindow {
    limit: u64,
    window: u64,
    phase: u64,
}

/// The count of one window, which is named by its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FixedWindowState {
    /// The first moment after the window, in microseconds.
    pub end: u64,
    /// The cost admitted in it.
    pub used: u64,
}

impl FixedWindow {
    pub(crate) fn new(limit: u64, window: Micros) -> Self {
        Self { limit, window: window.0, phase: 0 }
    }

    /// The same limit with windows that start `hash mod window` earlier than the aligned ones.
    #[must_use]
    pub fn with_phase(self, hash: u64) -> Self {
        Self { phase: hash % self.window, ..self }
    }

    pub(crate) fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// The most admitted in one window.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The window's length.
    #[must_use]
    pub fn window(&self) -> Micros {
        Micros(self.window)
    }

    /// How much earlier than the epoch's multiples the windows start.
    #[must_use]
    pub fn phase(&self) -> Micros {
        Micros(self.phase)
    }

    /// The first moment after the window that holds `now`.
    #[inline]
    fn end(&self, now: Timestamp) -> u64 {
        now.0 + (self.window - (now.0 + self.phase) % self.window)
    }

    /// Moves a count from a later window into the one that holds `now`: the clock has stepped back. It
    /// counts for this window, and no longer.
    #[inline]
    pub(super) fn carry(&self, state: &mut FixedWindowState, now: Timestamp) {
        state.end = state.end.min(self.end(now));
    }

    /// What is used of the window that holds `now`.
    #[inline]
    fn used(&self, state: &FixedWindowState, now: Timestamp) -> u64 {
        if state.end >= self.end(now) { state.used } else { 0 }
    }

    #[inline]
    pub(super) fn fit(&self, state: &FixedWindowState, cost: u64, now: Timestamp) -> Retry {
        if self.used(state, now).saturating_add(cost) <= self.limit {
            Retry::Now
        } else {
            Retry::After(Micros(self.end(now) - now.0))
        }
    }

    /// [`Rule::admit`](super::Rule::admit) of a cost of at least 1. The window's end is worked out once, instead of
    /// four times.
    #[inline]
    pub fn admit(&self, state: &mut FixedWindowState, cost: u64, now: Timestamp) -> Admission {
        let end = self.end(now);
        state.end = state.end.min(end);
        let mut used = if state.end == end { state.used } else { 0 };
        let allowed = used.saturating_add(cost) <= self.limit;
        if allowed {
            used += cost;
            *state = FixedWindowState { used, end };
        }
        Admission { allowed, exhausted: used >= self.limit }
    }

    #[inline]
    pub(super) fn charge(&self, state: &mut FixedWindowState, cost: u64, now: Timestamp) {
        *state = FixedWindowState { used: self.used(state, now) + cost, end: self.end(now) };
    }

    pub(super) fn refund(&self, state: &mut FixedWindowState, charge: Charge, now: Timestamp) {
        let end = self.end(now);
        if self.end(charge.at) == end {
            *state = FixedWindowState { used: self.used(state, now).saturating_sub(charge.cost), end };
        }
    }

    /// Until the window ends, and at most a tenth of it.
    pub(super) fn longest_lease(&self) -> Micros {
        Micros((self.window / 10).min(LONGEST_LEASE.0))
    }

    pub(super) fn lendable(&self, state: &FixedWindowState, now: Timestamp) -> Leased {
        let life = Micros(self.longest_lease().0.min(self.end(now) - now.0));
        Leased { tokens: self.status(state, now).remaining, life }
    }

    pub(super) fn lend(&self, state: &mut FixedWindowState, leased: Leased, now: Timestamp) {
        self.charge(state, leased.tokens, now);
    }

    pub(super) fn status(&self, state: &FixedWindowState, now: Timestamp) -> Status {
        let used = self.used(state, now);
        Status {
            remaining: self.limit.saturating_sub(used),
            reset_after: if used == 0 { Micros::ZERO } else { Micros(self.end(now) - now.0) },
        }
    }

    #[expect(clippy::unused_self, reason = "the same shape as every other algorithm")]
    #[inline]
    pub(super) fn expires(&self, state: &FixedWindowState) -> Timestamp {
        Timestamp(state.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: FixedWindow = FixedWindow { limit: 10, window: 100, phase: 0 };

    #[test]
    fn a_full_window_opens_again_exactly_at_its_end() {
        let mut state = FixedWindowState::default();
        RULE.charge(&mut state, 10, Timestamp(1_040));
        assert_eq!(RULE.fit(&state, 1, Timestamp(1_040)), Retry::After(Micros(60)));
        assert_eq!(RULE.fit(&state, 1, Timestamp(1_099)), Retry::After(Micros(1)));
        assert_eq!(RULE.fit(&state, 10, Timestamp(1_100)), Retry::Now);
    }

    #[test]
    fn a_phase_moves_the_edge() {
        let rule = RULE.with_phase(130);
        let mut state = FixedWindowState::default();
        rule.charge(&mut state, 10, Timestamp(1_069));
        assert_eq!(rule.fit(&state, 1, Timestamp(1_069)), Retry::After(Micros(1)));
    }

    #[test]
    fn a_refund_never_reaches_into_another_window() {
        let mut state = FixedWindowState::default();
        RULE.charge(&mut state, 4, Timestamp(1_099));
        RULE.charge(&mut state, 10, Timestamp(1_100));
        RULE.refund(&mut state, Charge { cost: 4, at: Timestamp(1_099) }, Timestamp(1_150));
        assert_eq!(RULE.status(&state, Timestamp(1_150)).remaining, 0);
        RULE.refund(&mut state, Charge { cost: 4, at: Timestamp(1_100) }, Timestamp(1_150));
        assert_eq!(RULE.status(&state, Timestamp(1_150)).remaining, 4);
    }

    #[test]
    fn a_clock_that_steps_back_locks_for_one_window_at_most() {
        let mut state = FixedWindowState::default();
        RULE.charge(&mut state, 10, Timestamp(9_000));
        RULE.carry(&mut state, Timestamp(1_000));
        assert_eq!(RULE.fit(&state, 1, Timestamp(1_000)), Retry::After(Micros(100)));
        assert_eq!(RULE.fit(&state, 10, Timestamp(1_100)), Retry::Now);
    }
}
