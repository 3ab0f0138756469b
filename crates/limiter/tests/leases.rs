//! Tokens that are borrowed in advance, over a real Redis: spent without a store call, and never over the limit.

#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use std::time::{Duration, Instant};

use distributed_rate_limiter::engine::{Demand, Engine, EngineOptions, Holdings, LimitOptions, Want};
use distributed_rate_limiter::{Algorithm, Decision, Leases, Quota, RateLimiter, Shards, Source};
use drl_testkit::RedisServer;

const LIMIT: u64 = 200_000;
/// No test needs it, but none is to wait forever.
const PATIENCE: Duration = Duration::from_secs(30);

/// One more instance.
async fn instance(server: &RedisServer, shards: u16, leases: Leases) -> RateLimiter {
    let quota = Quota::new(LIMIT, Quota::MAX_WINDOW).algorithm(Algorithm::FixedWindow);
    let url = format!("{}/?timeout_ms=10000", server.url());
    let builder = RateLimiter::builder().store(url).quota(quota).leases(leases);
    builder.shards(Shards::Fixed(shards)).build().await.unwrap()
}

/// Asks until something borrowed is spent; how often that took.
async fn warm(limiter: &RateLimiter) -> (u64, Decision) {
    let start = Instant::now();
    for asked in 1.. {
        let decision = limiter.check("alice").await.unwrap();
        assert!(decision.allowed(), "nothing is short yet");
        assert!(start.elapsed() < PATIENCE, "{asked} requests and nothing borrowed");
        if decision.source() == Source::Lease {
            return (asked, decision);
        }
    }
    unreachable!("the loop ends above")
}

/// Takes what there is; how much that was.
async fn drain(limiter: &RateLimiter) -> u64 {
    let mut admitted = 0;
    while limiter.is_allowed("alice").await.unwrap() {
        admitted += 1;
    }
    admitted
}

#[tokio::test]
async fn a_busy_client_costs_hardly_any_store_calls_and_gets_exactly_the_limit() {
    let server = RedisServer::start();
    for shards in [1, 8] {
        server.flush();
        let limiter = instance(&server, shards, Leases::Auto).await;
        let (asked, _) = warm(&limiter).await;
        let before = server.calls("evalsha");
        let admitted = asked + drain(&limiter).await;
        assert_eq!(admitted, LIMIT, "over {shards} shards");
        let calls = server.calls("evalsha") - before;
        assert!(calls * 100 < LIMIT, "{calls} calls for {LIMIT} decisions over {shards} shards");
    }
}

#[tokio::test]
async fn what_one_instance_has_borrowed_comes_back_to_the_others() {
    let server = RedisServer::start();
    let (busy, other) = (instance(&server, 4, Leases::Auto).await, instance(&server, 4, Leases::Auto).await);
    let (mut admitted, _) = warm(&busy).await;
    let start = Instant::now();
    // A lease lasts a quarter of a second at the most.
    while admitted < LIMIT {
        admitted += drain(&other).await;
        assert!(admitted <= LIMIT, "{admitted} admitted");
        assert!(start.elapsed() < PATIENCE, "only {admitted} admitted");
        tokio::task::yield_now().await;
    }
    assert_eq!(drain(&busy).await, 0);
}

#[tokio::test]
async fn an_instance_that_stops_leaves_nothing_borrowed() {
    let server = RedisServer::start();
    let (busy, other) = (instance(&server, 4, Leases::Auto).await, instance(&server, 4, Leases::Off).await);
    let (admitted, _) = warm(&busy).await;
    busy.release().await;
    assert_eq!(other.check("alice").peek().await.unwrap().remaining(), LIMIT - admitted);
}

#[tokio::test]
async fn what_is_left_counts_down_whoever_pays() {
    let server = RedisServer::start();
    let limiter = instance(&server, 8, Leases::Auto).await;
    let (asked, first) = warm(&limiter).await;
    assert_eq!(first.remaining(), LIMIT - asked);
    for more in 1..=10_000 {
        let decision = limiter.check("alice").await.unwrap();
        assert_eq!(decision.remaining(), LIMIT - asked - more, "{:?}", decision.source());
    }
    let peeked = limiter.check("alice").peek().await.unwrap();
    assert_eq!(peeked.remaining(), LIMIT - asked - 10_000);
}

