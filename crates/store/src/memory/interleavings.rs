//! The concurrent core under thousands of schedules: shuttle chooses which thread runs at every lock and
//! every atomic, and reports a deadlock where one is possible.

use std::sync::Arc;

use drl_core::check::{Ask, Check};
use drl_core::identity::Secret;
use drl_core::{Admission, Keyspace, Micros, Mode, Quota, Rule, Timestamp, Verdict};
use shuttle::thread;

use super::MemoryStore;
use crate::clock::ManualClock;
use crate::contract::Store as _;
use crate::error::StoreError;

const SCHEDULES: usize = 2_000;
const START: Timestamp = Timestamp(1_764_000_000_000_000);

struct Fixture {
    store: MemoryStore<Arc<ManualClock>>,
    clock: Arc<ManualClock>,
    space: Keyspace,
    rule: Rule,
}

impl Fixture {
    /// A store of two stripes.
    fn new(limit: u64, max_keys: u64) -> Arc<Self> {
        let clock = Arc::new(ManualClock::new(START));
        let mut store = MemoryStore::builder().max_keys(128).clock(clock.clone()).build();
        store.room = super::Room::new(max_keys, MemoryStore::DEFAULT_MAX_BYTES);
        store.secret = Secret::known([1, 2]); // the same stripes in every schedule
        let space = Keyspace::new("drl", "per-client", "tb60s");
        let rule = Quota::per_minute(limit).rule().unwrap();
        Arc::new(Self { store, clock, space, rule })
    }

    fn decide(&self, clients: &[&str], mode: Mode) -> Result<Verdict, StoreError> {
        let partitions: Vec<[&[u8]; 1]> = clients.iter().map(|client| [client.as_bytes()]).collect();
        let asks = partitions
            .iter()
            .map(|partition| Ask { key: self.space.key(partition, 0), rule: self.rule, cost: 1 })
            .collect();
        self.store.decide_one(&Check { asks, mode })
    }

    fn admits(&self, clients: &[&str]) -> bool {
        match clients {
            [client] => self.admit(client).unwrap().allowed,
            clients => self.decide(clients, Mode::Take).unwrap().allowed,
        }
    }

    fn admit(&self, client: &str) -> Option<Admission> {
        let partition = [client.as_bytes()];
        self.store.admit(&Ask { key: self.space.key(&partition, 0), rule: self.rule, cost: 1 })
    }

    fn stripe(&self, client: &str) -> usize {
        self.store.secret.id(&self.space.key(&[client.as_bytes()], 0)).stripe(self.store.stripe_bits)
    }

    /// Clients at the first and at the last stripe.
    fn apart(&self) -> [String; 2] {
        [0, 1].map(|stripe| {
            (0..).map(|number| format!("client-{number}")).find(|name| self.stripe(name) == stripe).unwrap()
        })
    }
}

#[test]
fn as_many_are_admitted_as_the_limit_allows() {
    let threads = || {
        let fixture = Fixture::new(3, 16);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let fixture = fixture.clone();
                thread::spawn(move || (0..2).filter(|_| fixture.admits(&["alice"])).count())
            })
            .collect();
        let admitted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(admitted, 3);
        assert_eq!(fixture.store.len(), 1);
    };
    shuttle::check_random(threads, SCHEDULES);
    shuttle::check_pct(threads, SCHEDULES, 3);
}

#[test]
fn checks_in_both_orders_neither_deadlock_nor_charge_one_limit_alone() {
    let threads = || {
        let fixture = Fixture::new(3, 16);
        let [one, other] = fixture.apart();
        let spawn = |names: Vec<String>| {
            let fixture = fixture.clone();
            thread::spawn(move || {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                (0..2).filter(|_| fixture.admits(&names)).count()
            })
        };
        let both = [spawn(vec![one.clone(), other.clone()]), spawn(vec![other.clone(), one.clone()])];
        let single = spawn(vec![other.clone()]);
        let both: usize = both.into_iter().map(|thread| thread.join().unwrap()).sum();
        let single = single.join().unwrap();
        assert_eq!(both + single, 3, "the limit both share is admitted in full");
        let left = (0..4).filter(|_| fixture.admits(&[&one])).count();
        assert_eq!(left, 3 - both, "the other limit was charged by admitted checks alone");
    };
    shuttle::check_random(threads, SCHEDULES);
    shuttle::check_pct(threads, SCHEDULES, 3);
}

/// A charge at an earlier moment than the one before it would move that one back in time as well, and out
/// of the window early.
#[test]
fn a_counter_never_sees_an_earlier_time_than_before() {
    shuttle::check_random(
        || {
            let fixture = Fixture::new(9, 16);
            let [one, other] = fixture.apart();
            let orders: [&[&String]; 3] = [&[&one], &[&one, &other], &[&other, &one]];
            let threads: Vec<_> = orders
                .into_iter()
                .map(|names| {
                    let (fixture, one) = (fixture.clone(), one.clone());
                    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                    thread::spawn(move || {
                        fixture.clock.advance(Micros(1));
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        let verdict = fixture.decide(&names, Mode::Take).unwrap();
                        let mut outcomes = names.iter().zip(&verdict.outcomes);
                        (outcomes.find(|(name, _)| **name == one).unwrap().1.remaining, verdict.at)
                    })
                })
                .collect();
            let mut seen: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            seen.sort_unstable_by_key(|&(remaining, _)| std::cmp::Reverse(remaining));
            assert!(seen.is_sorted_by_key(|&(_, at)| at), "{seen:?}");
        },
        SCHEDULES,
    );
}

#[test]
fn newcomers_never_share_the_last_place() {
    shuttle::check_random(
        || {
            let fixture = Fixture::new(1, 2);
            let threads: Vec<_> = (0..3)
                .map(|number| {
                    let fixture = fixture.clone();
                    thread::spawn(move || fixture.admit(&format!("client-{number}")).is_some())
                })
                .collect();
            let served = threads.into_iter().map(|thread| thread.join().unwrap());
            assert_eq!(served.filter(|&served| served).count(), 2);
            assert_eq!(fixture.store.len(), 2);
        },
        SCHEDULES,
    );
}

#[test]
fn a_sweep_takes_no_counter_that_still_counts() {
    shuttle::check_random(
        || {
            let fixture = Fixture::new(1, 16);
            assert!(fixture.admits(&["gone"]));
            fixture.clock.advance(Micros::from_secs(60));
            assert!(fixture.admits(&["alice"]));
            let sweeper = {
                let fixture = fixture.clone();
                thread::spawn(move || fixture.store.sweep())
            };
            let newcomers = {
                let fixture = fixture.clone();
                thread::spawn(move || assert!(fixture.admits(&["bob"]) && fixture.admits(&["carol"])))
            };
            assert!(!fixture.admits(&["alice"]));
            sweeper.join().unwrap();
            newcomers.join().unwrap();
            assert!(!fixture.admits(&["alice"]));
            assert_eq!(fixture.store.len(), 3);
        },
        SCHEDULES,
    );
}
