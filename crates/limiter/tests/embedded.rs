//! The library over the embedded store: promises that do not need a network.

mod support;

use std::sync::Arc;
use std::time::Duration;

use distributed_rate_limiter::{
    Algorithm, Error, OnLimited, Quota, RateLimiter, Retry, Shards, Source, blocking,
};
use drl_store::{MemoryStore, Store};
use support::{TokioClock, block_on, limiter, still_store};

fn hourly(limit: u64) -> Quota {
    Quota::per_hour(limit).algorithm(Algorithm::FixedWindow)
}

#[tokio::test]
async fn exactly_the_limit_is_admitted_over_all_shards() {
    for limit in [1, 2, 5, 8, 9, 100] {
        let limiter = RateLimiter::new("memory://", limit, 366 * 86_400).await.unwrap();
        for turn in 0..limit {
            assert!(limiter.is_allowed("alice").await.unwrap(), "{turn} of {limit}");
        }
        for _ in 0..3 {
            assert!(!limiter.is_allowed("alice").await.unwrap(), "over {limit}");
        }
        assert!(limiter.is_allowed("bob").await.unwrap(), "another client has an allowance of its own");
    }
}

#[tokio::test]
async fn many_instances_share_one_allowance_to_the_last_token() {
    let (store, _clock) = still_store();
    let mut instances = Vec::new();
    for _ in 0..5 {
        instances.push(limiter(&store, |b| b.quota(hourly(103)).shards(Shards::Fixed(8))).await);
    }
    for turn in 0..103 {
        assert!(instances[turn % 5].is_allowed("alice").await.unwrap(), "turn {turn}");
    }
    for instance in &instances {
        assert!(!instance.is_allowed("alice").await.unwrap());
    }
}

#[tokio::test]
async fn what_is_left_counts_all_shards() {
    let (store, clock) = still_store();
    let limiter = limiter(&store, |b| b.quota(hourly(100)).shards(Shards::Fixed(8))).await;
    for left in (0..100).rev() {
        let decision = limiter.check("alice").await.unwrap();
        assert_eq!((decision.allowed(), decision.limit(), decision.remaining()), (true, 100, left));
        assert_eq!((decision.source(), decision.retry_after()), (Source::Store, Some(Duration::ZERO)));
    }
    let denied = limiter.check("alice").await.unwrap();
    assert_eq!((denied.allowed(), denied.remaining(), denied.granted()), (false, 0, 0));
    let wait = denied.retry_after().unwrap();
    clock.advance(wait - Duration::from_micros(1));
    assert!(!limiter.is_allowed("alice").await.unwrap(), "before the advised moment");
    clock.advance(Duration::from_micros(1));
    assert!(limiter.is_allowed("alice").await.unwrap(), "at the advised moment");
}

#[tokio::test]
async fn a_cost_above_one_shard_is_gathered_from_several_or_charged_nowhere() {
    let (store, _clock) = still_store();
    let limiter = limiter(&store, |b| b.quota(hourly(100)).shards(Shards::Fixed(8))).await;
    let first = limiter.check("alice").cost(60).await.unwrap();
    assert_eq!((first.allowed(), first.remaining(), first.granted()), (true, 40, 60));
    let second = limiter.check("alice").cost(41).await.unwrap();
    assert_eq!((second.allowed(), second.remaining()), (false, 40));
    assert!(limiter.check("alice").cost(40).await.unwrap().allowed());
    let never = limiter.check("bob").cost(101).await.unwrap();
    assert_eq!((never.allowed(), never.retry(), never.retry_after()), (false, Retry::Never, None));
    assert!(limiter.check("bob").cost(100).await.unwrap().allowed());
}

#[tokio::test]
async fn several_quotas_are_charged_together_or_not_at_all() {
    let (store, clock) = still_store();
    let both = |b: distributed_rate_limiter::RateLimiterBuilder| {
        b.quota(Quota::per_second(10)).quota(hourly(15)).shards(Shards::Fixed(4))
    };
    let limiter = limiter(&store, both).await;
    for _ in 0..10 {
        assert!(limiter.is_allowed("alice").await.unwrap());
    }
    let denied = limiter.check("alice").await.unwrap();
    assert!(!denied.allowed());
    clock.advance(Duration::from_secs(10));
    let mut admitted = 0;
    while limiter.is_allowed("alice").await.unwrap() {
        admitted += 1;
    }
    assert_eq!(admitted, 5, "the denials by the short quota were not charged to the long one");
    let denied = limiter.check("alice").await.unwrap();
    assert_eq!(denied.limit(), 15, "the long quota is the one in the way");
}

