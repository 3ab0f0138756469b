//! A limit that is changed while it runs: a raised one acts at once, a lowered one forgives nothing.

use drl_core::{Algorithm, Micros, Mode, Quota, Retry, State, Timestamp};
use drl_testkit::bound::{Promise, assert_kept};
use proptest::prelude::*;

use crate::support::{Counter, Limit, beginnings, costs, limits, requests, takes};

/// Before and after a change: the algorithm and the window stay.
fn changes() -> impl Strategy<Value = (Limit, Limit)> {
    (limits(), limits()).prop_map(|(old, new)| {
        let new = Limit { limit: new.limit, burst: new.burst, ..old };
        (old, new)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_was_used_stays_used_under_the_new_limit(
        (old, new) in changes(), start in beginnings(), requests in requests(takes()),
    ) {
        let mut counter = Counter::new(old.rule(), start);
        for request in requests {
            counter.serve(request, old.window);
        }
        let before = counter.rule.status(&counter.state, counter.now).remaining;
        let used = counter.rule.capacity() - before;
        counter.rule = new.rule();
        let after = counter.decide(0, Mode::Peek).outcomes[0].remaining;
        let expected = counter.rule.capacity().saturating_sub(used);
        if new.is_bucket() {
            // A fraction of a token goes over rounded up, which may cost the token it belongs to.
            prop_assert!(after <= expected && expected <= after + 1, "{after} instead of {expected}");
        } else if new.algorithm != Algorithm::SlidingWindow {
            prop_assert_eq!(after, expected);
        } else {
            prop_assert!(after.abs_diff(expected) <= 1, "{after} instead of {expected}");
        }
    }

    #[test]
    fn no_interval_across_a_change_admits_more_than_the_laxer_limit(
        (old, new) in changes(), start in beginnings(),
        before in requests(takes()), after in requests(takes()),
    ) {
        let mut counter = Counter::new(old.rule(), start);
        for request in before {
            counter.serve(request, old.window);
        }
        counter.rule = new.rule();
        let changed = counter.admitted.len();
        for request in after {
            counter.serve(request, old.window);
        }
        for promise in old.laxer(&new).promises() {
            if !matches!(promise, Promise::Spaced { .. }) {
                assert_kept(promise, &counter.admitted);
            }
        }
        for promise in new.promises() {
            // A queue's old turns stand where they were told.
            if !matches!(promise, Promise::Spaced { .. }) {
                assert_kept(promise, &counter.admitted[changed..]);
            }
        }
    }

    #[test]
    fn a_retry_is_exact_across_a_change(
        (old, new) in changes(), start in beginnings(), requests in requests(takes()), cost in costs(),
    ) {
        let mut counter = Counter::new(old.rule(), start);
        for request in requests {
            counter.serve(request, old.window);
        }
        counter.rule = new.rule();
        let cost = cost.of(&counter.rule);
        if let Retry::After(wait) = counter.decide(cost, Mode::Take).retry() {
            prop_assert!(counter.would(cost, counter.now + wait).allowed);
            prop_assert!(!counter.would(cost, counter.now + Micros(wait.0 - 1)).allowed);
        }
        let told = counter.decide(0, Mode::Peek).outcomes[0];
        let reset_at = counter.now + told.reset_after;
        prop_assert_eq!(
            counter.rule.status(&counter.state, reset_at), counter.rule.status(&State::Empty, reset_at));
    }

    #[test]
    fn asking_a_carried_state_again_changes_nothing(
        (old, new) in changes(), start in beginnings(), requests in requests(takes()),
    ) {
        let mut counter = Counter::new(old.rule(), start);
        for request in requests {
            counter.serve(request, old.window);
        }
        counter.rule = new.rule();
        counter.decide(0, Mode::Peek);
        let carried = counter.state.clone();
        counter.decide(0, Mode::Peek);
        prop_assert_eq!(counter.state, carried);
    }
}

#[test]
fn a_raised_limit_acts_at_once() {
    for algorithm in Algorithm::ALL {
        let quota = |limit| Quota::per_day(limit).algorithm(algorithm).rule().unwrap();
        let mut counter = Counter::new(quota(10), Timestamp(1_700_000_000_000_000));
        counter.decide(quota(10).capacity(), Mode::Take);
        counter.rule = quota(1_000);
        assert!(counter.decide(900, Mode::Take).allowed, "{algorithm}");
    }
}

#[test]
fn a_raised_rate_refills_at_once() {
    let mut counter =
        Counter::new(Quota::per_day(1).burst(10).rule().unwrap(), Timestamp(1_700_000_000_000_000));
    counter.decide(10, Mode::Take);
    counter.rule = Quota::per_day(86_400).burst(10).rule().unwrap();
    assert_eq!(counter.decide(1, Mode::Take).retry(), Retry::After(Micros::SECOND));
}

#[test]
fn two_instances_that_disagree_about_the_rate_do_not_starve_a_client() {
    let rates = [60, 120].map(|limit| Quota::per_minute(limit).burst(5).rule().unwrap());
    let mut counter = Counter::new(rates[0], Timestamp(1_700_000_000_000_000));
    for turn in 0..6_000 {
        counter.rule = rates[turn % 2];
        counter.decide(1, Mode::Take);
        counter.now = counter.now + Micros::from_millis(10);
    }
    let admitted = counter.admitted.len();
    assert!((60..=125).contains(&admitted), "{admitted} in a minute at one or two a second");
}
