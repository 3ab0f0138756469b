//! How far the sliding window counter is from the log, on traffic that nobody here invented.
//!
//! `cargo test -p drl-core --test properties sliding_window_error -- --nocapture` prints what
//! `docs/algorithms.md` quotes.

use std::collections::HashMap;

use drl_core::{Algorithm, Micros, Mode, Quota, State, Timestamp};
use drl_testkit::bound::{Admission, Promise, worst};

use crate::support::decide_one;

const LOG: &str = include_str!("../../../../examples/data/apache_access.log");
const LIMITS: [u64; 3] = [5, 10, 20];

/// Requests of the log in order of time: client and second. Only the times of one month have to be read.
fn requests() -> Vec<(&'static str, u64)> {
    let read = |line: &'static str| {
        let (client, rest) = line.split_once(' ')?;
        let time = rest.split_once('[')?.1.split_once(' ')?.0;
        let mut parts = time.split([':', '/']);
        let mut number = || parts.next()?.parse::<u64>().ok();
        let day = number()?;
        let (_month, _year) = (number(), number());
        Some((client, ((day * 24 + number()?) * 60 + number()?) * 60 + number()?))
    };
    let mut requests: Vec<_> = LOG.lines().filter_map(read).collect();
    assert_eq!(requests.len(), 10_000);
    requests.sort_by_key(|&(_, second)| second);
    requests
}

/// Who was let through, request by request, and the most any client got in any minute.
fn replay(limit: u64, algorithm: Algorithm) -> (Vec<bool>, i128) {
    let rule = Quota::per_minute(limit).algorithm(algorithm).rule().expect("a valid quota");
    let mut clients: HashMap<&str, (State, Vec<Admission>)> = HashMap::new();
    let decide = |(client, second): (&'static str, u64)| {
        let (state, admitted) = clients.entry(client).or_default();
        let now = Timestamp(1_430_000_000_000_000 + second * 1_000_000);
        let allowed = decide_one(&rule, state, 1, (Mode::Take, now)).allowed;
        if allowed {
            admitted.push(Admission { at: now, cost: 1, delay: Micros::ZERO });
        }
        allowed
    };
    let verdicts = requests().into_iter().map(decide).collect();
    let promise = Promise::EveryInterval { limit, window: Micros::from_secs(60) };
    let most = clients.values().filter_map(|(_, admitted)| worst(promise, admitted));
    let excess = most.map(|worst| -worst.slack).max().unwrap_or_default();
    (verdicts, excess)
}

#[test]
fn on_real_traffic_the_estimate_is_within_half_the_limit_and_rarely_off() {
    for limit in LIMITS {
        let (exact, none) = replay(limit, Algorithm::SlidingWindowLog);
        let (estimate, excess) = replay(limit, Algorithm::SlidingWindow);
        assert!(none <= 0, "the log is exact");
        let differ = exact.iter().zip(&estimate).filter(|(exact, estimate)| exact != estimate).count();
        let denied = exact.iter().filter(|&&allowed| !allowed).count();
        println!(
            "{limit}/minute: {differ} of 10,000 requests judged differently ({denied} denied by the log); \
             at most {} admitted within a minute",
            i128::from(limit) + excess.max(0),
        );
        assert!(2 * excess <= i128::from(limit), "{limit}: {excess} too many in one minute");
        assert!(differ <= 10_000 / 20, "{limit}: {differ} judged differently");
    }
}

#[test]
fn the_worst_arrivals_stay_below_twice_the_limit() {
    // All at the end of one window, then as much as the estimate lets through in the next.
    let rule = Quota::per_minute(100).algorithm(Algorithm::SlidingWindow).rule().expect("a valid quota");
    let (mut state, mut admitted) = (State::Empty, Vec::new());
    for second in 0..240 {
        let now = Timestamp(1_700_000_040_000_000 + 59_000_000 + second * 1_000_000);
        while decide_one(&rule, &mut state, 1, (Mode::Take, now)).allowed {
            admitted.push(Admission { at: now, cost: 1, delay: Micros::ZERO });
        }
    }
    let promise = Promise::EveryInterval { limit: 100, window: Micros::from_secs(60) };
    let excess = worst(promise, &admitted).map_or(0, |worst| -worst.slack);
    assert!((50..100).contains(&excess), "the estimate is {excess} over at worst");
}
