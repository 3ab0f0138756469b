//! What says nothing any more goes away by itself, and nothing else does.

use drl_core::{Algorithm, Micros, Mode, Timestamp};

use crate::support::{Fixture, Limit, START, per_minute};

const FLOOD: u64 = 200_000;

/// FIELD 29: governor's memory grows until the caller cleans up.
#[test]
fn memory_returns_after_a_flood_by_ordinary_decisions_alone() {
    for algorithm in Algorithm::ALL {
        let (fixture, rule) = (Fixture::new(), per_minute(10, algorithm));
        for number in 0..FLOOD {
            assert!(fixture.take(&format!("client-{number}"), rule).unwrap());
        }
        let flooded = fixture.store.bytes();
        assert_eq!(fixture.store.len(), FLOOD);
        fixture.clock.advance(Micros::from_secs(180));
        for _ in 0..FLOOD {
            fixture.take("alice", rule).unwrap();
        }
        let (len, bytes) = (fixture.store.len(), fixture.store.bytes());
        assert!(len < FLOOD / 20, "{algorithm}: {len} of {FLOOD} counters are still held");
        assert!(bytes < flooded / 10, "{algorithm}: {bytes} of {flooded} bytes are still held");
        fixture.store.sweep();
        assert_eq!(fixture.store.len(), 1, "{algorithm}");
    }
}

#[test]
fn newcomers_sweep_as_fast_as_they_come() {
    let (fixture, rule) = (Fixture::new(), per_minute(10, Algorithm::TokenBucket));
    let (mut most, live) = (0, 50_000);
    for number in 0..20 * live {
        fixture.take(&format!("client-{number}"), rule).unwrap();
        // One token is back after 6 s: as many expire as come.
        fixture.clock.advance(Micros(6_000_000 / live));
        most = most.max(fixture.store.len());
    }
    assert!(most < live * 3 / 2, "{most} counters held for {live} that count");
    assert!(fixture.store.bytes() < 100 * live);
}

#[test]
fn a_denied_check_and_a_peek_leave_nothing_behind() {
    let (fixture, rule) = (Fixture::new(), per_minute(10, Algorithm::SlidingWindowLog));
    let limit = |client, cost| Limit { client, rule, cost };
    let decide = |limits: &[Limit<'_>], mode| fixture.decide(limits, mode).unwrap().allowed;
    assert!(!decide(&[limit("a", 11)], Mode::Take));
    assert!(!decide(&[limit("a", 1), limit("b", 11)], Mode::Take));
    assert!(decide(&[limit("a", 1), limit("b", 10)], Mode::Peek));
    assert!(decide(&[limit("a", 0)], Mode::Take));
    assert!(decide(&[limit("a", 5)], Mode::Refund(START)));
    assert!(decide(&[], Mode::Take));
    assert!(fixture.store.is_empty());
    assert_eq!(fixture.store.bytes(), 0);
}

#[test]
fn a_clock_that_steps_back_never_loses_a_live_counter() {
    for algorithm in Algorithm::ALL {
        let (fixture, rule) = (Fixture::new(), per_minute(1, algorithm));
        let capacity = rule.capacity();
        let exhaust = |client: &str| (0..capacity).for_each(|_| assert!(fixture.take(client, rule).unwrap()));
        (0..2_000).for_each(|number| exhaust(&format!("client-{number}")));
        for back in [1, 3_600, 86_400 * 365] {
            fixture.clock.set(Timestamp(START.0 - back * 1_000_000));
            (0..20_000).for_each(|number| {
                fixture.take(&format!("newcomer-{back}-{number}"), rule).unwrap();
            });
            fixture.store.sweep();
            for number in 0..2_000 {
                let admitted = fixture.take(&format!("client-{number}"), rule).unwrap();
                assert!(!admitted, "{algorithm}: client {number} was forgotten {back} s back");
            }
        }
    }
}

#[test]
fn two_asks_for_one_counter_are_refused_and_charge_nothing() {
    let (fixture, rule) = (Fixture::new(), per_minute(10, Algorithm::TokenBucket));
    let twice = [Limit { client: "alice", rule, cost: 1 }; 2];
    assert!(fixture.decide(&twice, Mode::Take).is_err());
    assert_eq!(fixture.remaining("alice", rule), 10);
}
