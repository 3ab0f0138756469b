//! What a decision charges: a denial nothing, a peek nothing, a partial grant what it grants, a refund back.

use drl_core::algorithm::LONGEST_LEASE;
use drl_core::{Admission, Algorithm, Micros, Mode, Quota, Retry, State, Timestamp};
use proptest::prelude::*;

use crate::support::{Cost, Counter, Limit, Wish, beginnings, costs, decide_one, limits, requests, wishes};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn denials_peeks_and_zero_costs_change_no_state(
        limit in limits(), start in beginnings(), requests in requests(wishes()),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            let before = counter.state.clone();
            let cost = request.cost.of(&counter.rule);
            let verdict = counter.serve(request, limit.window);
            let peeked = matches!(request.wish, Wish::Peek);
            if !verdict.allowed || peeked || (cost == 0 && !matches!(request.wish, Wish::Refund(_))) {
                prop_assert_eq!(verdict.granted, 0);
                prop_assert_eq!(&counter.state, &before);
            }
            if cost == 0 {
                prop_assert_eq!(verdict.retry(), Retry::Now);
            }
        }
    }

    #[test]
    fn a_peek_says_what_a_take_says(
        limit in limits(), start in beginnings(), requests in requests(wishes()), cost in costs(),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            counter.serve(request, limit.window);
            let cost = cost.of(&counter.rule);
            let peek = counter.clone().decide(cost, Mode::Peek);
            let take = counter.would(cost, counter.now);
            prop_assert_eq!(peek.allowed, take.allowed);
            prop_assert_eq!(peek.retry(), take.retry());
            prop_assert_eq!(peek.outcomes[0].delay, take.outcomes[0].delay);
        }
    }

    #[test]
    fn an_admission_is_the_short_form_of_a_decision(
        limit in limits(), other in limits(), start in beginnings(), requests in requests(wishes()),
        (cost, step) in (costs(), prop_oneof![Just(0_u64), 0_u64..3, any::<u64>()]),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            counter.serve(request, limit.window);
            // Under another limit of the same kind and by a clock that has stepped back as well.
            let now = Timestamp(counter.now.0 - step.min(counter.now.0));
            for rule in [limit.rule(), Limit { algorithm: limit.algorithm, ..other }.rule()] {
                let cost = cost.of(&rule);
                let (mut decided, mut admitted) = (counter.state.clone(), counter.state.clone());
                let verdict = decide_one(&rule, &mut decided, cost, (Mode::Take, now));
                prop_assert_eq!(rule.admit(&mut admitted, cost, now), Admission::from(verdict));
                prop_assert_eq!(admitted, decided);
            }
        }
    }

    #[test]
    fn never_is_said_of_costs_above_the_capacity_and_of_no_others(
        limit in limits(), start in beginnings(), requests in requests(wishes()), cost in costs(),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        let never = |counter: &Counter, cost| counter.would(cost, counter.now).retry() == Retry::Never;
        for request in requests {
            counter.serve(request, limit.window);
            let cost = cost.of(&counter.rule);
            prop_assert_eq!(never(&counter, cost), cost > counter.rule.capacity());
        }
        prop_assert!(never(&counter, u64::MAX));
    }

    #[test]
    fn exactly_what_remains_can_be_taken(
        limit in limits(), start in beginnings(), requests in requests(wishes()),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            let remaining = counter.serve(request, limit.window).outcomes[0].remaining;
            prop_assert!(remaining <= counter.rule.capacity());
            prop_assert!(counter.would(remaining, counter.now).allowed);
            prop_assert!(!counter.would(remaining + 1, counter.now).allowed);
        }
    }

    #[test]
    fn take_up_to_grants_and_charges_the_cost_or_what_remains(
        limit in limits(), start in beginnings(), requests in requests(wishes()), cost in costs(),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            let remaining = counter.serve(request, limit.window).outcomes[0].remaining;
            let cost = cost.of(&counter.rule);
            let mut taker = counter.clone();
            let verdict = taker.decide(cost, Mode::TakeUpTo);
            prop_assert_eq!(verdict.granted, cost.min(remaining));
            prop_assert_eq!(verdict.allowed, cost == 0 || remaining > 0);
            prop_assert_ne!(verdict.retry(), Retry::Never);
            prop_assert_eq!(verdict.outcomes[0].remaining, remaining - verdict.granted);
            let mut same = counter.clone();
            same.decide(verdict.granted, Mode::Take);
            prop_assert_eq!(taker.state, same.state);
        }
    }

    #[test]
    fn a_refund_at_once_restores_the_room_and_never_more(
        limit in limits(), start in beginnings(), requests in requests(wishes()), cost in costs(),
    ) {
        prop_assume!(!limit.is_queue());
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            let before = counter.serve(request, limit.window).outcomes[0].remaining;
            let cost = cost.of(&counter.rule);
            let mut other = counter.clone();
            if other.decide(cost, Mode::Take).allowed {
                let after = other.decide(cost, Mode::Refund(other.now)).outcomes[0];
                prop_assert_eq!(after.remaining, before);
                prop_assert_eq!(after.delay, Micros::ZERO);
            }
            let held = other.decide(0, Mode::Peek).outcomes[0].remaining;
            let excessive = other.decide(u64::MAX, Mode::Refund(other.now)).outcomes[0];
            prop_assert!(excessive.remaining <= counter.rule.capacity());
            prop_assert!(excessive.remaining >= held);
        }
    }

    #[test]
    fn a_refund_of_what_the_clock_has_not_seen_yet_gives_nothing_back(
        limit in limits(), start in beginnings(), requests in requests(wishes()), ahead in 1_u64..1_000_000_000,
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            let before = counter.serve(request, limit.window).outcomes[0].remaining;
            let charged = counter.now + Micros(ahead);
            prop_assert_eq!(counter.decide(u64::MAX, Mode::Refund(charged)).outcomes[0].remaining, before);
            let last = charged + LONGEST_LEASE;
            prop_assert_eq!(counter.decide(u64::MAX, Mode::Return(last)).outcomes[0].remaining, before);
        }
    }

    #[test]
    fn a_refund_of_what_has_left_gives_nothing_back(
        limit in limits(), start in beginnings(), requests in requests(wishes()), cost in costs(),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        counter.decide(cost.of(&counter.rule), Mode::TakeUpTo);
        let charged = counter.now;
        counter.now = charged + Micros(limit.longest_wait().0 + limit.window.0 + 1);
        for request in requests {
            counter.serve(request, limit.window);
        }
        let before = counter.state.clone();
        let first = counter.rule.status(&before, counter.now);
        let after = counter.decide(cost.of(&counter.rule), Mode::Refund(charged)).outcomes[0];
        prop_assert_eq!(after.remaining, first.remaining);
        prop_assert_eq!(after.reset_after, first.reset_after);
    }

    #[test]
    fn a_queue_takes_no_turn_back(start in beginnings(), requests in requests(wishes())) {
        let rule = Quota::per_second(10).algorithm(Algorithm::LeakyBucketQueue).rule().unwrap();
        let mut counter = Counter::new(rule, start);
        for request in requests {
            counter.serve(request, Micros::SECOND);
            let before = counter.state.clone();
            counter.decide(1, Mode::Refund(counter.now));
            prop_assert_eq!(&counter.state, &before);
        }
    }
}

