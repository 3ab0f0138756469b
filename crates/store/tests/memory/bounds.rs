//! A store that is full of counters that still count: newcomers wait, known clients are served.

use drl_core::{Algorithm, Micros, Mode, Quota};
use drl_store::{ErrorClass, StoreError};

use crate::support::{Fixture, Limit, per_minute};

fn assert_full<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    let error = answer.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(error.class(), ErrorClass::Unavailable);
    assert!(!error.may_have_counted());
}

#[test]
fn a_flood_of_unique_ids_touches_no_live_client() {
    for algorithm in Algorithm::ALL {
        let fixture = Fixture::with(|builder| builder.max_keys(10_000).max_bytes(2_000_000));
        let rule = per_minute(40, algorithm);
        for _ in 0..20 {
            fixture.clock.advance(Micros(1)); // so that logs grow
            (0..100).for_each(|client| assert!(fixture.take(&format!("client-{client}"), rule).unwrap()));
        }
        let refused = (0..50_000).filter(|number| fixture.take(&format!("flood-{number}"), rule).is_err());
        assert!(refused.count() >= 40_000);
        assert!(fixture.store.len() <= 10_000 && fixture.store.bytes() <= 2_000_000);
        for client in 0..100 {
            let client = format!("client-{client}");
            assert_eq!(fixture.remaining(&client, rule), rule.capacity() - 20, "{algorithm}");
            let mut admitted = 0;
            for _ in 0..40 {
                fixture.clock.advance(Micros(1));
                admitted += u64::from(fixture.take(&client, rule).unwrap());
            }
            assert_eq!(admitted, rule.capacity() - 20, "{algorithm}: not served to the end");
        }
        assert_full(fixture.take("newcomer", rule));
        fixture.clock.advance(Micros::from_secs(180));
        assert!(fixture.take("newcomer", rule).unwrap(), "{algorithm}: no room once the flood has expired");
    }
}

#[test]
fn a_check_without_room_for_all_its_counters_charges_none() {
    let fixture = Fixture::with(|builder| builder.max_keys(3));
    let rule = per_minute(10, Algorithm::TokenBucket);
    let limit = |client| Limit { client, rule, cost: 1 };
    assert!(fixture.decide(&[limit("a"), limit("b")], Mode::Take).unwrap().allowed);
    assert_full(fixture.decide(&[limit("a"), limit("c"), limit("d")], Mode::Take));
    assert_eq!(fixture.remaining("a", rule), 9);
    assert_eq!(fixture.store.len(), 2);
    assert!(fixture.decide(&[limit("b"), limit("c")], Mode::Take).unwrap().allowed);
    assert_full(fixture.decide(&[limit("d")], Mode::TakeUpTo));
    assert!(fixture.decide(&[limit("d")], Mode::Peek).unwrap().allowed);
}

#[test]
fn a_denial_needs_no_room() {
    let fixture = Fixture::with(|builder| builder.max_keys(1));
    let rule = per_minute(1, Algorithm::TokenBucket);
    let limit = |client, cost| Limit { client, rule, cost };
    assert!(fixture.take("a", rule).unwrap());
    for mode in [Mode::Take, Mode::TakeUpTo] {
        let verdict = fixture.decide(&[limit("a", 1), limit("b", 1)], mode).unwrap();
        assert!(!verdict.allowed && verdict.granted == 0);
    }
    assert!(!fixture.decide(&[limit("b", 2)], Mode::Take).unwrap().allowed);
}

/// Logs are the only counters that grow once they are known.
#[test]
fn logs_grow_within_the_bytes_and_newcomers_leave_them_room_to_double() {
    const MAX_BYTES: u64 = 150_000;
    let fixture = Fixture::with(|builder| builder.max_keys(1_000).max_bytes(MAX_BYTES));
    let rule = Quota::per_minute(1_000).algorithm(Algorithm::SlidingWindowLog).rule().unwrap();
    let mut known = 0;
    while fixture.take(&format!("client-{known}"), rule).is_ok() {
        known += 1;
    }
    assert!((400..1_000).contains(&known), "{known} clients: not the bytes were the bound");
    let mut refused = 0;
    for turn in 1..1_000 {
        fixture.clock.advance(Micros(1));
        for client in 0..known {
            match fixture.take(&format!("client-{client}"), rule) {
                Ok(allowed) => assert!(allowed),
                Err(error) => {
                    assert!(turn > 4, "the first growth of a known log was refused");
                    assert_full::<bool>(Err(error));
                    refused += 1;
                }
            }
            assert!(fixture.store.bytes() <= MAX_BYTES);
        }
    }
    assert!(refused > 0);
    fixture.clock.advance(Micros::from_secs(61));
    fixture.store.sweep();
    assert_eq!(fixture.store.bytes(), 0);
}
