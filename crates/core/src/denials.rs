//! Denials that are certain for a while: once the store has said "no until T", an instance can say no by
//! itself until T. An abusive client costs the store nothing.
//!
//! What makes a denial uncertain before T is somebody giving something back (a refund, a raised limit), so
//! none is remembered for longer than [`Denials::LONGEST`]. T is counted from **before** the question was
//! sent, on this instance's own clock: the store decided later than that, so the memory ends at the latest
//! when the store would say yes.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

use crate::time::{Micros, Moment};

/// A bounded memory of denials, by the name of what was denied. `D` is what the store said.
#[derive(Debug)]
pub struct Denials<D, S> {
    known: HashMap<u128, Denial<D>, S>,
    /// The order in which they were learned, so that the oldest make room.
    order: VecDeque<(u128, Moment)>,
    capacity: usize,
}

/// What the store said.
#[derive(Clone, Debug)]
pub struct Denial<D> {
    /// The cost that was denied. Another one has an advice of its own, so it is asked for.
    pub cost: u64,
    /// Before the question was sent.
    pub asked: Moment,
    /// When the answer was there.
    pub heard: Moment,
    /// How long the answer holds.
    pub wait: Micros,
    /// The answer.
    pub answer: D,
}

impl<D> Denial<D> {
    /// How long it is still certain.
    #[must_use]
    pub fn until(&self) -> Moment {
        self.asked + self.wait
    }

    /// What to advise at `now`: never too short a wait, since the store decided before it was heard.
    #[must_use]
    pub fn retry_after(&self, now: Moment) -> Micros {
        Micros((self.heard + self.wait).since(now).0.max(1))
    }
}

impl<D, S: BuildHasher + Default> Denials<D, S> {
    /// The longest a denial is remembered: what is given back elsewhere is noticed within that time.
    pub const LONGEST: Micros = Micros::SECOND;

    /// A memory of that many denials.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { known: HashMap::default(), order: VecDeque::new(), capacity }
    }

    /// Learns a denial.
    pub fn learn(&mut self, name: u128, denial: Denial<D>) {
        self.order.push_back((name, denial.asked));
        self.known.insert(name, denial);
        while self.order.len() > self.capacity {
            self.drop_oldest();
        }
    }

    /// The denial that covers `cost` at `now`, if there is one.
    pub fn recall(&mut self, name: u128, cost: u64, now: Moment) -> Option<&Denial<D>> {
        // A little of what is over goes with every look, so memory returns without a sweep.
        for _ in 0..2 {
            if self.order.front().is_some_and(|&(_, asked)| now > asked + Self::LONGEST) {
                self.drop_oldest();
            }
        }
        self.known.get(&name).filter(|denial| {
            let certain = denial.until().min(denial.asked + Self::LONGEST);
            cost == denial.cost && now < certain
        })
    }

    /// Forgets a denial: something was given back.
    pub fn forget(&mut self, name: u128) {
        self.known.remove(&name);
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn drop_oldest(&mut self) {
        if let Some((name, asked)) = self.order.pop_front()
            && self.known.get(&name).is_some_and(|denial| denial.asked == asked)
        {
            self.known.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;

    fn denial(asked: u64, wait: u64) -> Denial<&'static str> {
        let (asked, heard) = (Moment(asked), Moment(asked + 200));
        Denial { cost: 1, asked, heard, wait: Micros(wait), answer: "no" }
    }

    #[test]
    fn a_denial_holds_until_the_store_could_say_yes_and_never_longer_than_a_second() {
        let mut denials: Denials<_, RandomState> = Denials::new(10);
        denials.learn(1, denial(1_000, 5_000));
        assert!(denials.recall(1, 1, Moment(5_999)).is_some());
        assert!(denials.recall(1, 1, Moment(6_000)).is_none());
        assert!(denials.recall(2, 1, Moment(1_500)).is_none());
        denials.learn(1, denial(1_000, 3_600_000_000));
        assert!(denials.recall(1, 1, Moment(1_000_999)).is_some());
        assert!(denials.recall(1, 1, Moment(1_001_000)).is_none());
    }

    #[test]
    fn the_advice_is_never_too_short() {
        let denial = denial(1_000, 5_000);
        assert_eq!(denial.retry_after(Moment(1_300)), Micros(4_900));
        assert_eq!(denial.retry_after(Moment(9_000)), Micros(1));
    }

    #[test]
    fn other_costs_and_what_was_forgotten_are_asked_again() {
        let mut denials: Denials<_, RandomState> = Denials::new(10);
        denials.learn(1, denial(0, 5_000));
        assert!(denials.recall(1, 2, Moment(1)).is_none());
        denials.forget(1);
        assert!(denials.recall(1, 1, Moment(1)).is_none());
    }

    #[test]
    fn memory_is_bounded_and_returns() {
        let mut denials: Denials<_, RandomState> = Denials::new(100);
        for name in 0..1_000 {
            denials.learn(name, denial(u64::try_from(name).unwrap(), 5_000));
        }
        assert_eq!(denials.len(), 100);
        assert!(
            denials.recall(999, 1, Moment(1_000)).is_some() && denials.recall(0, 1, Moment(1_000)).is_none()
        );
        for _ in 0..100 {
            denials.recall(0, 1, Moment(10_000_000));
        }
        assert!(denials.is_empty());
    }
}
