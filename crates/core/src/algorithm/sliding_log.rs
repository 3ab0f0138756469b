//! Sliding window log: at most `limit` in **every** interval of the window's length, both ends included.
//!
//! Each admitted cost is kept with its time stamp until it has left the window. Above
//! [`SlidingLog::EXACT_ENTRIES`] the log coarsens: stamps are rounded *up* to the end of one of at most
//! 1,016 time slices, so an entry leaves the window up to one slice late, never early. Still never over
//! the limit, and the memory is bounded whatever the limit.

use std::collections::VecDeque;

use super::{Charge, LONGEST_LEASE, SHORTEST_LEASE, Status};
use crate::decision::{Leased, Retry};
use crate::time::{Micros, Timestamp};

/// A checked sliding-log limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlidingLog {
    limit: u64,
    window: u64,
    slice: u64,
}

/// The admitted costs that may still be in the window, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    entries: VecDeque<Entry>,
    total: u64,
    expires: Timestamp,
}

/// The cost admitted within one slice of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The last moment of the slice, in microseconds.
    stamp: u64,
    cost: u64,
}

impl SlidingLog {
    /// Up to this limit every admitted cost keeps its exact time.
    pub const EXACT_ENTRIES: u64 = 1_024;
    /// The slices of a window above that: with those of the longest lease, no more entries.
    const SLICES: u64 = 1_016;

    pub(crate) fn new(limit: u64, window: Micros) -> Self {
        let slice = if limit <= Self::EXACT_ENTRIES { 1 } else { window.0.div_ceil(Self::SLICES) };
        Self { limit, window: window.0, slice }
    }

    pub(crate) fn with_limit(self, limit: u64) -> Self {
        Self::new(limit, self.window())
    }

    /// The most admitted in every interval of the window's length.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The window's length.
    #[must_use]
    pub fn window(&self) -> Micros {
        Micros(self.window)
    }

    /// The precision of the time stamps: 1 µs for limits up to [`Self::EXACT_ENTRIES`].
    #[must_use]
    pub fn slice(&self) -> Micros {
        Micros(self.slice)
    }

    /// The last moment of the slice that holds `now`.
    fn stamp(&self, now: Timestamp) -> u64 {
        now.0 - now.0 % self.slice + (self.slice - 1)
    }

    /// How far ahead borrowed tokens are stamped, and how long they may be spent: a two-hundredth of the
    /// window, which is how much later they may leave it. Nothing is lent where that is too short.
    pub(super) fn hold(&self) -> Micros {
        match self.window / 200 {
            0..SHORTEST_LEASE => Micros::ZERO,
            hold => Micros(hold.min(LONGEST_LEASE.0)),
        }
    }

    /// The latest stamp that could have been written by `now`.
    fn latest(&self, now: Timestamp) -> u64 {
        self.stamp(now + self.hold())
    }

    /// When an entry has left the window: the interval that ends there no longer holds its stamp.
    fn leaves(&self, stamp: u64) -> u64 {
        stamp + self.window + 1
    }

    /// The entries still in the window. Later stamps than could have been written by `now` (the clock has
    /// stepped back) are read as the latest that could.
    fn live<'a>(&'a self, state: &'a LogState, now: Timestamp) -> impl Iterator<Item = Entry> + 'a {
        let latest = self.latest(now);
        state
            .entries
            .iter()
            .map(move |entry| Entry { stamp: entry.stamp.min(latest), ..*entry })
            .skip_while(move |entry| self.leaves(entry.stamp) <= now.0)
    }

    fn used(&self, state: &LogState, now: Timestamp) -> u64 {
        let gone: u64 = state
            .entries
            .iter()
            .take_while(|entry| self.leaves(entry.stamp) <= now.0)
            .map(|entry| entry.cost)
            .sum();
        state.total - gone
    }

    pub(super) fn fit(&self, state: &LogState, cost: u64, now: Timestamp) -> Retry {
        let Some(mut excess) =
            (self.used(state, now) + cost).checked_sub(self.limit + 1).map(|over| over + 1)
        else {
            return Retry::Now;
        };
        for entry in self.live(state, now) {
            if entry.cost >= excess {
                return Retry::After(Micros(self.leaves(entry.stamp) - now.0));
            }
            excess -= entry.cost;
        }
        Retry::Now // A cost of at most the limit fits an empty log.
    }

    pub(super) fn charge(&self, state: &mut LogState, cost: u64, now: Timestamp) {
        self.settle(state, now);
        self.enter(state, Entry { stamp: self.stamp(now), cost });
    }

    pub(super) fn lendable(&self, state: &LogState, now: Timestamp) -> Leased {
        Leased { tokens: self.limit.saturating_sub(self.used(state, now)), life: self.hold() }
    }

    /// Stamps borrowed tokens with the last moment at which they can be spent.
    pub(super) fn lend(&self, state: &mut LogState, leased: Leased, now: Timestamp) {
        self.settle(state, now);
        self.enter(state, Entry { stamp: self.stamp(leased.last(now)), cost: leased.tokens });
    }

    /// Adds an entry. While tokens are lent, what is charged after them leaves with them: entries stay in
    /// the order of their stamps.
    fn enter(&self, state: &mut LogState, entry: Entry) {
        match state.entries.back_mut() {
            Some(newest) if newest.stamp >= entry.stamp => newest.cost += entry.cost,
            _ => state.entries.push_back(entry),
        }
        state.total += entry.cost;
        let newest = state.entries.back().map_or(entry.stamp, |newest| newest.stamp);
        state.expires = Timestamp(self.leaves(newest));
    }

