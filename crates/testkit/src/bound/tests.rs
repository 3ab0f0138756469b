use super::*;
use proptest::prelude::*;

fn promises() -> impl Strategy<Value = Promise> {
    let (limit, window) = (1_u64..12, (1_u64..40).prop_map(Micros));
    prop_oneof![
        (limit.clone(), window.clone(), (0_u64..40).prop_map(Micros))
            .prop_map(|(limit, window, phase)| Promise::FixedWindow { limit, window, phase }),
        (limit.clone(), window.clone()).prop_map(|(limit, window)| Promise::EveryInterval { limit, window }),
        (limit.clone(), 1_u64..9, window.clone()).prop_map(|(burst, tokens, per)| Promise::Bucket {
            burst,
            tokens,
            per
        }),
        (limit, 1_u64..9, window).prop_map(|(waiting, tokens, per)| Promise::Spaced { waiting, tokens, per }),
    ]
}

/// Gaps between admissions, costs, and delays that keep the order of a queue or break it.
fn admissions() -> impl Strategy<Value = Vec<Admission>> {
    let event = (prop_oneof![2 => Just(0), 3 => 0_u64..6, 1 => 0_u64..80], 1_u64..5, 0_u64..25);
    (0_u64..50, proptest::collection::vec(event, 0..40)).prop_map(|(mut at, events)| {
        let mut start = 0;
        let admission = |(gap, cost, delay): (u64, u64, u64)| {
            at += gap;
            start = (at + delay).max(start);
            Admission { at: Timestamp(at), cost, delay: Micros(start - at) }
        };
        events.into_iter().map(admission).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_fast_judge_agrees_with_looking_at_every_pair(promise in promises(), events in admissions()) {
        prop_assert_eq!(worst(promise, &events).map(|worst| worst.slack), by_brute_force(promise, &events));
    }
}

#[test]
fn the_worst_interval_is_named() {
    let events = [(10, 1), (20, 2), (30, 2), (41, 1)].map(|(at, cost)| Admission::now(Timestamp(at), cost));
    let promise = Promise::EveryInterval { limit: 4, window: Micros(20) };
    let expected = Worst { from: Timestamp(10), to: Timestamp(30), admitted: 5, slack: -1 };
    assert_eq!(worst(promise, &events), Some(expected));
    assert_eq!(expected.to_string(), "5 admitted in [10, 30] µs, over the promise by 1 units");
}

#[test]
fn a_bucket_is_judged_to_the_last_unit() {
    let promise = Promise::Bucket { burst: 2, tokens: 1, per: Micros(10) };
    let at = |at| Admission::now(Timestamp(at), 1);
    assert_eq!(worst(promise, &[at(5), at(5), at(15)]).map(|worst| worst.slack), Some(0));
    assert_eq!(worst(promise, &[at(5), at(5), at(14)]).map(|worst| worst.slack), Some(-1));
}
