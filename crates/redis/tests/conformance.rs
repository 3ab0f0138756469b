//! The Redis store keeps the contract of every store.

#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use std::sync::Arc;

use drl_redis::{Options, RedisStore};
use drl_testkit::RedisServer;
use drl_testkit::conformance::Fixture;

async fn fixture() -> Fixture {
    let server = RedisServer::start();
    let url = format!("{}/?timeout_ms=20000", server.url()).parse().unwrap();
    let store = RedisStore::connect(&url, Options::default()).await.unwrap();
    Fixture::new(Arc::new(store), server)
}

drl_testkit::conformance_suite!(fixture().await);
