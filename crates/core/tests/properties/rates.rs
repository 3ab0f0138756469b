//! Rates from 1 per 30 days to 10 million per second: within a millionth, and never upwards.

use drl_core::{Algorithm, Micros, Mode, Quota, QuotaError, Retry, Timestamp};
use drl_testkit::bound::{Promise, assert_kept};
use proptest::prelude::*;

use crate::support::Counter;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

/// How late the last of many tokens came when each is taken as soon as it is there, and when it was due.
#[derive(Debug)]
struct Saturated {
    late: u128,
    due: u128,
}

/// Drains the bucket, then takes half of it as soon as that is there; the promise is checked on the way.
///
/// Half, because what comes while the bucket is full is lost: a burst must hold what comes in one microsecond.
fn saturate(quota: Quota, burst: u64, times: u64) -> Saturated {
    let burst = burst.max(2 + 2 * quota.limit() / quota.window().0);
    let rule = quota.burst(burst).rule().expect("a valid quota");
    let mut counter = Counter::new(rule, NOW);
    let (mut taken, cost) = (0_u64, burst / 2);
    counter.decide(burst, Mode::Take);
    for _ in 0..times {
        let Retry::After(wait) = counter.decide(cost, Mode::Take).retry() else { panic!("not drained") };
        counter.now = counter.now + wait;
        assert!(counter.decide(cost, Mode::Take).allowed);
        taken += cost;
    }
    let promise = Promise::Bucket { burst, tokens: quota.limit(), per: quota.window() };
    assert_kept(promise, &counter.admitted);
    // In units of 1 / limit of a microsecond.
    let due = u128::from(taken) * u128::from(quota.window().0);
    let passed = u128::from(counter.now.since(NOW).0) * u128::from(quota.limit());
    assert!(passed >= due, "{quota:?} runs fast: {passed} instead of {due}");
    Saturated { late: passed - due, due }
}

fn assert_within_a_millionth(quota: Quota, burst: u64, times: u64) {
    let Saturated { late, due } = saturate(quota, burst, times);
    let rounding = u128::from(quota.limit()); // up to the next microsecond, once: fractions add up exactly
    assert!(late <= due / 1_000_000 + rounding, "{quota:?} with a burst of {burst}: {late} late of {due}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_rate_is_kept_to_a_millionth_and_never_upwards(
        limit in prop_oneof![1_u64..100, 1_u64..10_000_000, (1_u64 << 31)..(1 << 32)],
        window in prop_oneof![
            1_000_u64..1_000_000, 1_000_000_u64..3_600_000_000, 3_600_000_000_u64..31_000_000_000_000
        ],
        burst in prop_oneof![1_u64..10, 1_u64..100_000, (1_u64 << 31)..(1 << 32)],
    ) {
        // 10 million a second, and a refill that the clock lives to see.
        prop_assume!(u128::from(limit) <= u128::from(window) * 10);
        let refill = u128::from(burst) * u128::from(window) / u128::from(limit);
        prop_assume!(refill * 60 < 1 << 52);
        assert_within_a_millionth(Quota::new(limit, Micros(window)), burst, 50);
    }
}

#[test]
fn the_ends_of_the_range_are_kept() {
    let month = Micros::from_secs(30 * 86_400);
    for (quota, burst) in [
        (Quota::new(1, month), 1),
        (Quota::new(1, month), 20),
        (Quota::new(999_983, month), 999_983),
        (Quota::per_second(10_000_000), 10_000_000),
        (Quota::per_second(10_000_000), 1 << 32),
        (Quota::per_second(9_999_991), 1),
        (Quota::per_second(9_999_991), 10_000_000),
        (Quota::per_day(Quota::MAX_LIMIT), 1 << 32),
        (Quota::per_day(4_294_967_291), 4_294_967_291),
    ] {
        assert_within_a_millionth(quota, burst, 500);
    }
}

#[test]
fn common_rates_lose_nothing_at_all_over_a_month() {
    for quota in [
        Quota::per_second(1),
        Quota::per_second(100),
        Quota::per_second(1_000),
        Quota::per_minute(100),
        Quota::per_minute(7),
        Quota::per_hour(1_000),
        Quota::per_day(86_400),
    ] {
        // Rounding to the next microsecond is all there is, and it does not add up.
        let Saturated { late, .. } = saturate(quota, quota.limit(), 1_000);
        assert!(late < u128::from(quota.limit()), "{quota:?} is late by {late} parts of a microsecond");
    }
}

#[test]
fn what_cannot_be_kept_to_a_millionth_is_refused() {
    for (quota, error) in [
        (Quota::new(Quota::MAX_LIMIT, Micros::from_millis(1)), QuotaError::RateTooHigh),
        (Quota::per_day(1).burst(1_000_000), QuotaError::RefillTooSlow),
        (Quota::new(3, Micros::from_secs(2)).burst(1 << 32), QuotaError::RefillTooSlow),
    ] {
        assert_eq!(quota.rule(), Err(error), "{quota:?}");
    }
}

#[test]
fn the_smooth_stream_of_a_queue_keeps_its_rate() {
    let quota = Quota::per_second(7).algorithm(Algorithm::LeakyBucketQueue).burst(3);
    let mut counter = Counter::new(quota.rule().unwrap(), NOW);
    while counter.admitted.len() < 10_000 {
        if let Retry::After(wait) = counter.decide(1, Mode::Take).retry() {
            counter.now = counter.now + wait;
        }
    }
    let last = counter.admitted.last().map(|admission| admission.at + admission.delay);
    let last = last.unwrap_or(NOW).since(NOW).0;
    assert_eq!(last, (9_999 * 1_000_000_u64).div_ceil(7));
}
