//! The borrowed tokens of one name: spent one by one, never after their time.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::demand::{Answer, Found, Loan, Unspent};
use crate::decision::{Outcome, Retry};
use crate::time::{Micros, Moment, Timestamp};

/// What is borrowed at present, oldest first.
#[derive(Debug, Default)]
pub(super) struct Purse {
    leases: VecDeque<Lease>,
    /// Spent since it was last asked.
    spent: u64,
    /// Not before this is it worth asking for more.
    patient_until: Moment,
}

/// Borrowed tokens and how long they may be spent.
#[derive(Debug)]
struct Lease {
    tokens: u64,
    left: u64,
    /// From here on nothing of it is spent.
    until: Moment,
    /// From here on it is time to ask for more.
    renew_at: Moment,
    heard: Moment,
    last: Timestamp,
    shards: SmallVec<[u16; 2]>,
    /// What the store knew when it lent.
    outcomes: SmallVec<[Outcome; 2]>,
}

/// When a loan was asked for and heard of, on this instance's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voyage {
    /// Before the question was sent.
    pub(super) asked: Moment,
    /// When the answer was there.
    pub(super) heard: Moment,
}

impl Purse {
    /// Clocks that run at different speeds: a lease ends here by this part of its life earlier. (A clock that
    /// is slewed is off by a thousandth at most, one that is broken by a hundredth.)
    const DRIFT: u64 = 32;

    /// Takes up a loan; when it ends.
    pub(super) fn put(&mut self, loan: Loan, outcomes: SmallVec<[Outcome; 2]>, voyage: Voyage) -> Moment {
        let life = loan.leased.life.0 - loan.leased.life.0.div_ceil(Self::DRIFT);
        let until = voyage.asked + Micros(life);
        self.leases.push_back(Lease {
            tokens: loan.leased.tokens,
            left: loan.leased.tokens,
            until,
            renew_at: voyage.asked + Micros(life / 4 * 3),
            heard: voyage.heard,
            last: loan.leased.last(loan.at),
            shards: loan.shards,
            outcomes,
        });
        until
    }

    /// Pays `cost` out of one lease: which.
    #[inline]
    pub(super) fn pay(&mut self, cost: u64, now: Moment) -> Option<usize> {
        let pays = |(_, lease): &(usize, &mut Lease)| lease.until > now && lease.left >= cost;
        let (index, lease) = self.leases.iter_mut().enumerate().find(pays)?;
        lease.left -= cost;
        self.spent = self.spent.saturating_add(cost);
        Some(index)
    }

    /// The same with an answer.
    pub(super) fn spend(&mut self, cost: u64, now: Moment) -> Option<Answer> {
        let index = self.pay(cost, now)?;
        let (at, found) = (self.leases[index].last, self.told(index, cost, now));
        Some(Answer { allowed: true, granted: cost, at, found, borrowed: true })
    }

    /// What the spender is told: what the store knew last, and what is still at hand.
    fn told(&self, index: usize, cost: u64, now: Moment) -> Vec<Found> {
        let (newest, at_hand) = (self.leases.len() - 1, self.left(now));
        let (lease, newest) = (&self.leases[index], &self.leases[newest]);
        let passed = now.since(newest.heard).0;
        let found = |(outcome, &shard): (&Outcome, &u16)| Found {
            outcome: Outcome {
                retry: Retry::Now,
                remaining: outcome.remaining.saturating_add(at_hand),
                reset_after: Micros(outcome.reset_after.0.saturating_sub(passed).max(1)),
                delay: Micros::ZERO,
            },
            picks: smallvec::smallvec![(shard, cost)],
        };
        newest.outcomes.iter().zip(&lease.shards).map(found).collect()
    }

    /// What may still be spent.
    pub(super) fn left(&self, now: Moment) -> u64 {
        self.leases.iter().filter(|lease| lease.until > now).map(|lease| lease.left).sum()
    }

    /// Whether it is time to ask for more: half of the newest lease is spent, or three quarters of its life
    /// are over.
    pub(super) fn runs_low(&self, now: Moment) -> bool {
        let Some(newest) = self.leases.back() else { return false };
        now >= self.patient_until && (newest.left < newest.tokens.div_ceil(2) || now >= newest.renew_at)
    }

    /// There was little to be had: asking again at once would get no more.
    pub(super) fn be_patient(&mut self, until: Moment) {
        self.patient_until = until;
    }

    /// How much was spent since the last time this was asked.
    pub(super) fn take_spent(&mut self) -> u64 {
        std::mem::take(&mut self.spent)
    }

    /// What a lease has paid for has found nobody. Whether it is still there to be put back.
    pub(super) fn put_back(&mut self, answer: &Answer) -> bool {
        let cost = answer.granted;
        // Several leases may end with the same window: each shard gets back what it has lent.
        let paid = |lease: &&mut Lease| {
            lease.last == answer.at && lease.left + cost <= lease.tokens && lease.is_from(answer)
        };
        self.leases.iter_mut().find(paid).map(|lease| lease.left += cost).is_some()
    }

    /// Everything that is not spent, to be given back.
    pub(super) fn empty(&mut self) -> SmallVec<[Unspent; 2]> {
        self.leases.drain(..).filter_map(Lease::unspent).collect()
    }

    /// What can't be spent any more at `now`, to be given back.
    pub(super) fn expired(&mut self, now: Moment) -> SmallVec<[Unspent; 2]> {
        let mut expired = SmallVec::new();
        self.leases.retain_mut(|lease| {
            if lease.until > now {
                return true;
            }
            expired.extend(lease.take_unspent());
            false
        });
        expired
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }
}

impl Lease {
    /// Whether its shards are those that the answer names, if it names any.
    fn is_from(&self, answer: &Answer) -> bool {
        let picks = |found: &Found| found.picks.first().map(|&(shard, _)| shard);
        answer.found.is_empty() || answer.found.iter().filter_map(picks).eq(self.shards.iter().copied())
    }

    fn unspent(mut self) -> Option<Unspent> {
        self.take_unspent()
    }

    fn take_unspent(&mut self) -> Option<Unspent> {
        let shards = std::mem::take(&mut self.shards);
        (self.left > 0).then_some(Unspent { tokens: self.left, last: self.last, shards })
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::decision::Leased;

    #[test]
    fn of_leases_that_end_with_the_same_window_each_shard_gets_back_what_it_has_lent() {
        let mut purse = Purse::default();
        let voyage = Voyage { asked: Moment(0), heard: Moment(200) };
        let outcome = Outcome { remaining: 5, ..Outcome::EMPTY };
        for (shard, at, life) in [(0, 100, 40_000), (1, 10_100, 30_000)] {
            let leased = Leased { tokens: 3, life: Micros(life) };
            let loan = Loan { leased, at: Timestamp(at), shards: smallvec![shard] };
            purse.put(loan, smallvec![outcome], voyage);
        }
        purse.spend(3, Moment(300)).unwrap();
        let paid = purse.spend(1, Moment(300)).unwrap();
        assert!(purse.put_back(&paid));
        let unspent: Vec<(u16, u64)> =
            purse.empty().iter().map(|unspent| (unspent.shards[0], unspent.tokens)).collect();
        assert_eq!(unspent, [(1, 3)]);
        assert!(!purse.put_back(&paid));
    }
}