    /// Takes the cost out of the entry it was stamped in, or out of the one before: never out of a later one,
    /// which would then no longer cover what was spent under it for long enough.
    pub(super) fn refund(&self, state: &mut LogState, charge: Charge, now: Timestamp) {
        self.settle(state, now);
        let stamp = self.stamp(charge.at);
        if let Some(entry) = state.entries.iter_mut().rev().find(|entry| entry.stamp <= stamp) {
            let back = charge.cost.min(entry.cost);
            entry.cost -= back;
            state.total -= back;
            state.entries.retain(|entry| entry.cost > 0);
        }
    }

    /// Stamps later than any that could have been written by `now` become the newest that could: the clock
    /// has stepped back, or the slices have become finer with a lowered limit.
    pub(super) fn carry(&self, state: &mut LogState, now: Timestamp) {
        let latest = self.latest(now);
        if state.entries.back().is_some_and(|entry| entry.stamp > latest) {
            self.settle(state, now);
            state.expires = Timestamp(self.leaves(latest));
        }
    }

    /// Drops what has left the window, and merges stamps that the clock has stepped behind.
    fn settle(&self, state: &mut LogState, now: Timestamp) {
        let latest = self.latest(now);
        while let Some(oldest) = state.entries.front().filter(|entry| self.leaves(entry.stamp) <= now.0) {
            state.total -= oldest.cost;
            state.entries.pop_front();
        }
        let mut ahead = 0;
        while let Some(entry) = state.entries.back().filter(|entry| entry.stamp > latest) {
            ahead += entry.cost;
            state.entries.pop_back();
        }
        match state.entries.back_mut() {
            _ if ahead == 0 => {}
            Some(last) if last.stamp == latest => last.cost += ahead,
            _ => state.entries.push_back(Entry { stamp: latest, cost: ahead }),
        }
    }

    pub(super) fn status(&self, state: &LogState, now: Timestamp) -> Status {
        let used = self.used(state, now);
        let newest = state.entries.back().map_or(0, |entry| entry.stamp.min(self.latest(now)));
        Status {
            remaining: self.limit.saturating_sub(used),
            reset_after: if used == 0 { Micros::ZERO } else { Micros(self.leaves(newest) - now.0) },
        }
    }

    #[expect(clippy::unused_self, reason = "the same shape as every other algorithm")]
    pub(super) fn expires(&self, state: &LogState) -> Timestamp {
        state.expires
    }
}

impl LogState {
    /// How many entries the log holds: at most [`SlidingLog::EXACT_ENTRIES`].
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// The bytes the log takes, with room for entries to come.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.entries.capacity() * size_of::<Entry>()
    }

    /// The bytes that the next charge may add to them.
    #[must_use]
    pub fn growth(&self) -> usize {
        let capacity = self.entries.capacity();
        // The standard library's deque doubles, from four.
        if self.entries.len() < capacity { 0 } else { capacity.max(4) * size_of::<Entry>() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(limit: u64) -> SlidingLog {
        SlidingLog::new(limit, Micros(1_000))
    }

    #[test]
    fn both_ends_of_the_interval_count() {
        let (rule, mut state) = (rule(1), LogState::default());
        rule.charge(&mut state, 1, Timestamp(5_000));
        assert_eq!(rule.fit(&state, 1, Timestamp(6_000)), Retry::After(Micros(1)));
        assert_eq!(rule.fit(&state, 1, Timestamp(6_001)), Retry::Now);
    }

    #[test]
    fn a_heavy_request_waits_for_enough_to_leave() {
        let (rule, mut state) = (rule(10), LogState::default());
        for (at, cost) in [(5_000, 4), (5_100, 3), (5_200, 3)] {
            rule.charge(&mut state, cost, Timestamp(at));
        }
        assert_eq!(rule.fit(&state, 4, Timestamp(5_200)), Retry::After(Micros(801)));
        assert_eq!(rule.fit(&state, 5, Timestamp(5_200)), Retry::After(Micros(901)));
    }

    #[test]
    fn a_large_limit_keeps_at_most_1024_entries_and_leaves_late() {
        let rule = SlidingLog::new(1_000_000, Micros::from_secs(60));
        let mut state = LogState::default();
        for step in 0..200_000 {
            rule.charge(&mut state, 1, Timestamp(step * 700));
        }
        assert!(state.entries() <= 1_024, "{} entries", state.entries());
        let mut lone = LogState::default();
        rule.charge(&mut lone, 1_000_000, Timestamp(0));
        assert!(!rule.fit(&lone, 1, Timestamp(60_000_000)).is_now(), "left the window early");
    }

    #[test]
    fn a_refund_takes_back_the_charge_it_names() {
        let (rule, mut state) = (rule(2), LogState::default());
        rule.charge(&mut state, 1, Timestamp(5_000));
        rule.charge(&mut state, 1, Timestamp(5_500));
        rule.refund(&mut state, Charge { cost: 1, at: Timestamp(5_000) }, Timestamp(5_600));
        assert_eq!(rule.status(&state, Timestamp(6_400)).remaining, 1, "the charge of 5,500 stays");
        rule.refund(&mut state, Charge { cost: 7, at: Timestamp(5_500) }, Timestamp(6_400));
        assert_eq!(rule.status(&state, Timestamp(6_400)).remaining, 2);
    }

    #[test]
    fn a_clock_that_steps_back_locks_for_one_window_at_most() {
        let (rule, mut state) = (rule(1), LogState::default());
        rule.charge(&mut state, 1, Timestamp(90_000));
        rule.carry(&mut state, Timestamp(5_000));
        assert_eq!(rule.fit(&state, 1, Timestamp(5_000)), Retry::After(Micros(1_001)));
        assert_eq!(rule.fit(&state, 1, Timestamp(6_001)), Retry::Now);
    }
}