#[tokio::test]
async fn a_tier_has_its_own_quota_and_shares_what_was_used() {
    let (store, _clock) = still_store();
    let limiter =
        limiter(&store, |b| b.quota(hourly(10)).tier("pro", [hourly(25)]).shards(Shards::Fixed(1))).await;
    for _ in 0..10 {
        assert!(limiter.is_allowed("alice").await.unwrap());
    }
    assert!(!limiter.is_allowed("alice").await.unwrap());
    let promoted = limiter.check("alice").tier("pro").await.unwrap();
    assert_eq!((promoted.allowed(), promoted.remaining()), (true, 14));
    let unknown = limiter.check("alice").tier("gold").await;
    assert!(matches!(unknown, Err(Error::InvalidConfig { .. })), "{unknown:?}");
}

#[tokio::test]
async fn a_question_that_nobody_awaits_charges_nothing() {
    let limiter = RateLimiter::builder().quota(hourly(1)).build().await.unwrap();
    drop(limiter.is_allowed("alice"));
    assert!(limiter.is_allowed("alice").await.unwrap());
    assert!(!limiter.is_allowed("alice").await.unwrap());
}

#[tokio::test]
async fn peeks_and_zero_costs_charge_nothing() {
    let (store, _clock) = still_store();
    let limiter = limiter(&store, |b| b.quota(hourly(3)).shards(Shards::Fixed(3))).await;
    for _ in 0..10 {
        assert_eq!(limiter.check("alice").peek().await.unwrap().remaining(), 3);
        assert_eq!(limiter.check("alice").cost(0).await.unwrap().remaining(), 3);
    }
    assert!(limiter.check("alice").cost(3).await.unwrap().allowed());
    assert!(!limiter.check("alice").peek().await.unwrap().allowed());
}

#[tokio::test]
async fn up_to_takes_what_there_is_and_a_refund_gives_it_back() {
    let (store, _clock) = still_store();
    let limiter = limiter(&store, |b| b.quota(hourly(20)).shards(Shards::Fixed(8))).await;
    let some = limiter.check("alice").up_to(15).await.unwrap();
    assert_eq!((some.allowed(), some.granted(), some.remaining()), (true, 15, 5));
    let rest = limiter.check("alice").up_to(15).await.unwrap();
    assert_eq!((rest.allowed(), rest.granted(), rest.remaining()), (true, 5, 0));
    let none = limiter.check("alice").up_to(15).await.unwrap();
    assert_eq!((none.allowed(), none.granted()), (false, 0));
    limiter.refund("alice", &some).await.unwrap();
    assert_eq!(limiter.check("alice").peek().await.unwrap().remaining(), 15);
    limiter.refund("alice", &none).await.unwrap();
    assert_eq!(limiter.check("alice").peek().await.unwrap().remaining(), 15);
}

