use proptest::prelude::*;

use drl_core::{Algorithm, Quota, State};

use super::*;
use crate::clock::Stamp;
use crate::grid::Schedule;
use crate::ledger::{Entry, Ledger};
use crate::store_clock::Offset;

const START: u64 = 1_700_000_000_000_000;

/// A run that begins `into_window` microseconds behind a full hour of the store's clock, and lasts a second.
struct Run {
    ledger: Ledger,
    promise: Promise,
}

impl Run {
    fn new(promise: Promise, into: u64) -> Self {
        let store = i64::try_from(START - START % 3_600_000_000 + into).unwrap();
        let offset = Offset { least: store, most: store };
        let schedule = Schedule::new(&promise, Stamp(0), std::time::Duration::from_secs(1), offset);
        Self { ledger: Ledger::new(100, schedule), promise }
    }

    /// So many of `key`, asked and answered at these microseconds of the run.
    fn admit(&self, key: u32, (asked, answered): (u64, u64), admitted: u64) -> &Self {
        let entry = Entry { key, demanded: admitted, admitted };
        self.ledger.enter(Stamp(asked * 1_000), Stamp(answered * 1_000), &[entry]);
        self
    }

    fn judged(&self, drift: u64) -> Verdict {
        let schedule = self.ledger.schedule();
        let (from, to) = (schedule.offset.earliest(schedule.start), schedule.offset.latest(schedule.end));
        let times = Times { grid: schedule.grid, from, to, drift: Micros(drift) };
        let (totals, cells) = (self.ledger.totals(), self.ledger.cells());
        judge(&self.promise, &times, Evidence { totals: &totals, cells: &cells })
    }

    fn over(&self) -> u64 {
        self.judged(0).over_admission
    }
}

const LIMIT: u64 = 100;
const WINDOW: Micros = Micros(250_000);
const FIXED: Promise = Promise::FixedWindow { limit: LIMIT, window: WINDOW };
const LOG: Promise = Promise::EveryInterval { limit: LIMIT, window: WINDOW };
const ESTIMATE: Promise = Promise::Estimate { limit: LIMIT, window: WINDOW };
const BUCKET: Promise = Promise::Bucket { burst: LIMIT, tokens: LIMIT, per: WINDOW };

#[test]
fn one_token_too_many_is_one_too_many_for_every_algorithm() {
    for promise in [FIXED, LOG, ESTIMATE, BUCKET] {
        let run = Run::new(promise, 0);
        run.admit(7, (10, 20), LIMIT);
        assert_eq!(run.over(), 0, "{promise:?}");
        run.admit(7, (10, 20), 1);
        assert_eq!(run.over(), 1, "{promise:?}");
        let worst = run.judged(0).worst.unwrap();
        assert_eq!((worst.key, worst.admitted, worst.allowed), (7, LIMIT + 1, LIMIT), "{promise:?}");
    }
}

#[test]
fn the_excess_of_all_keys_is_added_up() {
    let run = Run::new(FIXED, 0);
    run.admit(1, (10, 20), LIMIT + 3).admit(2, (10, 20), LIMIT - 3).admit(3, (300_000, 300_100), LIMIT + 4);
    assert_eq!(run.over(), 7);
    assert_eq!(run.judged(0).worst.unwrap().key, 3);
}

#[test]
fn a_fixed_window_may_spend_two_limits_around_an_edge_but_not_behind_it() {
    let run = Run::new(FIXED, 240_000);
    run.admit(0, (9_000, 9_900), LIMIT).admit(0, (10_100, 11_000), LIMIT);
    assert_eq!(run.over(), 0);
    run.admit(0, (10_100, 11_000), 1);
    assert_eq!(run.over(), 1);
}

/// What is in flight at an edge may count to either side, but not to neither.
#[test]
fn what_is_in_doubt_at_an_edge_is_held_against_both_windows_together() {
    let run = Run::new(FIXED, 240_000);
    run.admit(0, (9_000, 11_000), LIMIT + 50);
    assert_eq!(run.over(), 0, "half of it may lie on either side");
    run.admit(0, (9_000, 9_900), 30).admit(0, (10_100, 11_000), 30);
    assert_eq!(run.over(), 10, "210 in two windows of 100");
}

#[test]
fn a_log_is_held_to_every_interval_not_to_aligned_ones() {
    let run = Run::new(LOG, 0);
    run.admit(0, (200_000, 200_100), 60).admit(0, (300_000, 300_100), 60);
    assert_eq!(run.over(), 20);
    let apart = Run::new(LOG, 0);
    apart.admit(0, (200_000, 200_100), LIMIT).admit(0, (460_000, 460_100), LIMIT);
    assert_eq!(apart.over(), 0);
}

#[test]
fn a_bucket_is_held_to_its_rate_after_its_burst() {
    let steady = |each| {
        let run = Run::new(BUCKET, 0);
        run.admit(0, (0, 10), LIMIT);
        // 4 tokens refill in 10 ms.
        for at in (1..100).map(|turn| turn * 10_000) {
            run.admit(0, (at, at + 10), each);
        }
        run.over()
    };
    assert_eq!(steady(4), 0);
    assert!(steady(5) > 90, "{}", steady(5));
    let pause = Run::new(BUCKET, 0);
    pause.admit(0, (0, 10), 10).admit(0, (900_000, 900_010), LIMIT + 20);
    assert_eq!(pause.over(), 20, "an unused past gives no more than a full bucket");
}

