//! A store clock that steps: back, it locks nobody for longer than a window or a full refill; in either
//! direction it costs one extra burst at the most.

use drl_core::{Algorithm, Micros, Mode, Quota, Retry, State, Timestamp};
use drl_testkit::bound::{Admission, Promise, assert_kept};
use proptest::prelude::*;

use crate::support::{Counter, Limit, beginnings, costs, gaps, limits, requests, takes, wishes};

/// Steps of microseconds as well as of years.
fn steps() -> impl Strategy<Value = u64> {
    prop_oneof![1_u64..50, 1_u64..100_000_000, 1_u64..100_000_000_000_000]
}

/// What holds in real time across one step of the store's clock: once more what holds without.
fn promise_across_a_step(limit: &Limit) -> Promise {
    let Limit { limit: tokens, window, burst, algorithm, .. } = *limit;
    match algorithm {
        // Two windows' worth around an edge is no more than it always admits, and the step cuts the stretch
        // in two, each of which may have an edge: the window it leaves and the one it lands in both count.
        Algorithm::FixedWindow => Promise::EveryInterval { limit: 4 * tokens, window: Micros(window.0 - 1) },
        Algorithm::SlidingWindowLog => Promise::EveryInterval { limit: 2 * tokens, window },
        Algorithm::SlidingWindow => Promise::EveryInterval { limit: 3 * tokens - 1, window },
        Algorithm::TokenBucket | Algorithm::LeakyBucket => {
            Promise::Bucket { burst: 2 * burst, tokens, per: window }
        }
        Algorithm::LeakyBucketQueue => Promise::Bucket { burst: 2 * (burst + 1), tokens, per: window },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_step_back_locks_for_one_window_or_one_refill_whatever_is_tried_meanwhile(
        limit in limits(), start in beginnings(), requests in requests(wishes()), step in steps(),
        tries in proptest::collection::vec((gaps(), any::<bool>()), 0..20), cost in costs(),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            counter.serve(request, limit.window);
        }
        counter.now = counter.now - Micros(step);
        let stepped = counter.now;
        let cost = cost.of(&counter.rule).min(counter.rule.capacity());
        let told = counter.decide(cost, Mode::Peek).retry();
        let wait = if let Retry::After(wait) = told { wait } else { Micros::ZERO };
        prop_assert!(wait <= Micros(limit.longest_wait().0 + 1), "locked for {wait}");
        // Denials and peeks in the meantime don't put it off.
        for (gap, peek) in tries {
            let next = counter.after(gap, limit.window);
            if next < stepped + wait {
                counter.now = next;
                let verdict = counter.decide(cost, if peek { Mode::Peek } else { Mode::Take });
                prop_assert_eq!(verdict.retry(), Retry::After((stepped + wait).since(next)));
            }
        }
        counter.now = stepped + wait;
        prop_assert!(counter.decide(cost, Mode::Take).allowed);
    }

    #[test]
    fn a_step_in_either_direction_costs_one_extra_burst_at_the_most(
        limit in limits(), start in beginnings(), step in steps(), back in any::<bool>(),
        before in requests(takes()), after in requests(takes()),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in before {
            counter.serve(request, limit.window);
        }
        let (real, count) = (counter.now, counter.admitted.len());
        counter.now = if back { counter.now - Micros(step) } else { counter.now + Micros(step) };
        let stepped = counter.now;
        for request in after {
            counter.serve(request, limit.window);
        }
        // Real time goes on from where the clock stepped.
        let in_real_time = |(index, admission): (usize, &Admission)| {
            let at = if index < count { admission.at } else { real + admission.at.since(stepped) };
            Admission { at, ..*admission }
        };
        let admitted: Vec<Admission> = counter.admitted.iter().enumerate().map(in_real_time).collect();
        assert_kept(promise_across_a_step(&limit), &admitted);
    }

    #[test]
    fn after_a_step_back_everything_said_about_time_is_true(
        limit in limits(), start in beginnings(), before in requests(takes()), step in steps(),
        after in requests(wishes()), cost in costs(),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in before {
            counter.serve(request, limit.window);
        }
        counter.now = counter.now - Micros(step);
        counter.admitted.clear();
        for request in after {
            let told = counter.serve(request, limit.window).outcomes[0];
            let reset_at = counter.now + told.reset_after;
            prop_assert_eq!(
                counter.rule.status(&counter.state, reset_at), counter.rule.status(&State::Empty, reset_at));
            prop_assert!(told.reset_after.0 <= limit.longest_wait().0 + limit.window.0);
            prop_assert!(counter.rule.expires(&counter.state) >= reset_at || told.reset_after.0 == 0);
            let cost = cost.of(&counter.rule);
            if let Retry::After(wait) = counter.would(cost, counter.now).retry() {
                prop_assert!(counter.would(cost, counter.now + wait).allowed);
                prop_assert!(!counter.would(cost, counter.now + Micros(wait.0 - 1)).allowed);
            }
        }
    }
}

#[test]
fn a_denied_client_is_not_locked_until_the_clock_has_caught_up() {
    for algorithm in Algorithm::ALL {
        let rule = Quota::per_second(5).algorithm(algorithm).rule().unwrap();
        let mut counter = Counter::new(rule, Timestamp(1_700_000_000_000_000));
        counter.decide(rule.capacity(), Mode::Take);
        counter.now = counter.now - Micros::from_secs(1_000);
        let admitted = (0..40).filter(|_| {
            counter.now = counter.now + Micros::from_millis(100);
            counter.decide(1, Mode::Take).allowed
        });
        assert!(admitted.count() >= 10, "{algorithm}");
    }
}
