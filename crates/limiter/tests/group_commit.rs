//! Many callers of one client share store calls, and what was denied is remembered, over a real Redis.

#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use std::time::{Duration, Instant};

use distributed_rate_limiter::{Algorithm, Decision, Quota, RateLimiter, Shards, Source};
use drl_testkit::{Fault, FaultProxy, RedisServer};
use tokio::task::JoinSet;

async fn limiter(url: &str, limit: u64, shards: u16) -> RateLimiter {
    let quota = Quota::new(limit, Quota::MAX_WINDOW).algorithm(Algorithm::FixedWindow);
    let builder = RateLimiter::builder().store(format!("{url}/?timeout_ms=10000")).quota(quota);
    builder.shards(Shards::Fixed(shards)).build().await.unwrap()
}

/// Bucket4j on Redis collapses at 400 concurrent callers of one key (FIELD 17).
#[tokio::test]
async fn a_thousand_concurrent_callers_of_one_key_cost_a_handful_of_calls() {
    let server = RedisServer::start();
    for shards in [1, 8] {
        let limiter = limiter(&server.url(), 600, shards).await;
        server.flush();
        let before = server.calls("evalsha");
        let mut callers = JoinSet::new();
        for _ in 0..1_000 {
            let limiter = limiter.clone();
            callers.spawn(async move { limiter.is_allowed("alice").await.unwrap() });
        }
        let admitted = callers.join_all().await.into_iter().filter(|&allowed| allowed).count();
        assert_eq!(admitted, 600, "over {shards} shards");
        let calls = server.calls("evalsha") - before;
        assert!(calls <= 12, "{calls} calls for 1,000 requests over {shards} shards");
    }
}

#[tokio::test]
async fn requests_that_share_a_call_are_told_what_is_left_one_after_the_other() {
    let server = RedisServer::start();
    let limiter = limiter(&server.url(), 50, 4).await;
    let mut callers = JoinSet::new();
    for _ in 0..60 {
        let limiter = limiter.clone();
        callers.spawn(async move { limiter.check("alice").await.unwrap() });
    }
    let decisions = callers.join_all().await;
    let mut left: Vec<u64> =
        decisions.iter().filter(|decision| decision.allowed()).map(Decision::remaining).collect();
    left.sort_unstable();
    assert_eq!(left, (0..50).collect::<Vec<u64>>());
    for denied in decisions.iter().filter(|decision| !decision.allowed()) {
        assert_eq!((denied.remaining(), denied.granted()), (0, 0));
        assert!(denied.retry_after().unwrap() > Duration::ZERO);
    }
}

#[tokio::test]
async fn large_costs_share_calls_and_what_is_too_little_for_anybody_goes_back() {
    let server = RedisServer::start();
    let limiter = limiter(&server.url(), 100, 8).await;
    let mut callers = JoinSet::new();
    for _ in 0..80 {
        let limiter = limiter.clone();
        callers.spawn(async move {
            let decision = limiter.check("alice").cost(3).await.unwrap();
            assert_eq!(decision.granted(), if decision.allowed() { 3 } else { 0 });
            decision.granted()
        });
    }
    let admitted: u64 = callers.join_all().await.into_iter().sum();
    assert_eq!(admitted, 99);
    assert!(limiter.is_allowed("alice").await.unwrap(), "the last token has gone back");
    assert!(!limiter.is_allowed("alice").await.unwrap());
}

#[tokio::test]
async fn a_denial_is_remembered_and_costs_the_store_nothing() {
    let server = RedisServer::start();
    let limiter = limiter(&server.url(), 3, 3).await;
    let first = limiter.check("alice").cost(3).await.unwrap();
    assert!(!limiter.is_allowed("alice").await.unwrap());
    let (start, before) = (Instant::now(), server.calls("evalsha"));
    let mut remembered = 0;
    for _ in 0..500 {
        let denied = limiter.check("alice").await.unwrap();
        assert_eq!((denied.allowed(), denied.remaining()), (false, 0));
        remembered += u32::from(denied.source() == Source::DenialMemory);
    }
    if start.elapsed() < Duration::from_millis(900) {
        assert_eq!((remembered, server.calls("evalsha") - before), (500, 0));
    }
    assert!(limiter.is_allowed("bob").await.unwrap(), "another client is another matter");
    limiter.refund("alice", &first).await.unwrap();
    assert!(limiter.is_allowed("alice").await.unwrap(), "a refund ends the memory");
}

#[tokio::test]
async fn what_callers_wanted_who_went_away_is_not_lost() {
    let server = RedisServer::start();
    let proxy = FaultProxy::start(server.address());
    let limiter = limiter(&format!("redis://{}", proxy.address()), 100, 1).await;
    proxy.set(Fault::Delay(Duration::from_millis(200)));
    let lead = tokio::spawn({
        let limiter = limiter.clone();
        async move { limiter.is_allowed("alice").await.unwrap() }
    });
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let limiter = limiter.clone();
        callers.spawn(async move { limiter.is_allowed("alice").await.unwrap() });
    }
    tokio::task::yield_now().await;
    callers.shutdown().await;
    assert!(lead.await.unwrap());
    proxy.set(Fault::Pass);
    // The first look, the leader's call, the one for everybody else, and what gives it back.
    let start = Instant::now();
    while server.calls("evalsha") < 4 {
        assert!(start.elapsed() < Duration::from_secs(10), "what nobody wanted does not come back");
        tokio::task::yield_now().await;
    }
    assert_eq!(limiter.check("alice").peek().await.unwrap().remaining(), 99);
}

#[tokio::test]
async fn a_leader_that_goes_away_leaves_nobody_waiting() {
    let server = RedisServer::start();
    let proxy = FaultProxy::start(server.address());
    let limiter = limiter(&format!("redis://{}", proxy.address()), 100, 1).await;
    proxy.set(Fault::Delay(Duration::from_millis(100)));
    let lead = tokio::spawn({
        let limiter = limiter.clone();
        async move { limiter.is_allowed("alice").await.unwrap() }
    });
    tokio::task::yield_now().await;
    let waiting = tokio::spawn({
        let limiter = limiter.clone();
        async move { limiter.is_allowed("alice").await.unwrap() }
    });
    tokio::task::yield_now().await;
    lead.abort();
    assert!(waiting.await.unwrap());
}
