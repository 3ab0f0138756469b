//! The replay agrees with a count that shares no code with the limiter.

use std::collections::HashMap;

use distributed_rate_limiter::{Algorithm, Quota};
use drl_examples::{Request, Tallies, Tally, parse, replay_at, replay_embedded};
use drl_testkit::RedisServer;

const LOG: &str = include_str!("../data/apache_access.log");
const SECOND: u64 = 1_000_000;

/// Lets a request through if `counts` says that the client's earlier admissions leave room for it.
fn brute_force(requests: &[Request], limit: usize, counts: impl Fn(u64, u64) -> bool) -> Tallies {
    let mut admitted: HashMap<&str, Vec<u64>> = HashMap::new();
    let mut tallies = Tallies::new();
    for request in requests {
        let earlier = admitted.entry(&request.client).or_default();
        let used = earlier.iter().filter(|&&then| counts(then, request.at.0)).count();
        let tally: &mut Tally = tallies.entry(request.client.clone()).or_default();
        if used < limit {
            earlier.push(request.at.0);
            tally.admitted += 1;
        } else {
            tally.limited += 1;
        }
    }
    tallies
}

#[tokio::test]
async fn a_fixed_window_limits_whom_a_count_by_calendar_minutes_limits() {
    let requests = parse(LOG).unwrap();
    let expected = brute_force(&requests, 10, |then, now| then / (60 * SECOND) == now / (60 * SECOND));
    let quota = Quota::per_minute(10).algorithm(Algorithm::FixedWindow);
    let replayed = replay_embedded(&requests, quota).await.unwrap();
    assert!(expected.values().any(|tally| tally.limited > 0), "somebody must be limited");
    assert_eq!(replayed, expected);
}

#[tokio::test]
async fn a_sliding_log_limits_whom_a_count_of_the_last_minute_limits() {
    let requests = parse(LOG).unwrap();
    let expected = brute_force(&requests, 10, |then, now| now - then <= 60 * SECOND);
    let quota = Quota::per_minute(10).algorithm(Algorithm::SlidingWindowLog);
    let replayed = replay_embedded(&requests, quota).await.unwrap();
    assert_eq!(replayed, expected);
}

#[tokio::test]
async fn a_token_bucket_limits_whom_a_bucket_kept_in_fractions_limits() {
    let requests = parse(LOG).unwrap();
    // A bucket of 5 that refills one token in 6 s, in sixths of a token per second.
    let mut buckets: HashMap<&str, (u64, u64)> = HashMap::new();
    let mut expected = Tallies::new();
    for request in &requests {
        let now = request.at.0 / SECOND;
        let (level, since) = buckets.entry(&request.client).or_insert((30, now));
        *level = (*level + (now - *since)).min(30);
        *since = now;
        let tally: &mut Tally = expected.entry(request.client.clone()).or_default();
        if *level >= 6 {
            *level -= 6;
            tally.admitted += 1;
        } else {
            tally.limited += 1;
        }
    }
    let replayed = replay_embedded(&requests, Quota::per_minute(10).burst(5)).await.unwrap();
    assert_eq!(replayed, expected);
}

#[tokio::test]
async fn over_redis_each_client_gets_the_limit_and_not_one_more() {
    let requests = parse(LOG).unwrap();
    let expected = brute_force(&requests, 20, |_, _| true);
    let server = RedisServer::start();
    let url = format!("{}/?timeout_ms=5000", server.url());
    let quota = Quota::new(20, Quota::MAX_WINDOW).algorithm(Algorithm::FixedWindow);
    assert_eq!(replay_at(&url, &requests, quota).await.unwrap(), expected);
    assert_eq!(server.keys_without_ttl(), Vec::<String>::new());
}

#[test]
fn a_line_that_is_no_log_line_is_named() {
    for (log, expected) in [
        ("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /\"\nnonsense", "line 2"),
        ("1.2.3.4 - - [17/May/2015:25:05:03 +0000] \"GET /\"", "line 1"),
        ("1.2.3.4 - - [17/May/2015:10:05:03 +0000", "line 1"),
        ("1.2.3.4 - - [01/Jan/1900:00:00:00 +0000] \"GET /\"", "line 1"),
    ] {
        let error = format!("{:#}", parse(log).unwrap_err());
        assert!(error.starts_with(expected), "{error}");
    }
}
