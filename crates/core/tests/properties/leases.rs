//! DESIGN 2.2: whatever is borrowed is spent some time later, by instances whose clocks agree on nothing but
//! how long a lease lasts, and every promise is kept on every interval all the same.

use drl_core::algorithm::LONGEST_LEASE;
use drl_core::{Micros, Mode, Timestamp, Verdict};
use drl_testkit::bound::{Admission, Promise, assert_kept};
use proptest::prelude::*;

use crate::support::{Counter, Gap, Limit, beginnings, costs, gaps, limits};

/// What an instance does next.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Take a cost and borrow up to so many 256ths of the capacity.
    Borrow(u8),
    /// Spend so many of the tokens of one of the leases, if they may still be spent.
    Spend { lease: u8, tokens: u8 },
    /// Spend all that is left of one lease, in the last microsecond of its life.
    SpendLast { lease: u8 },
    /// Give back what is left of one lease, in time or much too late.
    Return { lease: u8 },
    /// Give back something that was spent at once.
    Refund { charge: u8 },
}

fn deeds() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => any::<u8>().prop_map(Deed::Borrow),
        5 => (any::<u8>(), 1_u8..20).prop_map(|(lease, tokens)| Deed::Spend { lease, tokens }),
        3 => any::<u8>().prop_map(|lease| Deed::SpendLast { lease }),
        3 => any::<u8>().prop_map(|lease| Deed::Return { lease }),
        1 => any::<u8>().prop_map(|charge| Deed::Refund { charge }),
    ]
}

/// Within a lease's life, mostly.
fn short_gaps() -> impl Strategy<Value = Gap> {
    prop_oneof![2 => gaps(), 3 => (0_u16..400).prop_map(Gap::Part), 2 => Just(Gap::None)]
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    last: Timestamp,
    left: u64,
}

/// A counter and those who borrow from it.
#[derive(Debug)]
struct Lender {
    counter: Counter,
    leases: Vec<Lease>,
    /// What was spent at once, and may be refunded.
    spent: Vec<Admission>,
    admitted: Vec<Admission>,
}

impl Lender {
    fn new(limit: &Limit, start: Timestamp) -> Self {
        let counter = Counter::new(limit.rule(), start);
        Self { counter, leases: Vec::new(), spent: Vec::new(), admitted: Vec::new() }
    }

    fn borrow(&mut self, cost: u64, most: u64) -> Verdict {
        let verdict = self.counter.decide(cost, Mode::Lease(most));
        if verdict.granted > 0 {
            let delay = verdict.outcomes[0].delay;
            self.spent.push(Admission { at: self.counter.now, cost: verdict.granted, delay });
        }
        self.leases.push(Lease { last: verdict.leased.last(verdict.at), left: verdict.leased.tokens });
        verdict
    }

    fn spend(&mut self, lease: u8, tokens: u64, at: Timestamp) {
        if self.leases.is_empty() {
            return;
        }
        let index = usize::from(lease) % self.leases.len();
        let lease = &mut self.leases[index];
        if at <= lease.last && at >= self.counter.now {
            let tokens = tokens.min(lease.left);
            lease.left -= tokens;
            if tokens > 0 {
                self.counter.now = at;
                self.admitted.push(Admission::now(at, tokens));
            }
        }
    }

    fn perform(&mut self, deed: Deed, cost: u64) {
        let capacity = self.counter.rule.capacity();
        match deed {
            Deed::Borrow(part) => {
                self.borrow(cost, (capacity * u64::from(part)) >> 8);
            }
            Deed::Spend { lease, tokens } => self.spend(lease, tokens.into(), self.counter.now),
            Deed::SpendLast { lease } if !self.leases.is_empty() => {
                let last = self.leases[usize::from(lease) % self.leases.len()];
                self.spend(lease, last.left, last.last);
            }
            Deed::Return { lease } if !self.leases.is_empty() => {
                let lease = self.leases.remove(usize::from(lease) % self.leases.len());
                self.counter.decide(lease.left, Mode::Return(lease.last));
            }
            Deed::Refund { charge } if !self.spent.is_empty() => {
                let charge = self.spent.remove(usize::from(charge) % self.spent.len());
                self.counter.decide(charge.cost, Mode::Refund(charge.at));
            }
            Deed::SpendLast { .. } | Deed::Return { .. } | Deed::Refund { .. } => {}
        }
    }

