//! What is said about time: retries are exact, resets honest, delays kept, states kept as long as they matter.

use drl_core::{Algorithm, Micros, Mode, Quota, Retry, State, Timestamp};
use proptest::prelude::*;

use crate::support::{Counter, Wish, beginnings, costs, gaps, limits, requests, wishes};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_retry_is_admitted_at_its_moment_and_not_a_microsecond_earlier(
        limit in limits(), start in beginnings(), requests in requests(wishes()), cost in costs(),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            counter.serve(request, limit.window);
            let cost = cost.of(&counter.rule);
            if let Retry::After(wait) = counter.would(cost, counter.now).retry() {
                prop_assert!(wait > Micros::ZERO);
                prop_assert!(wait <= Micros(limit.longest_wait().0 + 1), "{wait} for {cost}");
                let then = counter.now + wait;
                prop_assert!(counter.would(cost, then).allowed, "{cost} was told to come in {wait}");
                let early = counter.would(cost, then - Micros(1)).retry();
                prop_assert_eq!(early, Retry::After(Micros(1)));
            }
        }
    }

    #[test]
    fn what_fits_keeps_fitting_and_nothing_grows_scarce_by_waiting(
        limit in limits(), start in beginnings(), requests in requests(wishes()),
        waits in proptest::collection::vec(gaps(), 20),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            counter.serve(request, limit.window);
        }
        let mut before = counter.rule.status(&counter.state, counter.now).remaining;
        for wait in waits {
            counter.now = counter.after(wait, limit.window);
            let remaining = counter.rule.status(&counter.state, counter.now).remaining;
            prop_assert!(remaining >= before);
            before = remaining;
        }
    }

    #[test]
    fn field_20_a_reset_comes_closer_as_time_passes_and_at_it_the_limit_is_untouched(
        limit in limits(), start in beginnings(), requests in requests(wishes()),
        waits in proptest::collection::vec(gaps(), 20),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        let mut reset_at = None;
        for request in requests {
            let told = counter.serve(request, limit.window).outcomes[0];
            reset_at = Some(counter.now + told.reset_after);
            // It grows by charges alone.
            if matches!(request.wish, Wish::Peek) {
                prop_assert_eq!(counter.rule.status(&counter.state, counter.now).reset_after, told.reset_after);
            }
        }
        let reset_at = reset_at.unwrap_or(start);
        for wait in waits {
            counter.now = counter.after(wait, limit.window);
            let status = counter.rule.status(&counter.state, counter.now);
            prop_assert_eq!(status.reset_after, reset_at.since(counter.now));
        }
        let untouched = counter.rule.status(&State::Empty, reset_at);
        prop_assert_eq!(untouched.remaining, counter.rule.capacity());
        prop_assert_eq!(counter.rule.status(&counter.state, reset_at), untouched);
        prop_assert!(counter.would(counter.rule.capacity(), reset_at).allowed);
    }

    #[test]
    fn a_state_expires_when_it_says_nothing_more_and_not_before(
        limit in limits(), start in beginnings(), requests in requests(wishes()),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        let mut refunded = false;
        for request in requests {
            let told = counter.serve(request, limit.window).outcomes[0];
            refunded |= matches!(request.wish, Wish::Refund(_));
            let (reset_at, expires) = (counter.now + told.reset_after, counter.rule.expires(&counter.state));
            prop_assert!(expires >= reset_at || told.reset_after == Micros::ZERO);
            let empty = State::Empty;
            for at in [expires.max(counter.now), expires.max(counter.now) + limit.window] {
                prop_assert_eq!(
                    counter.rule.status(&counter.state, at), counter.rule.status(&empty, at));
                prop_assert_eq!(counter.rule.delay(&counter.state, at), Micros::ZERO);
            }
            // Nor much later, or memory would fill with states that say nothing.
            if !refunded && told.reset_after > Micros::ZERO {
                prop_assert_eq!(expires, reset_at);
            }
        }
    }

    #[test]
    fn only_a_queue_delays_and_it_says_when_the_turn_comes(
        limit in limits(), start in beginnings(), requests in requests(wishes()),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        let mut turn = Timestamp(0);
        for request in requests {
            let verdict = counter.serve(request, limit.window);
            let delay = verdict.outcomes[0].delay;
            if !limit.is_queue() || !verdict.allowed {
                prop_assert_eq!(delay, Micros::ZERO);
            } else if verdict.granted > 0 {
                prop_assert!(counter.now + delay >= turn, "turns overtake each other");
                turn = counter.now + delay;
                prop_assert!(verdict.outcomes[0].reset_after >= delay);
            }
        }
    }
}

#[test]
fn field_20_the_moment_of_reset_does_not_wobble_between_two_denials() {
    for algorithm in Algorithm::ALL {
        let rule = Quota::per_minute(7).algorithm(algorithm).rule().unwrap();
        let mut counter = Counter::new(rule, Timestamp(1_700_000_000_123_457));
        counter.decide(rule.capacity(), Mode::Take);
        let mut moments = (0..1_000).map(|_| {
            counter.now = counter.now + Micros(1_237);
            counter.now + counter.decide(5, Mode::Take).outcomes[0].reset_after
        });
        let first = moments.next();
        assert!(moments.all(|moment| Some(moment) == first), "{algorithm}");
    }
}
