//! Four processes, one Redis, one client: never over the limit.
//!
//! The test runs its own executable again as the contenders.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test and its contenders")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use distributed_rate_limiter::{Algorithm, Micros, Quota, RateLimiter};
use drl_testkit::RedisServer;

const LIMIT: u64 = 1_000;
const PROCESSES: u64 = 4;
const ATTEMPTS: u64 = 20_000;
const RUNS: u32 = 20;
/// The refill of a bucket over this window is a token every ten seconds; the windows never end.
const WINDOW: Micros = Micros::from_secs(10_000);
const CONTENDER: &str = "DRL_TEST_CONTENDER";

#[test]
fn four_processes_at_a_fixed_window_admit_exactly_the_limit() {
    contend("four_processes_at_a_fixed_window_admit_exactly_the_limit", Algorithm::FixedWindow);
}

#[test]
fn four_processes_at_a_sliding_log_admit_exactly_the_limit() {
    contend("four_processes_at_a_sliding_log_admit_exactly_the_limit", Algorithm::SlidingWindowLog);
}

#[test]
fn four_processes_at_a_sliding_window_are_never_over() {
    contend("four_processes_at_a_sliding_window_are_never_over", Algorithm::SlidingWindow);
}

#[test]
fn four_processes_at_a_token_bucket_are_never_over() {
    contend("four_processes_at_a_token_bucket_are_never_over", Algorithm::TokenBucket);
}

#[test]
fn four_processes_at_a_leaky_bucket_are_never_over() {
    contend("four_processes_at_a_leaky_bucket_are_never_over", Algorithm::LeakyBucket);
}

#[test]
fn four_processes_at_a_queue_are_never_over() {
    contend("four_processes_at_a_queue_are_never_over", Algorithm::LeakyBucketQueue);
}

/// The test `name` under `algorithm`: as the parent it starts contenders and counts what they got; started
/// as a contender it asks its share of the attempts.
fn contend(name: &str, algorithm: Algorithm) {
    if let Ok(url) = std::env::var(CONTENDER) {
        return contender(&url, algorithm);
    }
    let server = RedisServer::start();
    for run in 0..RUNS {
        server.flush();
        let start = Instant::now();
        let children: Vec<Child> = (0..PROCESSES).map(|_| start_contender(name, &server)).collect();
        let admitted: u64 = children.into_iter().map(admitted).sum();
        let bound = bound(algorithm, start.elapsed());
        assert!(admitted <= bound, "{algorithm}, run {run}: {admitted} admitted of {bound}");
        assert!(admitted >= LIMIT, "{algorithm}, run {run}: only {admitted} admitted of {LIMIT}");
        assert_eq!(server.keys_without_ttl(), Vec::<String>::new());
    }
}

/// What may be admitted at most within `elapsed`, from an untouched limit.
fn bound(algorithm: Algorithm, elapsed: Duration) -> u64 {
    let refilled = LIMIT * u64::try_from(elapsed.as_micros()).unwrap() / WINDOW.0;
    match algorithm {
        Algorithm::FixedWindow | Algorithm::SlidingWindowLog | Algorithm::SlidingWindow => LIMIT,
        Algorithm::TokenBucket | Algorithm::LeakyBucket => LIMIT + refilled,
        Algorithm::LeakyBucketQueue => LIMIT + 1 + refilled,
    }
}

fn quota(algorithm: Algorithm) -> Quota {
    let window = match algorithm {
        // An edge in the middle of a run would open a second window.
        Algorithm::FixedWindow | Algorithm::SlidingWindow => Quota::MAX_WINDOW,
        _ => WINDOW,
    };
    Quota::new(LIMIT, window).algorithm(algorithm)
}

fn start_contender(name: &str, server: &RedisServer) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CONTENDER, format!("{}/?timeout_ms=30000", server.url()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn admitted(child: Child) -> u64 {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.split_once("admitted="));
    line.map(|(_, count)| count.parse().unwrap()).unwrap_or_else(|| panic!("no count in {text}"))
}

fn contender(url: &str, algorithm: Algorithm) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let admitted = runtime.block_on(async {
        let builder = RateLimiter::builder().store(url).quota(quota(algorithm));
        let limiter = builder.build().await.unwrap();
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let limiter = limiter.clone();
            callers.spawn(async move {
                let mut admitted = 0_u64;
                for _ in 0..ATTEMPTS / PROCESSES / 50 {
                    admitted += u64::from(limiter.is_allowed("alice").await.unwrap());
                }
                admitted
            });
        }
        callers.join_all().await.into_iter().sum::<u64>()
    });
    println!("admitted={admitted}");
}
