//! Envoy itself, with its rate-limit filter in front of an upstream.

mod proxy;
mod setup;

use std::time::{Duration, Instant};

use drl_testkit::RedisServer;

use crate::running::Running;
use crate::tools::until;
use proxy::{Envoy, Listener};

const POLICIES: &str = "policies:
  - { name: per-client, per: [client], limit: 3/hour, algorithm: fixed_window }
  - { name: search, match: { part: search }, per: [part], limit: 2/hour, algorithm: fixed_window }
  - { name: tokens, per: [account], limit: 10/hour, algorithm: fixed_window }";

#[tokio::test]
async fn who_is_over_the_limit_is_told_so_by_envoy_and_nobody_else() {
    let server = Running::start(POLICIES).await;
    let envoy = Envoy::start(server.grpc).await;
    for left in ["2", "1", "0"] {
        let reply = envoy.get(Listener::Lenient, "/", "alice").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "upstream"));
        // Envoy's own fields (draft 03), from what the status says.
        assert_eq!(reply.header("x-ratelimit-remaining"), left);
        assert_eq!(reply.header("x-ratelimit-limit"), "3, 3;w=3600;name=\"per-client\"");
        assert!((1..=3_600).contains(&reply.header("x-ratelimit-reset").parse().unwrap()));
        // Ours.
        assert_eq!(reply.header("ratelimit-policy"), "\"per-client\";q=3;w=3600");
        assert!(reply.header("ratelimit").starts_with(&format!("\"per-client\";r={left};t=")), "{reply:?}");
        assert!(!reply.headers.contains_key("retry-after"), "{reply:?}");
    }
    for listener in [Listener::Lenient, Listener::Strict] {
        let denied = envoy.get(listener, "/", "alice").await;
        assert_eq!(denied.status, 429);
        assert_eq!(denied.header("x-envoy-ratelimited"), "true");
        assert_eq!(denied.header("x-ratelimit-remaining"), "0");
        assert!((1..=3_600).contains(&denied.header("retry-after").parse().unwrap()), "{denied:?}");
    }
    assert_eq!(envoy.get(Listener::Lenient, "/", "bob").await.status, 200);
}

#[tokio::test]
async fn a_route_has_descriptors_of_its_own_and_they_are_charged_together_or_not_at_all() {
    let server = Running::start(POLICIES).await;
    let envoy = Envoy::start(server.grpc).await;
    for expected in [200, 200, 429, 429] {
        assert_eq!(envoy.get(Listener::Strict, "/search", "carol").await.status, expected);
    }
    // Two of three were charged: the denied ones charged nothing.
    assert_eq!(envoy.get(Listener::Strict, "/", "carol").await.status, 200);
    assert_eq!(envoy.get(Listener::Strict, "/", "carol").await.status, 429);
}

/// The files of envoyproxy/ratelimit, with Envoy as it is.
#[tokio::test]
async fn rules_in_the_format_of_envoys_own_service_hold_behind_envoy() {
    let rules = "
domain: default
descriptors:
  - { key: client, rate_limit: { unit: hour, requests_per_unit: 3 } }
  - { key: client, value: root, rate_limit: { unlimited: true } }
  - { key: client, value: mallory, rate_limit: { unit: hour, requests_per_unit: 0 } }
  - { key: part, value: sea*, rate_limit: { unit: hour, requests_per_unit: 2 } }
";
    let server = Running::with_rules(rules).await;
    let envoy = Envoy::start(server.grpc).await;
    for (path, client, status) in [
        ("/search", "alice", 200),
        ("/search", "root", 200),
        ("/search", "alice", 429),
        ("/search", "root", 429),
        ("/", "alice", 200),
        ("/", "alice", 200),
        ("/", "alice", 429),
        ("/", "root", 200),
        ("/", "mallory", 429),
    ] {
        let reply = envoy.get(Listener::Strict, path, client).await;
        assert_eq!(reply.status, status, "{path} for {client}: {reply:?}");
    }
    let reply = envoy.get(Listener::Strict, "/", "bob").await;
    assert_eq!(reply.header("x-ratelimit-limit"), "3, 3;w=3600;name=\"default.client\"");
}

#[tokio::test]
async fn a_route_says_what_it_costs() {
    let server = Running::start(POLICIES).await;
    let envoy = Envoy::start(server.grpc).await;
    for (status, left) in [(200, "6"), (200, "2"), (429, "2")] {
        let reply = envoy.get(Listener::Strict, "/costly", "dave").await;
        assert_eq!((reply.status, reply.header("x-ratelimit-remaining")), (status, left), "four of ten each");
    }
}

/// The store hangs for two seconds: whoever fails open goes on, whoever fails closed does not, nobody hangs; then
/// everything is as before, and what was used is used.
#[tokio::test]
async fn an_outage_of_the_store_follows_failure_mode_deny_and_ends_with_it() {
    let redis = RedisServer::start();
    let server = Running::on_url(POLICIES, &redis.url()).await;
    let envoy = Envoy::start(server.grpc).await;
    let ask = async |listener| envoy.get(listener, "/", "erin").await.status;
    assert_eq!(ask(Listener::Strict).await, 200);

    redis.pause();
    let outage = Instant::now();
    let mut asked = 0;
    while outage.elapsed() < Duration::from_secs(2) || asked == 0 {
        let started = Instant::now();
        assert_eq!((ask(Listener::Strict).await, ask(Listener::Lenient).await), (500, 200));
        assert!(started.elapsed() < Duration::from_secs(5), "it hangs");
        asked += 1;
    }
    redis.resume();
    let first = until("the store is back", async || {
        Some(ask(Listener::Strict).await).filter(|status| *status != 500)
    })
    .await;
    let mut admitted = 1 + u32::from(first == 200);
    while ask(Listener::Strict).await == 200 {
        admitted += 1;
    }
    // Calls that were cut off may have been counted when the store woke up; never the other way round.
    assert!(admitted <= 3, "{admitted} of 3");
    assert_eq!(redis.keys_without_ttl(), Vec::<String>::new());
}

#[tokio::test]
async fn the_sample_configuration_is_one() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/envoy/envoy.yaml");
    proxy::validate(sample).await;
}
