//! Group commit: while a store call for some counters is in flight, everybody else who wants the same waits
//! in line, and goes out as **one** combined call when it has landed.
//!
//! A thousand concurrent callers of one client cost a handful of store calls. An idle lane adds no delay:
//! whoever comes first goes at once, alone.
//!
//! The lane does no I/O and owns no task. Whoever it tells to [lead](Asked::Lead) makes a store call and
//! then [boards](Lane::board) the next flight, until there is nobody left. What a flight was granted is
//! [handed out](Flight::land) in the order of the requests, each all or nothing: the same decisions as if
//! each had been decided for itself, one after the other, at the moment the store decided for all.

use std::collections::VecDeque;

/// The line of requests for the same counters. `T` is how a request is told its answer.
#[derive(Debug)]
pub struct Lane<T> {
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
}

/// What a request is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Make the store call, then board the next flight.
    Lead,
    /// Wait for the answer.
    Wait,
    /// Give up: more than [`Lane::LONGEST`] are waiting already.
    Overloaded,
}

/// Requests that share one store call, in their order.
#[derive(Debug)]
pub struct Flight<T>(Vec<Passenger<T>>);

/// What a request of a flight has come to.
#[derive(Debug)]
pub struct Landed<T> {
    /// The request.
    pub passenger: Passenger<T>,
    /// If it was admitted: what is left of the flight's grant after it. `None`: denied.
    pub left: Option<u64>,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), flying: false }
    }
}

impl<T> Lane<T> {
    /// How many wait at most.
    pub const LONGEST: usize = 10_000;
    /// How many share a flight at most: its answer is handed out in one go.
    pub const SEATS: usize = 1_024;

    /// A request comes. `ticket` is made only if it has to wait.
    pub fn ask(&mut self, cost: u64, ticket: impl FnOnce() -> T) -> Asked {
        if !self.flying {
            self.flying = true;
            return Asked::Lead;
        }
        if self.waiting.len() >= Self::LONGEST {
            return Asked::Overloaded;
        }
        self.waiting.push_back(Passenger { ticket: ticket(), cost });
        Asked::Wait
    }

    /// The call before has landed (or is lost): the next flight, or nobody, which leaves the lane idle.
    pub fn board(&mut self) -> Option<Flight<T>> {
        let seats = self.waiting.len().min(Self::SEATS);
        self.flying = seats > 0;
        self.flying.then(|| Flight(self.waiting.drain(..seats).collect()))
    }

    /// Whether nobody flies and nobody waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.flying
    }
}

impl<T> Flight<T> {
    /// What all of its requests cost together.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.0.iter().fold(0, |sum, passenger| sum.saturating_add(passenger.cost))
    }

    /// Its requests.
    pub fn passengers(&self) -> impl Iterator<Item = &Passenger<T>> {
        self.0.iter()
    }

    /// The same requests without any answer.
    #[must_use]
    pub fn into_passengers(self) -> Vec<Passenger<T>> {
        self.0
    }

    /// Hands out what was granted. What is left after the last one belongs to nobody: it goes back.
    #[must_use]
    pub fn land(self, granted: u64) -> (Vec<Landed<T>>, u64) {
        let mut left = granted;
        let hand_out = |passenger: Passenger<T>| {
            let after = left.checked_sub(passenger.cost);
            left = after.unwrap_or(left);
            Landed { passenger, left: after }
        };
        let landed = self.0.into_iter().map(hand_out).collect();
        (landed, left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::check::Slot;
    use crate::{Algorithm, Mode, Quota, State, Timestamp, decide};

    fn queue(costs: &[u64]) -> Lane<usize> {
        let mut lane = Lane::default();
        assert_eq!(lane.ask(1, || unreachable!("the first one leads")), Asked::Lead);
        for (index, &cost) in costs.iter().enumerate() {
            assert_eq!(lane.ask(cost, || index), Asked::Wait);
        }
        lane
    }

    #[test]
    fn one_flies_at_a_time_and_an_idle_lane_lets_the_next_one_lead() {
        let mut lane = queue(&[1, 1]);
        assert_eq!(lane.board().unwrap().cost(), 2);
        assert_eq!(lane.ask(5, || 2), Asked::Wait);
        assert_eq!(lane.board().unwrap().cost(), 5);
        assert!(lane.board().is_none() && lane.is_idle());
        assert_eq!(lane.ask(1, || 3), Asked::Lead);
    }

    #[test]
    fn the_line_is_bounded() {
        let mut lane = queue(&vec![1; Lane::<usize>::LONGEST]);
        assert_eq!(lane.ask(1, || unreachable!("there is no room")), Asked::Overloaded);
        assert_eq!(lane.board().unwrap().cost(), Lane::<usize>::SEATS as u64);
    }

    #[test]
    fn what_is_left_of_a_grant_is_nobodys() {
        let (landed, left) = queue(&[5, 2, 1]).board().unwrap().land(4);
        let left_after: Vec<_> = landed.iter().map(|landed| landed.left).collect();
        assert_eq!((left_after.as_slice(), left), ([None, Some(2), Some(1)].as_slice(), 1));
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

            let flight = queue(&costs).board().unwrap();
            let granted = ask(&mut state, flight.cost(), Mode::TakeUpTo).granted;
            let (landed, left) = flight.land(granted);
            let together: Vec<bool> = landed.iter().map(|landed| landed.left.is_some()).collect();
            prop_assert_eq!(together, one_by_one);
            ask(&mut state, left, Mode::Refund(now));
            prop_assert_eq!(rule.status(&state, now), rule.status(&alone, now));
        }
    }
}
