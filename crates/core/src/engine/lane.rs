//! Group commit: while a store call for some counters is in flight, everybody else who wants the same waits
//! in line, and goes out as **one** combined call when it has landed.
//!
//! A thousand concurrent callers of one client cost a handful of store calls. An idle lane adds no delay:
//! whoever comes first goes at once, alone. What a call was granted is [handed out](hand_out) in the order of
//! the requests, each all or nothing: the same decisions as if each had been decided for itself, one after the
//! other, at the moment the store decided for all.

use std::collections::VecDeque;

use super::walk::Detail;

/// The line of requests for the same counters. `T` is how a request is told its answer.
#[derive(Debug)]
pub(super) struct Lane<T> {
    waiting: VecDeque<Passenger<T>>,
    flying: bool,
}

/// A request in line.
#[derive(Debug)]
pub struct Passenger<T> {
    /// How it is told its answer.
    pub ticket: T,
    /// What it costs, at least 1.
    pub cost: u64,
    /// Whether its answer is to say what is left.
    pub told: bool,
}

impl<T> Passenger<T> {
    /// How much of the answer it reads.
    #[must_use]
    pub fn detail(&self) -> Detail {
        if self.told { Detail::Full } else { Detail::Verdict }
    }
}

/// What a request of a flight has come to.
#[derive(Debug)]
pub(super) struct Landed<T> {
    /// The request.
    pub(super) passenger: Passenger<T>,
    /// If it was admitted: what is left of the flight's grant after it. `None`: denied.
    pub(super) left: Option<u64>,
}

/// How many wait in one line at most.
pub const LONGEST_LINE: usize = 10_000;
/// How many share a flight at most: its answer is handed out in one go.
pub(super) const SEATS: usize = 1_024;

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), flying: false }
    }
}

impl<T> Lane<T> {
    /// Whether a call is in flight.
    pub(super) fn is_flying(&self) -> bool {
        self.flying
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether nobody else can wait.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= LONGEST_LINE
    }

    pub(super) fn take_off(&mut self) {
        self.flying = true;
    }

    pub(super) fn wait(&mut self, passenger: Passenger<T>) {
        self.waiting.push_back(passenger);
    }

    /// What the first in line costs.
    pub(super) fn first_cost(&self) -> Option<u64> {
        self.waiting.front().map(|passenger| passenger.cost)
    }

    pub(super) fn pop(&mut self) -> Option<Passenger<T>> {
        self.waiting.pop_front()
    }

    /// Everybody in line, who will not be served.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = T> {
        std::mem::take(&mut self.waiting).into_iter().map(|passenger| passenger.ticket)
    }

    /// The call before has landed (or is lost): the next to go, or nobody, which leaves the lane idle.
    pub(super) fn board(&mut self) -> Vec<Passenger<T>> {
        let seats = self.waiting.len().min(SEATS);
        self.flying = seats > 0;
        self.waiting.drain(..seats).collect()
    }
}

/// Hands out what was granted, in order.
pub(super) fn hand_out<T>(passengers: Vec<Passenger<T>>, granted: u64) -> impl Iterator<Item = Landed<T>> {
    let mut left = granted;
    passengers.into_iter().map(move |passenger| {
        let after = left.checked_sub(passenger.cost);
        left = after.unwrap_or(left);
        Landed { passenger, left: after }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::check::Slot;
    use crate::{Algorithm, Mode, Quota, State, Timestamp, decide};

    fn line(costs: &[u64]) -> Vec<Passenger<usize>> {
        let mut lane = Lane::default();
        for (ticket, &cost) in costs.iter().enumerate() {
            lane.wait(Passenger { ticket, cost, told: true });
        }
        lane.board()
    }

    #[test]
    fn a_flight_has_so_many_seats_and_the_line_so_many_places() {
        let mut lane = Lane::default();
        (0..LONGEST_LINE).for_each(|ticket| lane.wait(Passenger { ticket, cost: 1, told: true }));
        assert!(lane.is_full());
        assert_eq!(lane.board().len(), SEATS);
        assert!(lane.is_flying() && !lane.is_full());
    }

    #[test]
    fn who_can_not_have_it_all_gets_nothing_and_the_next_one_may_still() {
        let left: Vec<_> = hand_out(line(&[5, 2, 1]), 4).map(|landed| landed.left).collect();
        assert_eq!(left, [None, Some(2), Some(1)]);
    }

    proptest! {
        #[test]
        fn a_flight_decides_what_its_requests_would_have_been_told_one_by_one(
            algorithm in 0..5_usize, limit in 1_u64..30, used in 0_u64..30,
            costs in proptest::collection::vec(1_u64..6, 1..20),
        ) {
            let now = Timestamp(1_700_000_000_000_000);
            let rule = Quota::per_minute(limit).algorithm(Algorithm::ALL[algorithm]).rule().unwrap();
            let mut state = State::Empty;
            let ask = |state: &mut State, cost, mode| {
                decide(&mut [Slot { rule: &rule, cost, state }], mode, now)
            };
            ask(&mut state, used.min(limit), Mode::Take);
            let mut alone = state.clone();
            let one_by_one: Vec<bool> =
                costs.iter().map(|&cost| ask(&mut alone, cost, Mode::Take).allowed).collect();

            let granted = ask(&mut state, costs.iter().sum(), Mode::TakeUpTo).granted;
            let landed: Vec<_> = hand_out(line(&costs), granted).collect();
            let together: Vec<bool> = landed.iter().map(|landed| landed.left.is_some()).collect();
            prop_assert_eq!(together, one_by_one);
            let left = landed.iter().filter_map(|landed| landed.left).next_back().unwrap_or(granted);
            ask(&mut state, left, Mode::Refund(now));
            prop_assert_eq!(rule.status(&state, now), rule.status(&alone, now));
        }
    }
}
