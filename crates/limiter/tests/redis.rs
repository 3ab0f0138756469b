//! The library over a real Redis.

use std::time::{Duration, Instant};

use distributed_rate_limiter::{
    Algorithm, EndpointRateLimiter, Error, FailurePolicy, Quota, RateLimiter, Shards, Source, blocking,
};
use drl_testkit::client::Commands as _;
use drl_testkit::{Data, Fault, FaultProxy, RedisServer, ReservedPort};

/// A window whose edge no test run meets.
const AEON: u64 = 366 * 86_400;

/// Store calls of tests may take their time: two cores run dozens of servers at once.
const PATIENT: &str = "timeout_ms=5000";

fn patient(server: &RedisServer) -> String {
    format!("{}/?{PATIENT}", server.url())
}

#[tokio::test]
async fn the_last_token_is_found_by_whoever_asks() {
    let server = RedisServer::start();
    for limit in [1, 5, 8, 100] {
        server.flush();
        let mut instances = Vec::new();
        for _ in 0..3 {
            instances.push(RateLimiter::new(&patient(&server), limit, AEON).await.unwrap());
        }
        for turn in 0..limit {
            let instance = &instances[usize::try_from(turn % 3).unwrap()];
            assert!(instance.is_allowed("alice").await.unwrap(), "{turn} of {limit}");
        }
        for instance in &instances {
            assert!(!instance.is_allowed("alice").await.unwrap());
        }
        let keys: Vec<String> = server.connection().keys("*").unwrap();
        assert_eq!(keys.len() as u64, limit.min(8), "one counter per shard: {keys:?}");
        assert_eq!(server.keys_without_ttl(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn check_tells_what_all_shards_hold_in_one_round_trip() {
    let server = RedisServer::start();
    let proxy = FaultProxy::start(server.address());
    let url = format!("redis://{}/?{PATIENT}", proxy.address());
    let limiter = RateLimiter::new(&url, 100, AEON).await.unwrap();
    for left in (90..100).rev() {
        let decision = limiter.check("alice").await.unwrap();
        assert_eq!((decision.remaining(), decision.source()), (left, Source::Store));
    }
    let denied = limiter.check("alice").cost(91).await.unwrap();
    assert_eq!((denied.allowed(), denied.remaining()), (false, 90));
    assert!(limiter.check("alice").cost(90).await.unwrap().allowed(), "gathered from all shards");
    assert!(!limiter.is_allowed("alice").await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_callers_of_many_instances_get_exactly_the_limit() {
    let server = RedisServer::start();
    let cases = [
        (Algorithm::FixedWindow, Shards::Fixed(8)),
        (Algorithm::FixedWindow, Shards::Fixed(64)),
        (Algorithm::SlidingWindowLog, Shards::Fixed(3)),
        (Algorithm::SlidingWindow, Shards::Fixed(1)),
        (Algorithm::TokenBucket, Shards::Fixed(8)),
        (Algorithm::LeakyBucket, Shards::Auto),
    ];
    for (algorithm, shards) in cases {
        server.flush();
        let quota = Quota::per_day(100).algorithm(algorithm);
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let builder = RateLimiter::builder().store(patient(&server)).quota(quota).shards(shards);
            let limiter = builder.build().await.unwrap();
            for _ in 0..60 {
                let limiter = limiter.clone();
                calls.spawn(async move { limiter.is_allowed("alice").await.unwrap() });
            }
        }
        let admitted = calls.join_all().await.into_iter().filter(|&allowed| allowed).count();
        assert_eq!(admitted, 100, "{algorithm} over {shards:?}");
    }
}

#[tokio::test]
async fn endpoint_limits_hold_across_instances_and_their_keys_expire() {
    let server = RedisServer::start();
    let one = EndpointRateLimiter::new(&patient(&server)).await.unwrap();
    let two = EndpointRateLimiter::new(&patient(&server)).await.unwrap();
    let start = Instant::now();
    let mut admitted = 0;
    for turn in 0..30 {
        let limiter = if turn % 2 == 0 { &one } else { &two };
        admitted += u32::from(limiter.is_allowed("alice", "/search", 10, 100).await.unwrap());
    }
    if start.elapsed() < Duration::from_secs(1) {
        assert_eq!(admitted, 10);
    }
    let mut connection = server.connection();
    let keys: Vec<String> = connection.keys("*").unwrap();
    assert_eq!(keys.len(), 2, "{keys:?}");
    for key in keys {
        let ttl: i64 = connection.pttl(&key).unwrap();
        assert!((0..=2_001).contains(&ttl), "{key} expires in {ttl} ms");
    }
}

#[test]
fn blocking_limiters_share_the_allowance_with_async_ones() {
    let server = RedisServer::start();
    let blocking = blocking::RateLimiter::new(&patient(&server), 6, AEON).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let limiter = runtime.block_on(RateLimiter::new(&patient(&server), 6, AEON)).unwrap();
    for _ in 0..3 {
        assert!(blocking.is_allowed("alice").unwrap());
        assert!(runtime.block_on(limiter.is_allowed("alice")).unwrap());
    }
    assert!(!blocking.is_allowed("alice").unwrap());
    assert!(!runtime.block_on(limiter.is_allowed("alice")).unwrap());
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_an_error_of_its_class_in_time() {
    let nobody = ReservedPort::new();
    let url = format!("redis://{}", nobody.address());
    let start = Instant::now();
    let refused = RateLimiter::new(&url, 10, 60).await;
    assert!(matches!(refused, Err(Error::StoreUnavailable { .. } | Error::Timeout { .. })), "{refused:?}");
    assert!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());

    let server = RedisServer::builder().password("right").start();
    let url = format!("redis://:wrong@{}/?{PATIENT}", server.address());
    match RateLimiter::new(&url, 10, 60).await {
        Err(error @ Error::StoreUnavailable { .. }) => {
            let text = error.to_string();
            assert!(text.contains("WRONGPASS") && !error.is_retryable(), "{text}");
            assert!(!text.contains("wrong@"), "a password is nobody's business: {text}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_foreign_value_under_our_key_is_a_protocol_error_and_stays_as_it_is() {
    let server = RedisServer::start();
    let builder = RateLimiter::builder().store(patient(&server)).quota(Quota::per_minute(10));
    let limiter = builder.shards(Shards::Fixed(1)).build().await.unwrap();
    assert!(limiter.is_allowed("alice").await.unwrap());
    let mut connection = server.connection();
    let keys: Vec<String> = connection.keys("*").unwrap();
    let _: () = connection.del(&keys[0]).unwrap();
    let _: () = connection.rpush(&keys[0], "ours").unwrap();
    let error = limiter.is_allowed("alice").await;
    assert!(matches!(error, Err(Error::Protocol { .. })), "{error:?}");
    let kept: Vec<String> = connection.lrange(&keys[0], 0, -1).unwrap();
    assert_eq!(kept, ["ours"]);
    assert!(limiter.is_allowed("bob").await.unwrap(), "one foreign key is not an outage");
}

/// How each failure policy answers while the store is away, and that it ends within a second of its return.
#[tokio::test]
async fn an_outage_is_answered_as_chosen_and_ends_by_itself() {
    let server = RedisServer::start();
    let url = format!("{}/?timeout_ms=200", server.url());
    let limiter = |policy| {
        let quota = Quota::per_day(3).algorithm(Algorithm::FixedWindow);
        let builder = RateLimiter::builder().store(&url).quota(quota).on_store_failure(policy);
        builder.name(format!("{policy:?}")).build()
    };
    let error = limiter(FailurePolicy::Error).await.unwrap();
    let open = limiter(FailurePolicy::Open).await.unwrap();
    let closed = limiter(FailurePolicy::Closed).await.unwrap();
    let local = limiter(FailurePolicy::LOCAL).await.unwrap();
    for limiter in [&error, &open, &closed, &local] {
        assert_eq!(limiter.check("alice").await.unwrap().source(), Source::Store);
    }
    server.kill();
    for _ in 0..10 {
        let start = Instant::now();
        let answer = error.check("alice").await;
        assert!(matches!(answer, Err(Error::StoreUnavailable { .. } | Error::Timeout { .. })), "{answer:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());
        let decision = open.check("alice").await.unwrap();
        assert_eq!((decision.allowed(), decision.source()), (true, Source::Fallback));
        let decision = closed.check("alice").await.unwrap();
        assert_eq!((decision.allowed(), decision.source()), (false, Source::Fallback));
    }
    let mut admitted = 0;
    for _ in 0..10 {
        let decision = local.check("alice").await.unwrap();
        assert_eq!(decision.source(), Source::Fallback);
        admitted += u32::from(decision.allowed());
    }
    assert_eq!(admitted, 3, "this instance holds the limit by itself");

    server.restart(Data::Lose);
    let back = Instant::now();
    for limiter in [&error, &open, &closed, &local] {
        while !limiter.check("bob").await.is_ok_and(|decision| decision.source() == Source::Store) {
            assert!(back.elapsed() < Duration::from_secs(3), "still away after {:?}", back.elapsed());
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_hung_store_costs_one_deadline_and_then_nothing() {
    let server = RedisServer::start();
    let proxy = FaultProxy::start(server.address());
    let url = format!("redis://{}/?timeout_ms=100", proxy.address());
    let builder = RateLimiter::builder().store(url).quota(Quota::per_day(1_000));
    let limiter = builder.on_store_failure(FailurePolicy::Open).build().await.unwrap();
    assert!(limiter.is_allowed("alice").await.unwrap());
    proxy.set(Fault::Blackhole);
    let start = Instant::now();
    for _ in 0..200 {
        assert!(limiter.is_allowed("alice").await.unwrap());
    }
    assert!(start.elapsed() < Duration::from_secs(5), "200 calls took {:?}", start.elapsed());
}

#[tokio::test]
async fn a_limiter_that_serves_without_its_store_starts_without_it() {
    let nobody = ReservedPort::new();
    let url = format!("redis://{}/?timeout_ms=100", nobody.address());
    let builder = RateLimiter::builder().store(url).quota(Quota::per_minute(2));
    let limiter = builder.on_store_failure(FailurePolicy::LOCAL).build().await.unwrap();
    let mut allowed = Vec::new();
    for _ in 0..4 {
        allowed.push(limiter.is_allowed("alice").await.unwrap());
    }
    assert_eq!(allowed, [true, true, false, false]);
}