#[tokio::test]
async fn acquire_says_why_and_when() {
    let (store, _clock) = still_store();
    let limiter = limiter(&store, |b| b.quota(Quota::per_second(1).burst(2)).name("api")).await;
    assert!(limiter.acquire("alice").await.unwrap().decision().allowed());
    limiter.acquire("alice").await.unwrap();
    match limiter.acquire("alice").await {
        Err(error @ Error::RateLimitExceeded { .. }) => {
            assert_eq!(error.to_string(), "rate limit `api` exceeded, retry after 1s");
            assert!(error.is_retryable() && !error.may_have_counted());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn acquire_waits_for_its_turn_within_its_bound() {
    let clock = TokioClock(tokio::time::Instant::now());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::builder().clock(clock).build());
    let wait = OnLimited::Wait(Duration::from_secs(3));
    let limiter = limiter(&store, |b| b.quota(Quota::per_second(1).burst(1)).on_limited(wait)).await;
    let start = tokio::time::Instant::now();
    for turn in 0..4 {
        limiter.acquire("alice").await.unwrap();
        assert_eq!(start.elapsed().as_millis(), turn * 1_000, "turn {turn}");
    }
    let too_long = limiter.check("alice").cost(2).acquire().await;
    assert!(matches!(too_long, Err(Error::RateLimitExceeded { retry_after: None, .. })), "{too_long:?}");
}

#[tokio::test(start_paused = true)]
async fn a_queue_lets_its_permits_out_evenly_spaced() {
    let clock = TokioClock(tokio::time::Instant::now());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::builder().clock(clock).build());
    let queue = Quota::per_second(10).algorithm(Algorithm::LeakyBucketQueue).burst(3);
    let limiter = limiter(&store, |b| b.quota(queue)).await;
    let start = tokio::time::Instant::now();
    let turn = |_| {
        let limiter = limiter.clone();
        tokio::spawn(async move {
            let permit = limiter.acquire("alice").await;
            permit.map(|_| start.elapsed().as_millis())
        })
    };
    let turns: Vec<_> = (0..5).map(turn).collect();
    let mut moments = Vec::new();
    for turn in turns {
        moments.extend(turn.await.unwrap());
    }
    moments.sort_unstable();
    assert_eq!(moments, [0, 100, 200, 300], "one goes on, three wait, the fifth is denied");
}

#[tokio::test]
async fn nonsense_is_refused_when_the_limiter_is_made() {
    let cases = [
        ("memory://", 0, 60, "the limit must be at least 1"),
        ("memory://", 10, 0, "window"),
        ("memory://", u64::MAX, 60, "above the largest limit"),
        ("memory://", 10, u64::MAX, "window"),
        ("memory://somewhere", 10, 60, "memory:// takes nothing"),
        ("mysql://localhost", 10, 60, "mysql"),
        ("", 10, 60, "URL"),
        ("redis://localhost:notaport", 10, 60, "port"),
        ("redis://localhost?colour=blue", 10, 60, "colour"),
    ];
    for (url, limit, window, expected) in cases {
        match RateLimiter::new(url, limit, window).await {
            Err(error @ Error::InvalidConfig { .. }) => {
                let text = error.to_string();
                assert!(text.contains(expected), "{url} {limit}/{window}: {text}");
                assert!(!error.is_retryable());
            }
            other => panic!("{url} {limit}/{window}: {other:?}"),
        }
    }
    let shards = RateLimiter::builder().quota(hourly(10)).shards(Shards::Fixed(65)).build().await;
    assert!(matches!(shards, Err(Error::InvalidConfig { .. })), "{shards:?}");
    let empty = RateLimiter::builder().build().await;
    assert!(matches!(empty, Err(Error::InvalidConfig { .. })), "{empty:?}");
}

#[tokio::test]
async fn any_client_id_is_a_client_of_its_own() {
    let limiter = RateLimiter::new("memory://", 1, 366 * 86_400).await.unwrap();
    let long = "x".repeat(1 << 20);
    let longer = "x".repeat((1 << 20) + 1);
    for id in ["", "a", "{a}", "a}b{c", "a|0", "a,b", "a\0", "a\n", "%61", "#", &long, &longer] {
        assert!(
            limiter.is_allowed(id).await.unwrap(),
            "{:.20} is somebody else",
            id.escape_debug().to_string()
        );
    }
    assert!(limiter.check(b"\xff\xfe").await.unwrap().allowed());
    assert!(!limiter.check(b"\xff\xfe").await.unwrap().allowed());
}

#[test]
fn blocking_works_outside_and_inside_a_runtime() {
    let count = || {
        let limiter = blocking::RateLimiter::new("memory://", 3, 366 * 86_400).unwrap();
        (0..5).filter(|_| limiter.is_allowed("alice").unwrap()).count()
    };
    assert_eq!(count(), 3);
    assert_eq!(block_on(async { count() }), 3);
    let endpoints = blocking::EndpointRateLimiter::new("memory://").unwrap();
    assert!(matches!(endpoints.is_allowed("alice", "/", 0, 1), Err(Error::InvalidConfig { .. })));
}

mod endpoints {
    use super::*;
    use distributed_rate_limiter::EndpointRateLimiter;
    use distributed_rate_limiter::engine::Engine;

    #[tokio::test]
    async fn both_limits_are_charged_or_neither() {
        let (store, clock) = still_store();
        let limiter = EndpointRateLimiter::with_engine(Engine::with_store(store, "drl"));
        let mut admitted = Vec::new();
        for (endpoint, capacity) in [("/a", 3), ("/b", 10), ("/a", 10)] {
            let mut count = 0;
            while limiter.is_allowed("alice", endpoint, capacity, 8).await.unwrap() {
                count += 1;
            }
            admitted.push(count);
        }
        assert_eq!(admitted, [3, 5, 0], "3 to /a, then the rest of 8 to /b, then nothing is left");
        clock.advance(Duration::from_secs(1));
        assert!(!limiter.is_allowed("alice", "/a", 3, 8).await.unwrap(), "a second has both of its ends");
        clock.advance(Duration::from_micros(1));
        assert!(limiter.is_allowed("alice", "/a", 3, 8).await.unwrap());
        assert!(limiter.is_allowed("bob", "/a", usize::MAX, usize::MAX).await.unwrap());
    }
}
