//! Denials that are certain for a while: once the store has said "no until T", an instance can say no by
//! itself until T. An abusive client costs the store nothing.
//!
//! What makes a denial uncertain before T is somebody giving something back: a refund, a raised limit, a lease
//! that was not spent. So none is remembered for longer than [`Denials::LONGEST`], or than a lease lasts where
//! others may hold one. T is counted from **before** the question was sent, on this instance's own clock: the
//! store decided later than that, so the memory ends at the latest when the store would say yes.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

use super::demand::Answer;
use crate::decision::Retry;
use crate::time::{Micros, Moment};

/// A bounded memory of denials, by the name of what was denied.
#[derive(Debug)]
pub(super) struct Denials<S> {
    known: HashMap<u128, Denial, S>,
    /// The order in which they were learned, so that the oldest make room.
    order: VecDeque<(u128, Moment)>,
    capacity: usize,
}

/// What the store said.
#[derive(Clone, Debug)]
pub(super) struct Denial {
    /// The cost that was denied. Another one has an advice of its own, so it is asked for.
    pub(super) cost: u64,
    /// Before the question was sent.
    pub(super) asked: Moment,
    /// When the answer was there.
    pub(super) heard: Moment,
    /// For how long at the most it is remembered.
    pub(super) held: Micros,
    /// The answer.
    pub(super) answer: Answer,
}

impl Denial {
    /// When it is not certain any more; at once if the store would say yes now, or never.
    fn until(&self) -> Moment {
        match self.answer.retry() {
            Retry::After(wait) => self.asked + wait.min(self.held),
            Retry::Now | Retry::Never => self.asked,
        }
    }

    /// The same answer, with its times as they are seen at `now`: never too short a wait, since the store
    /// decided before it was heard.
    fn told(&self, now: Moment) -> Answer {
        let passed = now.since(self.heard);
        let left = |span: Micros| Micros(span.0.saturating_sub(passed.0).max(1));
        let mut answer = self.answer.clone();
        for found in &mut answer.found {
            if let Retry::After(wait) = found.outcome.retry {
                found.outcome.retry = Retry::After(left(wait));
            }
            found.outcome.reset_after = left(found.outcome.reset_after);
        }
        answer
    }
}

/// The longest a denial is remembered: what is given back elsewhere is noticed within that time.
pub(super) const LONGEST: Micros = Micros::SECOND;

impl<S: BuildHasher + Default> Denials<S> {
    /// A memory of that many denials.
    pub(super) fn new(capacity: usize) -> Self {
        Self { known: HashMap::default(), order: VecDeque::new(), capacity }
    }

    /// How many it remembers, those included that are not certain any more.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Learns a denial.
    pub(super) fn learn(&mut self, name: u128, denial: Denial) {
        if denial.until() <= denial.heard {
            return;
        }
        self.order.push_back((name, denial.asked));
        self.known.insert(name, denial);
        while self.order.len() > self.capacity {
            self.drop_oldest();
        }
    }

    /// What a request of that cost is told at `now`, if that is certain.
    pub(super) fn recall(&mut self, name: u128, cost: u64, now: Moment) -> Option<Answer> {
        self.certain(name, cost, now).map(|denial| denial.told(now))
    }

    /// Whether a request of that cost is certainly denied at `now`.
    pub(super) fn covers(&mut self, name: u128, cost: u64, now: Moment) -> bool {
        self.certain(name, cost, now).is_some()
    }

    fn certain(&mut self, name: u128, cost: u64, now: Moment) -> Option<&Denial> {
        // A little of what is over goes with every look, so memory returns without a sweep.
        for _ in 0..2 {
            if self.order.front().is_some_and(|&(_, asked)| now > asked + LONGEST) {
                self.drop_oldest();
            }
        }
        self.known.get(&name).filter(|denial| cost == denial.cost && now < denial.until())
    }

    /// Forgets a denial: something was given back.
    pub(super) fn forget(&mut self, name: u128) {
        self.known.remove(&name);
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
    use crate::engine::demand::{Found, Picks};
    use crate::{Outcome, Timestamp};

    fn denial(asked: u64, wait: u64) -> Denial {
        let (asked, heard) = (Moment(asked), Moment(asked + 200));
        let (retry, reset_after) = (Retry::After(Micros(wait)), Micros(wait));
        let outcome = Outcome { retry, remaining: 0, reset_after, delay: Micros::ZERO };
        let found = vec![Found { outcome, picks: Picks::new() }];
        let answer = Answer { allowed: false, granted: 0, at: Timestamp(0), found, borrowed: false };
        Denial { cost: 1, asked, heard, held: LONGEST, answer }
    }

    #[test]
    fn a_denial_holds_until_the_store_could_say_yes_and_never_longer_than_a_second() {
        let mut denials: Denials<RandomState> = Denials::new(10);
        denials.learn(1, denial(1_000, 5_000));
        assert!(denials.recall(1, 1, Moment(5_999)).is_some());
        assert!(denials.recall(1, 1, Moment(6_000)).is_none());
        assert!(denials.recall(2, 1, Moment(1_500)).is_none());
        denials.learn(1, denial(1_000, 3_600_000_000));
        assert!(denials.recall(1, 1, Moment(1_000_999)).is_some());
        assert!(denials.recall(1, 1, Moment(1_001_000)).is_none());
    }

    #[test]
    fn where_others_may_hold_a_lease_it_holds_no_longer_than_that() {
        let mut denials: Denials<RandomState> = Denials::new(10);
        denials.learn(1, Denial { held: Micros(3_000), ..denial(1_000, 5_000) });
        assert!(denials.recall(1, 1, Moment(3_999)).is_some());
        assert!(denials.recall(1, 1, Moment(4_000)).is_none());
    }

    #[test]
    fn the_advice_is_never_too_short() {
        let retry = |now| denial(1_000, 5_000).told(Moment(now)).retry();
        assert_eq!(retry(1_300), Retry::After(Micros(4_900)));
        assert_eq!(retry(9_000), Retry::After(Micros(1)));
    }

    #[test]
    fn other_costs_and_what_was_forgotten_are_asked_again() {
        let mut denials: Denials<RandomState> = Denials::new(10);
        denials.learn(1, denial(0, 5_000));
        assert!(denials.recall(1, 2, Moment(1)).is_none());
        denials.forget(1);
        assert!(denials.recall(1, 1, Moment(1)).is_none());
    }

    #[test]
    fn memory_is_bounded_and_returns() {
        let mut denials: Denials<RandomState> = Denials::new(100);
        for name in 0..1_000 {
            denials.learn(name, denial(u64::try_from(name).unwrap(), 5_000));
        }
        assert_eq!(denials.known.len(), 100);
        assert!(
            denials.recall(999, 1, Moment(1_000)).is_some() && denials.recall(0, 1, Moment(1_000)).is_none()
        );
        for _ in 0..100 {
            denials.recall(0, 1, Moment(10_000_000));
        }
        assert!(denials.known.is_empty());
    }
}