    /// Everything that was admitted, in the order of time.
    fn admissions(&self) -> Vec<Admission> {
        let mut all = [self.admitted.as_slice(), self.spent.as_slice()].concat();
        all.sort_by_key(|admission| admission.at);
        all
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_interval_admits_more_than_promised_whenever_leases_are_spent(
        limit in limits(), start in beginnings(),
        deeds in proptest::collection::vec((short_gaps(), deeds(), costs()), 1..120),
    ) {
        let mut lender = Lender::new(&limit, start);
        for (gap, deed, cost) in deeds {
            lender.counter.now = lender.counter.after(gap, limit.window);
            let cost = cost.of(&lender.counter.rule);
            lender.perform(deed, cost);
        }
        for promise in limit.promises() {
            assert_kept(promise, &lender.admissions());
        }
    }

    #[test]
    fn no_interval_admits_more_than_the_laxest_of_limits_that_come_in_turn(
        limit in limits(), others in proptest::collection::vec(limits(), 1..3), start in beginnings(),
        deeds in proptest::collection::vec((any::<u8>(), short_gaps(), deeds(), costs()), 1..160),
    ) {
        // They share the counter: the algorithm and the window are the same.
        let same = |other: Limit| Limit { limit: other.limit, burst: other.burst, ..limit };
        let limits: Vec<Limit> = [limit].into_iter().chain(others.into_iter().map(same)).collect();
        let mut lender = Lender::new(&limit, start);
        for (turn, gap, deed, cost) in deeds {
            lender.counter.rule = limits[usize::from(turn) % limits.len()].rule();
            lender.counter.now = lender.counter.after(gap, limit.window);
            let cost = cost.of(&lender.counter.rule);
            lender.perform(deed, cost);
        }
        let laxest = limits.iter().fold(limit, |laxest, limit| laxest.laxer(limit));
        for promise in laxest.promises() {
            if !matches!(promise, Promise::Spaced { .. }) {
                assert_kept(promise, &lender.admissions());
            }
        }
    }

    #[test]
    fn a_lease_takes_an_eighth_at_most_and_lasts_no_longer_than_it_may(
        limit in limits(), start in beginnings(), steps in proptest::collection::vec(short_gaps(), 1..40),
    ) {
        let mut lender = Lender::new(&limit, start);
        for gap in steps {
            lender.counter.now = lender.counter.after(gap, limit.window);
            let before = lender.counter.would(0, lender.counter.now).outcomes[0].remaining;
            let leased = lender.borrow(1, u64::MAX).leased;
            prop_assert!(leased.tokens * 8 <= before, "{leased:?} of {before}");
            prop_assert!(leased.life <= lender.counter.rule.longest_lease(), "{leased:?}");
            prop_assert!(leased.life <= Micros((limit.longest_wait().0 / 10).min(LONGEST_LEASE.0)));
            prop_assert!(leased.tokens == 0 || leased.life.0 >= 1_000, "{leased:?}");
        }
    }

    #[test]
    fn what_comes_back_unspent_is_there_again(
        limit in limits(), start in beginnings(), cost in costs(), most in any::<u8>(),
    ) {
        let mut lender = Lender::new(&limit, start);
        let cost = cost.of(&lender.counter.rule);
        let mut plain = lender.counter.clone();
        let leased = lender.borrow(cost, u64::from(most)).leased;
        plain.decide(cost, Mode::Take);
        let last = leased.last(lender.counter.now);
        let back = lender.counter.decide(leased.tokens, Mode::Return(last)).outcomes[0];
        let never = plain.decide(0, Mode::Peek).outcomes[0];
        // Of a bucket that was nearly full, what it would have refilled meanwhile does not come back.
        let forfeited = lender.counter.rule.capacity() / 100 + 1;
        prop_assert!(back.remaining <= never.remaining);
        prop_assert!(back.remaining + forfeited >= never.remaining, "{back:?} instead of {never:?}");
    }
}

#[test]
fn a_queue_lends_nothing() {
    let limit = Limit {
        algorithm: drl_core::Algorithm::LeakyBucketQueue,
        limit: 1_000,
        window: Micros::from_secs(60),
        burst: 1_000,
        phase: 0,
    };
    let mut lender = Lender::new(&limit, Timestamp(1_700_000_000_000_000));
    assert_eq!(lender.borrow(1, 500).leased.tokens, 0);
}

#[test]
fn what_is_spent_late_stays_in_the_window_for_a_whole_window() {
    let start = Timestamp(1_700_000_000_000_000);
    for algorithm in drl_core::Algorithm::ALL {
        for capacity in [100, 100_000] {
            let window = Micros::SECOND;
            let limit = Limit { algorithm, limit: capacity, window, burst: capacity, phase: 0 };
            let mut lender = Lender::new(&limit, start);
            lender.borrow(1, capacity);
            lender.perform(Deed::SpendLast { lease: 0 }, 0);
            for wait in [1, 500, 2_000, 3_000, 5_000] {
                lender.counter.now = lender.counter.now.max(start + window + Micros(wait));
                let granted = lender.counter.decide(capacity, Mode::TakeUpTo).granted;
                lender.admitted.push(Admission::now(lender.counter.now, granted));
            }
            for promise in limit.promises() {
                if !limit.is_queue() {
                    assert_kept(promise, &lender.admissions());
                }
            }
        }
    }
}
