//! A walk that takes what there is, in several steps.

use drl_core::engine::{Counters, Demand, Departure, Detail, Haul, Hints, Step, Walk, Want};
use drl_core::identity::Secret;
use drl_core::{Algorithm, Leased, Micros, Outcome, Quota, Retry, Timestamp, Verdict};
use smallvec::smallvec;

/// What a shard says: granted so much at that moment, with so much left and that long to wait.
fn verdict(granted: u64, at: u64, (remaining, delay): (u64, u64)) -> Verdict {
    let retry = if remaining > 0 || granted > 0 { Retry::Now } else { Retry::After(Micros(500)) };
    let outcome = Outcome { retry, remaining, reset_after: Micros(900), delay: Micros(delay) };
    let (leased, outcomes) = (Leased::default(), smallvec![outcome]);
    Verdict { allowed: retry.is_now(), granted, leased, at: Timestamp(at), outcomes }
}

/// Walks with those answers to its questions.
fn walk(counters: &Counters, cost: u64, answers: Vec<Vec<Verdict>>) -> Haul {
    let demands = [Demand { counters, partition: &[b"alice"], cost }];
    let hints = Hints::new(Secret::known([1, 2]));
    let mut walk = Walk::new(&demands, Want::TakeUpTo, Detail::Full);
    let mut asked = walk.start(&hints, &Departure::default()).len();
    for answers in answers {
        assert_eq!(answers.len(), asked);
        match walk.resume(&hints, answers.into_iter().map(Ok::<_, ()>)) {
            Ok(Step::Ask(batch)) => asked = batch.len(),
            Ok(Step::Done(haul)) => return haul,
            Err(()) => unreachable!("every answer is one"),
        }
    }
    unreachable!("a walk ends")
}

#[test]
fn a_refund_names_the_earliest_charge_also_where_the_clocks_of_nodes_are_apart() {
    let quota = Quota::per_second(8).algorithm(Algorithm::FixedWindow);
    let counters = Counters::new("drl", "limit", &quota, 2).unwrap();
    let empty = || verdict(0, 1_000, (0, 0));
    let haul = walk(
        &counters,
        4,
        vec![
            vec![empty(), empty(), verdict(0, 1_000, (2, 0))], // the first shard has nothing
            vec![verdict(2, 1_000, (0, 0)), empty(), verdict(0, 1_000, (2, 0))], // the second one gives two
            vec![verdict(2, 400, (0, 0)), empty(), empty()],   // a node behind gives the others
        ],
    );
    assert_eq!((haul.granted, haul.at), (4, Timestamp(400)));
}

#[test]
fn who_takes_what_there_is_of_a_queue_is_told_its_own_turn_and_not_the_next_ones() {
    let quota = Quota::per_second(10).algorithm(Algorithm::LeakyBucketQueue);
    let counters = Counters::new("drl", "limit", &quota, 1).unwrap();
    let haul = walk(&counters, 1, vec![vec![verdict(1, 1_000, (9, 0)), verdict(0, 1_000, (9, 100_000))]]);
    assert_eq!(haul.found[0].outcome.delay, Micros::ZERO);
}