#[test]
fn the_estimate_weighs_the_window_before() {
    let run = |second: u64, at: u64| {
        let run = Run::new(ESTIMATE, 0);
        run.admit(0, (100, 200), LIMIT).admit(0, (at, at + 100), second);
        run.over()
    };
    // A fifth into the second window, four fifths of the first are in sight.
    assert_eq!(run(19, 300_000), 0);
    assert!(run(25, 300_000) >= 4, "{}", run(25, 300_000));
    assert_eq!(run(LIMIT, 499_500), 0);
    assert_eq!(run(LIMIT + 1, 499_500), 1);
}

#[test]
fn a_key_that_is_not_followed_is_held_against_the_whole_run() {
    let run = Run::new(FIXED, 0);
    run.admit(99, (10, 20), 5 * LIMIT);
    assert_eq!(run.over(), 0, "the run touches five windows");
    run.admit(99, (10, 20), 1);
    assert_eq!(run.over(), 1);
}

#[test]
fn what_took_too_long_to_be_placed_still_counts_in_the_whole() {
    let run = Run::new(FIXED, 0);
    run.admit(0, (10, 60_000_000), 5 * LIMIT + 1);
    assert_eq!((run.over(), run.ledger.unplaced()), (1, 5 * LIMIT + 1));
}

#[test]
fn a_clock_that_was_moved_is_allowed_the_windows_that_may_have_been_cut() {
    for promise in [FIXED, ESTIMATE] {
        let run = Run::new(promise, 0);
        run.admit(0, (10, 20), 3 * LIMIT);
        assert_eq!(run.judged(1_000).over_admission, 0, "{promise:?}");
        run.admit(0, (10, 20), 1);
        assert_eq!(run.judged(1_000).over_admission, 1, "{promise:?}");
    }
    let run = Run::new(BUCKET, 0);
    run.admit(0, (10, 20), LIMIT + 10);
    assert_eq!(run.judged(25_000).over_admission, 0, "20 refill in twice 25 ms");
    assert!(run.judged(0).over_admission > 0);
}

#[test]
fn the_bound_counts_keys_that_were_asked_and_what_could_be_used_of_it() {
    let run = Run::new(FIXED, 0);
    run.admit(0, (10, 20), 3).admit(80, (10, 20), 2);
    let verdict = run.judged(0);
    assert_eq!((verdict.bound, verdict.possible, verdict.admitted), (2 * 5 * LIMIT, 5, 5));
}

/// Moments and costs; delays before and after.
type Pairs = Vec<(u64, u64)>;

/// The pure algorithm under a load that always takes what there is, seen through delays.
fn admissions(algorithm: Algorithm) -> impl Strategy<Value = Pairs> {
    let step = (prop_oneof![4 => 0_u64..200, 2 => 0_u64..20_000, 1 => 0_u64..300_000], 1_u64..8);
    proptest::collection::vec(step, 1..400).prop_map(move |steps| {
        let rule = Quota::new(LIMIT, WINDOW).algorithm(algorithm).rule().unwrap();
        let (mut state, mut at, mut admitted) =
            (State::Empty, START - START % 3_600_000_000 + 77, Vec::new());
        for (gap, cost) in steps {
            at += gap;
            let now = Timestamp(at);
            rule.carry(&mut state, now);
            if rule.fit(&state, cost, now).is_now() {
                rule.charge(&mut state, cost, now);
                admitted.push((at - (START - START % 3_600_000_000), cost));
            }
        }
        admitted.retain(|(at, _)| *at < 1_000_000);
        admitted
    })
}

fn case() -> impl Strategy<Value = (Algorithm, Pairs, Pairs)> {
    let delays = proptest::collection::vec((0_u64..3_000, 0_u64..3_000), 400);
    (proptest::sample::select(&Algorithm::ALL[..]), delays)
        .prop_flat_map(|(algorithm, delays)| (Just(algorithm), admissions(algorithm), Just(delays)))
}

fn promise(algorithm: Algorithm) -> Promise {
    match algorithm {
        Algorithm::FixedWindow => FIXED,
        Algorithm::SlidingWindowLog => LOG,
        Algorithm::SlidingWindow => ESTIMATE,
        Algorithm::LeakyBucketQueue => Promise::Bucket { burst: LIMIT + 1, tokens: LIMIT, per: WINDOW },
        _ => BUCKET,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_alarm_about_a_limiter_that_keeps_its_promise((algorithm, admitted, delays) in case()) {
        let run = Run::new(promise(algorithm), 0);
        for ((at, cost), (before, after)) in admitted.into_iter().zip(delays) {
            run.admit(0, (at.saturating_sub(before), at + after), cost);
        }
        let verdict = run.judged(0);
        prop_assert_eq!(verdict.worst, None);
        prop_assert!(verdict.admitted <= verdict.bound);
    }
}
