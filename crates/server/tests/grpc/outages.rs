//! A store that is lost, and a server that goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::ask::{descriptor, limited, request};
use crate::running::Running;
use crate::store::{Mood, MoodyStore};

const POLICIES: &str = "policies:
  - { name: strict, per: [client], limit: 10/hour, on_store_failure: error }
  - { name: closed, per: [closed], limit: 10/hour, on_store_failure: closed }
  - { name: open, per: [open], limit: 10/hour, on_store_failure: open }";

#[tokio::test]
async fn nobody_is_told_a_verdict_that_the_store_did_not_give() {
    let store = MoodyStore::new(Mood::Fail);
    let server = Running::on_store(POLICIES, Arc::<MoodyStore>::clone(&store)).await;
    let client = server.client().await;
    let limited = limited(&[("k", "v")], 1, drl_proto::RateLimitUnit::Day);
    for one in [descriptor(&[("client", "a")]), descriptor(&[("closed", "a")]), limited] {
        let refused = client.call(request([one])).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Unavailable, "the store cannot decide"));
    }
    assert!(client.admits(request([descriptor(&[("open", "a")])])).await);
    store.turn(Mood::Answer);
    let back = Instant::now();
    while client.call(request([descriptor(&[("client", "a")])])).await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(2), "not back in time");
    }
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_told_so() {
    let store = MoodyStore::new(Mood::Hold);
    let server = Running::on_store_within(Duration::from_millis(20), POLICIES, store).await;
    let late = server.client().await.call(request([descriptor(&[("client", "a")])])).await.unwrap_err();
    assert_eq!((late.code(), late.message()), (Code::DeadlineExceeded, "the call took too long"));
}

#[tokio::test]
async fn health_follows_the_store_and_the_drain() {
    let store = MoodyStore::new(Mood::Answer);
    let mut server = Running::on_store(POLICIES, Arc::<MoodyStore>::clone(&store)).await;
    let mut health = HealthClient::new(server.channel().await);
    let question = |service: &str| HealthCheckRequest { service: service.to_owned() };
    let mut watch = health.watch(question("")).await.unwrap().into_inner();
    let told = |response: tonic_health::pb::HealthCheckResponse| response.status();
    assert_eq!(watch.message().await.unwrap().map(told), Some(ServingStatus::Serving));
    for (mood, status) in [(Mood::Answer, ServingStatus::Serving), (Mood::Fail, ServingStatus::NotServing)] {
        store.turn(mood);
        for service in ["", "envoy.service.ratelimit.v3.RateLimitService"] {
            assert_eq!(told(health.check(question(service)).await.unwrap().into_inner()), status);
        }
    }
    let unknown = health.check(Request::new(question("nobody"))).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(watch.message().await.unwrap().map(told), Some(ServingStatus::NotServing));
    store.turn(Mood::Answer);
    assert_eq!(watch.message().await.unwrap().map(told), Some(ServingStatus::Serving));
    server.drain();
    assert_eq!(watch.message().await.unwrap().map(told), Some(ServingStatus::NotServing), "it drains");
    assert_eq!(watch.message().await.unwrap().map(told), None, "and ends the stream");
    server.join().await;
}
