//! DESIGN 2.1, first table: what is admitted, on every interval there is.

use crate::support::{Counter, Limit, beginnings, limits, requests, takes, wishes};
use drl_core::shard::Sharded;
use drl_core::{Algorithm, Micros, Mode, Timestamp};
use drl_testkit::bound::{Admission, Promise, assert_kept, worst};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_interval_admits_more_than_promised(
        limit in limits(), start in beginnings(), requests in requests(takes()),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            counter.serve(request, limit.window);
        }
        for promise in limit.promises() {
            assert_kept(promise, &counter.admitted);
        }
    }

    #[test]
    fn nor_with_partial_grants_and_without_what_was_refunded(
        limit in limits(), start in beginnings(), requests in requests(wishes()),
    ) {
        let mut counter = Counter::new(limit.rule(), start);
        for request in requests {
            counter.serve(request, limit.window);
        }
        for promise in limit.promises() {
            assert_kept(promise, &counter.admitted);
        }
    }

    #[test]
    fn nor_do_the_shards_of_a_limit_together(
        limit in limits(), start in beginnings(), shards in 1_u16..10,
        requests in proptest::collection::vec((requests(wishes()), any::<u16>()), 1..12),
    ) {
        let sharded = Sharded::new(limit.rule(), shards).expect("a valid split");
        let mut counters: Vec<Counter> =
            (0..sharded.shards()).map(|shard| Counter::new(*sharded.part(shard), start)).collect();
        let mut now = start;
        for (requests, shard) in requests {
            let index = usize::from(shard) % counters.len();
            let counter = &mut counters[index];
            counter.now = now;
            for request in requests {
                counter.serve(request, limit.window);
            }
            now = counter.now;
        }
        let mut admitted: Vec<Admission> =
            counters.iter().flat_map(|counter| counter.admitted.iter().copied()).collect();
        admitted.sort_by_key(|admission| admission.at);
        for promise in limit.promises() {
            assert_kept(promise, &admitted);
        }
    }
}

/// Takes as much as there is, every `step`, for `steps` of them.
fn saturate(limit: Limit, step: u64, steps: u64) -> Counter {
    let mut counter = Counter::new(limit.rule(), Timestamp(1_700_000_000_000_000));
    for _ in 0..steps {
        counter.decide(limit.rule().capacity(), Mode::TakeUpTo);
        counter.now = counter.now + Micros(step);
    }
    counter
}

fn limit(algorithm: Algorithm, limit: u64) -> Limit {
    Limit { algorithm, limit, window: Micros::SECOND, burst: limit, phase: 0 }
}

#[test]
fn under_saturation_the_whole_limit_is_admitted_and_no_more() {
    for algorithm in [Algorithm::FixedWindow, Algorithm::TokenBucket, Algorithm::LeakyBucket] {
        let counter = saturate(limit(algorithm, 50), 7_919, 2_000);
        let seconds = 2_000 * 7_919 / 1_000_000;
        let total: u64 = counter.admitted.iter().map(|admission| admission.cost).sum();
        assert!((50 * seconds..=50 * (seconds + 2)).contains(&total), "{algorithm}: {total}");
        limit(algorithm, 50)
            .promises()
            .into_iter()
            .for_each(|promise| assert_kept(promise, &counter.admitted));
    }
}

#[test]
fn a_log_of_slices_admits_its_limit_in_all_but_a_thousandth_of_the_time() {
    let counter = saturate(limit(Algorithm::SlidingWindowLog, 100_000), 997, 20_000);
    let total: u64 = counter.admitted.iter().map(|admission| admission.cost).sum();
    assert!((100_000 * 19..=100_000 * 20).contains(&total), "{total}");
    let promise = Promise::EveryInterval { limit: 100_000, window: Micros::SECOND };
    assert_kept(promise, &counter.admitted);
}

#[test]
fn field_6_the_sliding_log_admits_no_second_limit_across_an_edge() {
    for (algorithm, most) in [(Algorithm::SlidingWindowLog, 10), (Algorithm::FixedWindow, 20)] {
        let mut counter = Counter::new(limit(algorithm, 10).rule(), Timestamp(1_700_000_000_999_999));
        counter.decide(10, Mode::TakeUpTo);
        counter.now = counter.now + Micros(1);
        counter.decide(10, Mode::TakeUpTo);
        let promise = Promise::EveryInterval { limit: most, window: Micros::SECOND };
        assert_eq!(worst(promise, &counter.admitted).map(|worst| worst.slack), Some(0), "{algorithm}");
    }
}

#[test]
fn field_2_idling_never_earns_more_than_the_burst() {
    for algorithm in Algorithm::ALL {
        let limit = limit(algorithm, 5);
        let mut counter = Counter::new(limit.rule(), Timestamp(1_700_000_000_000_000));
        counter.decide(1, Mode::Take);
        counter.now = counter.now + Micros::from_secs(3);
        let admitted = (0..20).filter(|_| counter.decide(1, Mode::Take).allowed).count();
        assert_eq!(admitted as u64, limit.rule().capacity(), "{algorithm}");
    }
}
