//! The simulator's seeds, and the proof that it can fail: what is promised holds on every one of them, and
//! every deliberate mistake is found.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails with what it has found, and says how much"
)]

use std::sync::atomic::{AtomicU64, Ordering};

use drl_core::Algorithm;
use drl_testkit::simulation::{Bug, Kind, Load, Scenario, shrink, simulate};

/// CI runs these.
const SEEDS: u64 = 2_400;
/// Each mistake has to be found within so many.
const SEEDS_FOR_A_BUG: u64 = 1_500;

/// Tries seeds on all cores, and returns the first that is wanted.
fn first(seeds: u64, wanted: impl Fn(u64) -> bool + Sync) -> Option<u64> {
    let (next, found) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds || seed > found.load(Ordering::Relaxed) {
                break;
            }
            if wanted(seed) {
                found.fetch_min(seed, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    Some(found.into_inner()).filter(|&seed| seed < seeds)
}

#[test]
fn every_promise_is_kept_whatever_goes_wrong() {
    let failed = first(SEEDS, |seed| simulate(&Scenario::hostile(seed), None).violation.is_some());
    if let Some(seed) = failed {
        let failure = shrink(&Scenario::hostile(seed), None).expect("the same seed is the same run");
        panic!("{failure}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..20 {
        let [once, again] = [(); 2].map(|()| simulate(&Scenario::hostile(seed), None).tally);
        assert_eq!(format!("{once:?}"), format!("{again:?}"));
    }
}

/// How much of what one counter in one place would admit is admitted to four instances, over all loads.
fn utilisation(algorithm: Algorithm) -> Vec<(Load, f64)> {
    let share = |load| {
        let (mut admitted, mut possible) = (0, 0);
        for seed in 0..12 {
            let scenario = Scenario::demanding(seed, algorithm, load);
            let report = simulate(&scenario, None);
            assert!(report.violation.is_none(), "seed {seed}: {:?}", report.violation);
            admitted += report.admitted;
            possible += scenario.possible();
        }
        let share = admitted as f64 / possible as f64;
        println!("{algorithm} {load:?}: {:.2} %", 100.0 * share);
        (load, share)
    };
    Load::ALL.map(share).to_vec()
}

#[test]
fn leases_leave_no_more_than_a_hundredth_of_a_window_unused() {
    for algorithm in [Algorithm::FixedWindow, Algorithm::SlidingWindowLog, Algorithm::SlidingWindow] {
        for (load, share) in utilisation(algorithm) {
            assert!(share >= 0.99, "{algorithm} {load:?}: {share}");
        }
    }
}

#[test]
fn leases_leave_no_more_than_a_hundredth_of_a_bucket_unused() {
    for algorithm in [Algorithm::TokenBucket, Algorithm::LeakyBucket] {
        for (load, share) in utilisation(algorithm) {
            assert!(share >= 0.99, "{algorithm} {load:?}: {share}");
        }
    }
}

/// Fails unless the mistake is found, and as what it is.
fn is_found(bug: Bug, as_what: Kind) {
    let caught = |seed| {
        simulate(&Scenario::hostile(seed), Some(bug)).violation.is_some_and(|found| found.kind == as_what)
    };
    let seed = first(SEEDS_FOR_A_BUG, caught);
    let seed = seed.unwrap_or_else(|| panic!("{bug} is not found as {as_what:?} in {SEEDS_FOR_A_BUG} seeds"));
    println!("{bug}: {as_what:?} at seed {seed}");
}

#[test]
fn a_lease_counted_from_the_reply_is_found() {
    is_found(Bug::LeaseFromReply, Kind::BadSpend);
}

#[test]
fn a_bucket_that_refills_while_it_is_lent_is_found() {
    is_found(Bug::RefillWhileLeased, Kind::OverTheLimit);
}

#[test]
fn a_credit_after_the_window_is_found() {
    is_found(Bug::CreditAfterWindow, Kind::OverTheLimit);
}

#[test]
fn a_charge_on_denial_is_found() {
    is_found(Bug::ChargeOnDenial, Kind::WrongCharge);
}

#[test]
fn shard_limits_rounded_up_are_found() {
    is_found(Bug::ShardsRoundedUp, Kind::OverTheLimit);
}

#[test]
fn a_retry_after_a_timeout_is_found_as_a_double_charge() {
    is_found(Bug::RetryAfterTimeout, Kind::Unaccounted);
}

#[test]
fn tokens_lent_for_free_are_found() {
    is_found(Bug::LendForFree, Kind::OverTheLimit);
}

#[test]
fn what_is_returned_twice_is_found() {
    is_found(Bug::ReturnTwice, Kind::OverTheLimit);
}

#[test]
fn what_nobody_wants_and_nobody_gives_back_is_found() {
    is_found(Bug::KeepWhatNobodyWants, Kind::Unaccounted);
}

#[test]
fn leases_dropped_when_a_call_fails_are_found() {
    is_found(Bug::DropWhenStranded, Kind::Unaccounted);
}

#[test]
fn a_clock_that_stops_in_a_pause_is_found() {
    is_found(Bug::ClockStopsInPause, Kind::BadSpend);
}

#[test]
fn a_reservation_that_is_not_undone_is_found() {
    is_found(Bug::NoUndo, Kind::Unaccounted);
}

#[test]
fn a_counter_dropped_too_early_is_found() {
    is_found(Bug::ForgetTooEarly, Kind::OverTheLimit);
}

#[test]
fn a_question_delivered_twice_is_found() {
    is_found(Bug::DeliverTwice, Kind::Unaccounted);
}

#[test]
fn who_is_served_before_those_who_came_earlier_is_found() {
    is_found(Bug::ServeBackwards, Kind::OutOfOrder);
}

#[test]
fn a_denial_that_never_ends_is_found() {
    is_found(Bug::DenyForever, Kind::StaleDenial);
}

#[test]
fn a_line_that_is_forgotten_is_found() {
    is_found(Bug::ForgetTheLine, Kind::Unanswered);
}