#[tokio::test]
async fn a_larger_cost_than_is_borrowed_is_decided_with_all_there_is() {
    let server = RedisServer::start();
    let limiter = instance(&server, 4, Leases::Auto).await;
    let (asked, _) = warm(&limiter).await;
    let left = LIMIT - asked;
    let denied = limiter.check("alice").cost(left + 1).await.unwrap();
    assert_eq!((denied.allowed(), denied.remaining()), (false, left));
    warm(&limiter).await;
    let left = limiter.check("alice").peek().await.unwrap().remaining();
    assert!(limiter.check("alice").cost(left).await.unwrap().allowed(), "{left} are left");
    assert!(!limiter.is_allowed("alice").await.unwrap());
}

#[tokio::test]
async fn what_was_paid_with_borrowed_tokens_can_be_refunded() {
    let server = RedisServer::start();
    let limiter = instance(&server, 4, Leases::Auto).await;
    let (asked, decision) = warm(&limiter).await;
    limiter.refund("alice", &decision).await.unwrap();
    assert_eq!(limiter.check("alice").peek().await.unwrap().remaining(), LIMIT - asked + 1);
}

#[tokio::test]
async fn nothing_is_borrowed_where_that_is_off() {
    let server = RedisServer::start();
    let limiter = instance(&server, 1, Leases::Off).await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(300) {
        assert_eq!(limiter.check("alice").await.unwrap().source(), Source::Store);
    }
}

#[tokio::test]
async fn a_lease_is_spent_while_the_store_is_gone() {
    let server = RedisServer::start();
    let limiter = instance(&server, 1, Leases::Auto).await;
    warm(&limiter).await;
    server.kill();
    let after = limiter.check("alice").await;
    // It may have ended meanwhile; then this is the store's error, not a wrong answer.
    if let Ok(decision) = after {
        assert_eq!(decision.source(), Source::Lease);
    }
}

/// Whether the lease was there in time, and what became of it.
async fn with_an_open_breaker() -> Option<Source> {
    let server = RedisServer::start();
    let limiter = instance(&server, 1, Leases::Auto).await;
    warm(&limiter).await;
    let borrowed = Instant::now();
    server.kill();
    for _ in 0..4 {
        limiter.is_allowed("bob").await.unwrap_err();
    }
    // More than is borrowed: only the store could say, and it is not asked any more.
    limiter.check("alice").cost(LIMIT).await.unwrap_err();
    let answer = limiter.check("alice").await;
    let in_time = borrowed.elapsed() < Duration::from_millis(150);
    in_time.then(|| answer.unwrap().source())
}

#[tokio::test]
async fn a_question_that_is_not_sent_costs_no_lease() {
    for _ in 0..20 {
        if let Some(source) = with_an_open_breaker().await {
            assert_eq!(source, Source::Lease);
            return;
        }
    }
    panic!("a lease lasts longer than that takes");
}

#[tokio::test]
async fn what_an_instance_keeps_in_memory_can_be_seen() {
    let server = RedisServer::start();
    let url = format!("{}/?timeout_ms=10000", server.url());
    let engine = Engine::connect(&url, EngineOptions::default()).await.unwrap();
    let quota = Quota::new(LIMIT, Quota::MAX_WINDOW).algorithm(Algorithm::FixedWindow);
    let limit = engine.limit("limit", quota, LimitOptions::default()).unwrap();
    let demands = [Demand { limit: &limit, partition: &[b"alice"], cost: 1 }];
    assert_eq!(engine.holdings(), Holdings::default());
    let start = Instant::now();
    while engine.holdings().tokens == 0 {
        assert!(engine.decide(&demands, Want::Take).await.unwrap().allowed(), "nothing is short yet");
        assert!(start.elapsed() < PATIENCE, "nothing borrowed");
    }
    assert_eq!(engine.holdings().names, 1);
    engine.release().await;
    assert_eq!(engine.holdings().tokens, 0);
}
