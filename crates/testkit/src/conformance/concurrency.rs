//! Many callers at once.

use std::sync::Arc;

use drl_core::check::{Ask, Check};
use drl_core::{Algorithm, Mode};
use smallvec::smallvec;
use tokio::task::JoinSet;

use super::{Fixture, decide, rule, space};

/// Limitador's memory admitted 101 of 100, its Redis 97 of 10 (FIELD 1, 22).
pub async fn many_tasks_get_exactly_the_limit_of_every_algorithm(fixture: &Fixture) {
    for algorithm in Algorithm::ALL {
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let store = Arc::clone(&fixture.store);
            tasks.spawn(async move {
                let (space, rule) = (space(algorithm), rule(algorithm, 100));
                let mut admitted = 0;
                for _ in 0..10 {
                    let asks = smallvec![Ask { key: space.key(&[b"hot"], 0), rule, cost: 1 }];
                    let verdict = decide(store.as_ref(), Check { asks, mode: Mode::Take }).await;
                    admitted += u64::from(verdict.allowed);
                }
                admitted
            });
        }
        let admitted: u64 = tasks.join_all().await.into_iter().sum();
        assert_eq!(admitted, 100, "{algorithm}");
    }
}

/// Every client has its own limit and all share one: neither goes over, and what the shared one denies is
/// charged to no client.
pub async fn checks_of_several_limits_are_never_over(fixture: &Fixture) {
    let mut tasks = JoinSet::new();
    for client in 0_u8..40 {
        let store = Arc::clone(&fixture.store);
        tasks.spawn(async move {
            let spaces = [space(Algorithm::TokenBucket), space(Algorithm::SlidingWindowLog)];
            let rules = [rule(Algorithm::TokenBucket, 5), rule(Algorithm::SlidingWindowLog, 70)];
            let name = [client];
            let partition = [name.as_slice()];
            let ask = |mode| {
                let keys = [spaces[0].key(&partition, 0), spaces[1].key(&[], 0)];
                let asks =
                    keys.into_iter().zip(rules).map(|(key, rule)| Ask { key, rule, cost: 1 }).collect();
                Check { asks, mode }
            };
            let mut admitted = 0;
            for _ in 0..10 {
                admitted += u64::from(decide(store.as_ref(), ask(Mode::Take)).await.allowed);
            }
            let left = decide(store.as_ref(), ask(Mode::Peek)).await.outcomes[0].remaining;
            assert_eq!(left, 5 - admitted, "client {client} was charged what it was admitted");
            admitted
        });
    }
    let admitted: u64 = tasks.join_all().await.into_iter().sum();
    assert_eq!(admitted, 70);
}
