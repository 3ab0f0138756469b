//! One limit, one caller.

use drl_core::{Algorithm, Mode, Retry};

use super::{Fixture, Subject};

/// Upstash and rate-limiter-flexible let a denied weighted request consume (FIELD 3).
pub async fn a_denied_request_charges_nothing(fixture: &Fixture) {
    for algorithm in Algorithm::ALL {
        let subject = Subject::new(fixture, algorithm, 10);
        assert!(subject.decide(b"alice", 8, Mode::Take).await.allowed, "{algorithm}");
        for _ in 0..5 {
            let denied = subject.decide(b"alice", 5, Mode::Take).await;
            assert_eq!((denied.allowed, denied.granted), (false, 0), "{algorithm}");
            assert_eq!(denied.outcomes[0].remaining, 2, "{algorithm}");
            assert!(matches!(denied.retry(), Retry::After(_)), "{algorithm}: {denied:?}");
        }
        assert!(subject.decide(b"alice", 2, Mode::Take).await.allowed, "{algorithm}");
    }
}

/// Nothing is charged by looking.
pub async fn peeks_and_zero_costs_charge_nothing(fixture: &Fixture) {
    for algorithm in Algorithm::ALL {
        let subject = Subject::new(fixture, algorithm, 10);
        for _ in 0..20 {
            assert!(subject.decide(b"alice", 10, Mode::Peek).await.allowed, "{algorithm}");
            assert!(subject.decide(b"alice", 0, Mode::Take).await.allowed, "{algorithm}");
        }
        assert_eq!(subject.remaining(b"alice").await, 10, "{algorithm}");
        assert!(subject.decide(b"alice", 10, Mode::Take).await.allowed, "{algorithm}");
        assert!(!subject.decide(b"alice", 1, Mode::Peek).await.allowed, "{algorithm}");
        assert!(subject.decide(b"alice", 0, Mode::Take).await.allowed, "{algorithm}: zero always fits");
    }
}

/// A cost above the capacity gets no advice to wait (FIELD 5).
pub async fn costs_above_capacity_never_fit(fixture: &Fixture) {
    for algorithm in Algorithm::ALL {
        let subject = Subject::new(fixture, algorithm, 10);
        for cost in [11, 1_000, u64::MAX] {
            let denied = subject.decide(b"alice", cost, Mode::Take).await;
            assert_eq!((denied.allowed, denied.retry()), (false, Retry::Never), "{algorithm}, {cost}");
        }
        assert_eq!(subject.remaining(b"alice").await, 10, "{algorithm}");
    }
}

/// Partial grants charge what they grant (FIELD 5).
pub async fn up_to_takes_what_there_is(fixture: &Fixture) {
    for algorithm in Algorithm::ALL {
        let subject = Subject::new(fixture, algorithm, 10);
        for (wanted, granted, left) in [(7, 7, 3), (u64::MAX, 3, 0), (5, 0, 0)] {
            let verdict = subject.decide(b"alice", wanted, Mode::TakeUpTo).await;
            assert_eq!((verdict.allowed, verdict.granted), (granted > 0, granted), "{algorithm}");
            assert_eq!(verdict.outcomes[0].remaining, left, "{algorithm}");
        }
    }
}

/// As if nobody had ever asked: what was charged, and the other counters are as they were.
pub async fn a_reset_forgets_one_counter(fixture: &Fixture) {
    for algorithm in Algorithm::ALL {
        let subject = Subject::new(fixture, algorithm, 10);
        let before = subject.remaining(b"alice").await;
        for client in [&b"alice"[..], b"bob"] {
            assert!(subject.decide(client, 1, Mode::Take).await.allowed, "{algorithm}");
        }
        let reset = subject.decide(b"alice", 1, Mode::Reset).await;
        assert_eq!((reset.allowed, reset.granted), (true, 0), "{algorithm}");
        assert_eq!(reset.outcomes[0].remaining, before, "{algorithm}");
        assert_eq!(subject.remaining(b"alice").await, before, "{algorithm}");
        assert!(subject.remaining(b"bob").await < before, "{algorithm}");
        assert!(subject.decide(b"nobody", 0, Mode::Reset).await.allowed, "{algorithm}");
    }
}

/// And lifts nothing above its limit. (A queue takes no turn back.)
pub async fn a_refund_gives_back_what_was_charged(fixture: &Fixture) {
    for algorithm in Algorithm::ALL.into_iter().filter(|&it| it != Algorithm::LeakyBucketQueue) {
        let subject = Subject::new(fixture, algorithm, 10);
        let charge = subject.decide(b"alice", 6, Mode::Take).await;
        assert!(subject.decide(b"alice", 6, Mode::Refund(charge.at)).await.allowed, "{algorithm}");
        assert!(subject.remaining(b"alice").await >= 9, "{algorithm}: a bucket may have refilled a little");
        subject.decide(b"alice", 100, Mode::Refund(charge.at)).await;
        assert!(subject.remaining(b"alice").await <= 10, "{algorithm}");
        subject.decide(b"nobody", 5, Mode::Refund(charge.at)).await;
        assert_eq!(subject.remaining(b"nobody").await, 10, "{algorithm}");
    }
}