#[test]
fn field_3_a_denied_weighted_request_takes_nothing_from_those_after_it() {
    for algorithm in Algorithm::ALL {
        let rule = Quota::per_minute(9).algorithm(algorithm).rule().unwrap();
        let capacity = rule.capacity();
        let mut counter = Counter::new(rule, Timestamp(1_700_000_000_000_000));
        assert!(counter.decide(capacity - 2, Mode::Take).allowed, "{algorithm}");
        assert!(!counter.decide(5, Mode::Take).allowed, "{algorithm}");
        assert!(counter.decide(1, Mode::Take).allowed, "{algorithm}");
        assert!(counter.decide(1, Mode::Take).allowed, "{algorithm}");
        assert!(!counter.decide(1, Mode::Take).allowed, "{algorithm}");
    }
}

#[test]
fn field_4_denials_never_drive_a_balance_below_zero() {
    for algorithm in Algorithm::ALL {
        let rule = Quota::per_second(10).algorithm(algorithm).rule().unwrap();
        let mut counter = Counter::new(rule, Timestamp(1_700_000_000_000_000));
        counter.decide(rule.capacity(), Mode::Take);
        let Retry::After(wait) = counter.decide(1, Mode::Take).retry() else { panic!("{algorithm}") };
        for cost in 1..10_000 {
            assert!(!counter.decide(cost, Mode::Take).allowed, "{algorithm}");
        }
        assert!(counter.would(1, counter.now + wait).allowed, "{algorithm}");
    }
}

#[test]
fn field_5_a_cost_above_the_burst_is_never_and_a_partial_grant_charges_what_it_grants() {
    for algorithm in Algorithm::ALL {
        let rule = Quota::per_second(10).algorithm(algorithm).rule().unwrap();
        let capacity = rule.capacity();
        let mut counter = Counter::new(rule, Timestamp(1_700_000_000_000_000));
        assert_eq!(counter.decide(capacity + 1, Mode::Take).retry(), Retry::Never, "{algorithm}");
        counter.decide(capacity - 3, Mode::Take);
        let partial = counter.decide(5, Mode::TakeUpTo);
        assert_eq!((partial.granted, partial.outcomes[0].remaining), (3, 0), "{algorithm}");
        let mut exact = Counter::new(rule, counter.now);
        exact.decide(capacity - 3, Mode::Take);
        exact.decide(3, Mode::Take);
        assert_eq!(counter.state, exact.state, "{algorithm}");
    }
}

#[test]
fn taking_up_to_nothing_takes_nothing() {
    for algorithm in Algorithm::ALL {
        let rule = Quota::per_second(10).algorithm(algorithm).rule().unwrap();
        let mut state = State::Empty;
        let verdict = decide_one(&rule, &mut state, 0, (Mode::TakeUpTo, Timestamp(5)));
        assert!(verdict.allowed, "{algorithm}");
        assert_eq!((verdict.granted, state), (0, State::Empty), "{algorithm}");
    }
}

#[test]
fn a_refund_never_makes_a_bucket_fuller_than_if_it_had_not_been_charged() {
    let rule = Quota::per_second(1).burst(5).rule().unwrap();
    let mut counter = Counter::new(rule, Timestamp(1_700_000_000_000_000));
    let first = counter.now;
    counter.decide(5, Mode::Take);
    counter.now = first + Micros::from_secs(5);
    counter.decide(5, Mode::Take);
    counter.decide(5, Mode::Refund(first));
    assert!(!counter.decide(1, Mode::Take).allowed, "10 at once from a burst of 5");
    assert!(
        counter.decide(Cost::Capacity(0).of(&rule), Mode::Refund(counter.now)).outcomes[0].remaining == 5
    );
}
