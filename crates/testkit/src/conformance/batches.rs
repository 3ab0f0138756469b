//! Several limits in a check, several checks in a batch.

use drl_core::check::{Ask, Check};
use drl_core::{Algorithm, Mode};
use smallvec::smallvec;

use super::{Fixture, decide, rule, space};

/// A limit that passes keeps no charge when another denies (FIELD 7, 18), across partitions too.
pub async fn several_limits_are_all_or_nothing(fixture: &Fixture) {
    for narrow in Algorithm::ALL {
        for wide in Algorithm::ALL.into_iter().filter(|&wide| wide != narrow) {
            let (store, spaces) = (fixture.store.as_ref(), [space(narrow), space(wide)]);
            let pair = [narrow.as_str().as_bytes(), wide.as_str().as_bytes()];
            let client = pair.concat();
            let (client, everybody) = ([client.as_slice()], [pair[0], pair[1], b"all".as_slice()]);
            let check = |cost, mode| Check {
                asks: smallvec![
                    Ask { key: spaces[0].key(&client, 0), rule: rule(narrow, 3), cost },
                    Ask { key: spaces[1].key(&everybody, 0), rule: rule(wide, 10), cost },
                ],
                mode,
            };
            assert!(decide(store, check(2, Mode::Take)).await.allowed);
            for _ in 0..20 {
                let denied = decide(store, check(2, Mode::Take)).await;
                assert!(!denied.allowed, "{narrow} and {wide}");
                assert!(!denied.outcomes[0].retry.is_now() && denied.outcomes[1].retry.is_now());
            }
            let left = decide(store, check(0, Mode::Peek)).await;
            let left: Vec<u64> = left.outcomes.iter().map(|outcome| outcome.remaining).collect();
            assert_eq!(left, [1, 8], "{narrow} and {wide}");
        }
    }
}

/// Each check of a batch is decided for itself, also several on one counter.
pub async fn answers_come_in_the_order_of_the_checks(fixture: &Fixture) {
    let (space, rule) = (space(Algorithm::TokenBucket), rule(Algorithm::TokenBucket, 3));
    let names: Vec<[u8; 2]> = (0_u16..300).map(|index| (index / 3).to_be_bytes()).collect();
    let partitions: Vec<[&[u8]; 1]> = names.iter().map(|name| [name.as_slice()]).collect();
    let batch: Vec<Check<'_>> = partitions
        .iter()
        .map(|partition| Check {
            asks: smallvec![Ask { key: space.key(partition, 0), rule, cost: 2 }],
            mode: Mode::TakeUpTo,
        })
        .collect();
    let answers = fixture.store.decide(&batch).wait().await;
    let granted: Vec<u64> =
        answers.into_iter().map(|answer| answer.expect("a store that decides").granted).collect();
    assert_eq!(granted, [2, 1, 0].repeat(100));
    assert!(fixture.store.decide(&[]).wait().await.is_empty());
    let nothing = decide(fixture.store.as_ref(), Check { asks: smallvec![], mode: Mode::Peek }).await;
    assert!(nothing.allowed, "an empty check asks whether the store is there");
}
