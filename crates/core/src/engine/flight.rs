//! Requests that share one store call, and what it has brought them.

use smallvec::SmallVec;

use super::demand::{Answer, Demand, Found, Picks, Unspent};
use super::lane::{Landed, Passenger, hand_out};
use super::walk::{Detail, Haul};
use crate::check::{Check, Mode};
use crate::time::{Micros, Moment, Timestamp};

/// What a store call is to do beside its requests' own costs.
#[derive(Clone, Debug, Default)]
pub struct Departure {
    /// When it starts, on this instance's clock.
    pub at: Moment,
    /// How many tokens to borrow for those who come later.
    pub extra: u64,
    /// Borrowed tokens that go back first, so that the store decides with all there is.
    pub unspent: SmallVec<[Unspent; 2]>,
}

/// A store call on its way. `T` is how a request is told its answer; `E` knows what to ask for.
#[derive(Debug)]
pub struct Flight<T, E> {
    pub(super) passengers: Vec<Passenger<T>>,
    /// What to do beside.
    pub departure: Departure,
    /// What to ask for.
    pub errand: E,
}

/// What a flight has come to.
#[derive(Debug)]
pub struct Landing<T> {
    /// Requests with their answers, first come, first served.
    pub answers: Vec<(T, Answer)>,
    /// Requests whose larger cost was not to be had: what they are to be told, only the store knows.
    pub undecided: Vec<Passenger<T>>,
    /// What was charged for nobody.
    pub spare: Spare,
}

/// Charges that nobody wants, to be given back.
#[derive(Debug)]
pub struct Spare {
    at: Timestamp,
    /// How many tokens of each demand.
    tokens: u64,
    /// Where they were charged, they and more.
    picks: SmallVec<[Picks; 2]>,
}

impl<T, E> Flight<T, E> {
    /// What all of its requests cost together.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.passengers.iter().fold(0, |sum, passenger| sum.saturating_add(passenger.cost))
    }

    /// Whether several requests share it, so that what there is may have to be divided.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.passengers.len() > 1
    }

    /// How much of the answer its requests read.
    #[must_use]
    pub fn detail(&self) -> Detail {
        let told = |passenger: &Passenger<T>| passenger.told;
        if self.passengers.iter().any(told) { Detail::Full } else { Detail::Verdict }
    }

    /// How its requests are told.
    pub fn tickets(&self) -> impl Iterator<Item = &T> {
        self.passengers.iter().map(|passenger| &passenger.ticket)
    }

    /// Its requests, without any answer.
    pub fn into_tickets(self) -> impl Iterator<Item = T> {
        self.passengers.into_iter().map(|passenger| passenger.ticket)
    }

    /// Hands out what was brought.
    pub fn land(self, haul: Haul) -> Landing<T> {
        let shared = self.is_shared();
        let Haul { granted, at, mut found, denial, loan } = haul;
        let at_hand = loan.leased.tokens;
        let mut answers = Vec::with_capacity(self.passengers.len());
        let (mut undecided, mut tokens) = (Vec::new(), granted);
        for Landed { passenger, left } in hand_out(self.passengers, granted) {
            let Passenger { ticket, cost, told } = passenger;
            match (left, &denial) {
                (Some(left), _) => {
                    let parts = found.iter_mut().take(if told { usize::MAX } else { 0 });
                    let found = parts.map(|all| part(all, cost, left + at_hand)).collect();
                    tokens = left;
                    answers
                        .push((ticket, Answer { allowed: true, granted: cost, at, found, borrowed: false }));
                }
                (None, Some(denial)) if cost == 1 || !shared => {
                    let found = if told { denial.found.clone() } else { Vec::new() };
                    answers.push((ticket, Answer { found, ..*denial }));
                }
                (None, _) => undecided.push(Passenger { ticket, cost, told }),
            }
        }
        let picks = found.into_iter().map(|all| all.picks).collect();
        Landing { answers, undecided, spare: Spare { at, tokens, picks } }
    }
}

impl Spare {
    /// A request that was answered has gone away.
    pub fn put_back(&mut self, answer: Answer) {
        self.tokens += answer.granted;
        for (picks, found) in self.picks.iter_mut().zip(answer.found) {
            picks.extend(found.picks);
        }
    }

    /// What has to be asked so that it comes back.
    #[must_use]
    pub fn checks<'a>(mut self, demands: &'a [Demand<'a>]) -> Vec<Check<'a>> {
        let (mode, tokens) = (Mode::Refund(self.at), self.tokens);
        let charges = demands.iter().zip(&mut self.picks).flat_map(|(demand, picks)| {
            draw(picks, tokens).into_iter().map(move |(shard, cost)| demand.give_back(shard, cost, mode))
        });
        charges.collect()
    }
}

/// The part of a request that costs `cost`, after which `left` of the haul is left.
fn part(all: &mut Found, cost: u64, left: u64) -> Found {
    let mut outcome = all.outcome;
    outcome.remaining += left;
    outcome.delay = Micros::ZERO;
    Found { outcome, picks: draw(&mut all.picks, cost) }
}

/// Takes `cost` out of charges.
fn draw(charges: &mut Picks, mut cost: u64) -> Picks {
    let mut drawn = Picks::new();
    while cost > 0
        && let Some((shard, charged)) = charges.last_mut()
    {
        let part = cost.min(*charged);
        drawn.push((*shard, part));
        *charged -= part;
        cost -= part;
        if *charged == 0 {
            charges.pop();
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    #[test]
    fn every_charge_is_drawn_once() {
        let mut charges: Picks = smallvec![(0, 3), (4, 2)];
        assert_eq!(draw(&mut charges, 1).as_slice(), [(4, 1)]);
        assert_eq!(draw(&mut charges, 3).as_slice(), [(4, 1), (0, 2)]);
        assert_eq!(draw(&mut charges, 9).as_slice(), [(0, 1)]);
        assert!(charges.is_empty());
    }
}
