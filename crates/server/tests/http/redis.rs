//! On a real Redis: shared by servers, lost, and back.

use std::time::{Duration, Instant};

use drl_testkit::{Data, RedisServer};
use serde_json::json;

use crate::client::Client;
use crate::running::Running;

const POLICIES: &str = "policies:
  - { name: strict, match: { endpoint: /strict }, per: [client], limit: 100/hour }
  - { name: open, match: { endpoint: /open }, per: [client], limit: 100/hour, on_store_failure: open }";

fn strict(client: &Client) -> u16 {
    client.check(&json!({ "client": "a", "endpoint": "/strict" })).status
}

#[test]
fn two_servers_on_one_redis_hold_one_limit() {
    let redis = RedisServer::start();
    let servers = [Running::on_url(POLICIES, &redis.url()), Running::on_url(POLICIES, &redis.url())];
    let clients = servers.each_ref().map(Running::client);
    let allowed = (0..140).filter(|round| strict(&clients[round % 2]) == 200).count();
    assert!((100..=101).contains(&allowed), "{allowed}: the burst, and at most what trickles in");
    assert_eq!(redis.keys_without_ttl(), Vec::<String>::new());
}

#[test]
fn an_outage_follows_the_policies_and_ends_within_a_second_of_the_store() {
    let redis = RedisServer::start();
    let server = Running::on_url(POLICIES, &redis.url());
    let client = server.client();
    assert_eq!((strict(&client), client.get("/readyz").status), (200, 200));

    redis.kill();
    for _ in 0..5 {
        let started = Instant::now();
        assert_eq!(strict(&client), 503);
        let open = client.check(&json!({ "client": "a", "endpoint": "/open" }));
        assert_eq!((open.status, &open.body["source"]), (200, &json!("fallback")));
        assert!(started.elapsed() < Duration::from_secs(1), "deadlines hold");
    }
    assert_eq!(client.get("/readyz").status, 503);

    redis.restart(Data::Lose);
    let back = Instant::now();
    while strict(&client) != 200 {
        assert!(back.elapsed() < Duration::from_secs(1), "not back within a second");
        std::thread::yield_now();
    }
    assert_eq!(client.get("/readyz").status, 200);
}

#[test]
fn a_store_that_is_down_at_the_start_is_found_when_it_comes() {
    let redis = RedisServer::start();
    redis.kill();
    let server = Running::on_url(POLICIES, &redis.url());
    let client = server.client();
    assert_eq!((strict(&client), client.get("/readyz").status), (503, 503));
    redis.restart(Data::Lose);
    let back = Instant::now();
    while strict(&client) != 200 {
        assert!(back.elapsed() < Duration::from_secs(1), "not found within a second");
        std::thread::yield_now();
    }
}

#[test]
fn a_wrong_password_is_told_by_readyz_and_nowhere_else() {
    let redis = RedisServer::builder().password("s3cret").start();
    let server = Running::on_url(POLICIES, &redis.url().replace("s3cret", "wr0ng"));
    let client = server.client();
    assert_eq!(strict(&client), 503);
    let reply = client.get("/readyz");
    let detail = reply.problem()["detail"].as_str().unwrap();
    assert!(detail.contains("the store refuses") && !detail.contains("wr0ng"), "{detail}");
}
