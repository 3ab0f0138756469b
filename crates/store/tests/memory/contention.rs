//! Many threads at once, on the locks of the product. (`memory::interleavings` chooses schedules; here
//! the machine does.)

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use drl_core::{Algorithm, Micros, Mode, Quota};
use drl_store::{Answer, Store};
use proptest::prelude::{Strategy, any};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::support::{Fixture, Limit, per_minute};

const THREADS: u64 = 16;

/// FIELD 1: limitador admitted 101 of 100 under 16 threads.
#[test]
fn sixteen_threads_never_get_more_than_the_limit_nor_less() {
    const ROUNDS: u64 = 1_000;
    for algorithm in Algorithm::ALL {
        let (fixture, rule) = (Fixture::new(), per_minute(100, algorithm));
        let capacity = rule.capacity();
        let attempts = capacity / THREADS + 3;
        let (barrier, admitted) = (Barrier::new(16), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for round in 0..ROUNDS {
                        let client = format!("client-{round}");
                        barrier.wait();
                        let mine = (0..attempts).filter(|_| fixture.take(&client, rule).unwrap()).count();
                        admitted.fetch_add(mine as u64, Ordering::Relaxed);
                        if barrier.wait().is_leader() {
                            let round_total = admitted.swap(0, Ordering::Relaxed);
                            assert_eq!(round_total, capacity, "{algorithm}, round {round}");
                        }
                    }
                });
            }
        });
    }
}

/// FIELD 7 and 18: a limit that passes keeps its charge when another denies. Here both orders of two
/// clients and a limit over all of them meet in random costs; nobody waits for ever either.
#[test]
fn checks_of_several_limits_are_all_or_nothing_under_contention() {
    const LIMIT: u64 = 3_000;
    const CLIENTS: [&str; 4] = ["ann", "bob", "cyd", "dan"];
    for algorithm in Algorithm::ALL {
        let (fixture, rule) = (Fixture::new(), per_minute(LIMIT, algorithm));
        let global = per_minute(5 * LIMIT / 4, algorithm);
        let charged = [(); 5].map(|()| AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for choice in choices(400) {
                        let (one, other) = (choice % 4, (choice % 4 + 1 + choice / 4 % 3) % 4);
                        let cost = (choice / 16 % 5) as u64;
                        let limit = |at: usize| Limit { client: CLIENTS[at], rule, cost };
                        let all = Limit { client: "all", rule: global, cost };
                        let limits = match choice / 128 % 3 {
                            0 => [limit(one), limit(other), all],
                            1 => [all, limit(other), limit(one)],
                            _ => [limit(other), all, limit(one)],
                        };
                        if fixture.decide(&limits, Mode::Take).unwrap().allowed {
                            for at in [one, other, 4] {
                                charged[at].fetch_add(cost, Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
        });
        let left = |client, rule: drl_core::Rule| rule.capacity() - fixture.remaining(client, rule);
        for (client, charged) in CLIENTS.iter().zip(&charged) {
            assert_eq!(left(client, rule), charged.load(Ordering::Relaxed), "{algorithm}, {client}");
        }
        let all = charged[4].load(Ordering::Relaxed);
        assert_eq!(left("all", global), all, "{algorithm}");
        assert!(all + 4 >= global.capacity(), "{algorithm}: {all} admitted, so nothing was contended");
    }
}

/// A hundred clients are decided on while unique ids come and go in the same stripes and the clock moves.
#[test]
fn growth_sweeps_and_shrinking_lose_nothing_under_contention() {
    let (fixture, rule) =
        (Fixture::with(|builder| builder.max_keys(8_192)), per_minute(50, Algorithm::FixedWindow));
    let brief = Quota::new(1, Micros::from_millis(1)).rule().unwrap();
    let admitted = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (fixture, admitted) = (&fixture, &admitted);
            scope.spawn(move || {
                for turn in 0..2_000 {
                    assert!(fixture.take(&format!("{thread}-{turn}"), brief).unwrap());
                    if turn % 20 == 0 {
                        fixture.clock.advance(Micros(100));
                    }
                    let mine = fixture.take(&format!("client-{}", turn % 100), rule).unwrap();
                    admitted.fetch_add(mine.into(), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 100 * 50);
}

#[test]
fn the_store_is_an_object_that_answers_at_once() {
    let (fixture, rule) = (Fixture::new(), per_minute(1, Algorithm::TokenBucket));
    assert!(fixture.take("alice", rule).unwrap());
    let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(fixture.store);
    assert!(!store.is_shared());
    assert!(matches!(store.decide(&[]), Answer::Ready(answers) if answers.is_empty()));
}

/// Random numbers, the same in every run of one thread.
fn choices(count: usize) -> Vec<usize> {
    let numbers = proptest::collection::vec(any::<usize>(), count);
    numbers.new_tree(&mut TestRunner::default()).unwrap().current()
}
