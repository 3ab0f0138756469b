//! Who we are there and how we reach it: passwords, ACL users, TLS, unix sockets, database numbers.

#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use drl_core::check::{Ask, Check};
use drl_core::{Keyspace, Mode, Quota};
use drl_redis::{Options, RedisStore};
use drl_store::{ErrorClass, Store, StoreError};
use drl_testkit::RedisServer;
use smallvec::smallvec;

/// Connects and has a request admitted, and one denied.
async fn reach(url: &str) -> Result<(), StoreError> {
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}timeout_ms=20000").parse().unwrap();
    let store = RedisStore::connect(&url, Options::default()).await?;
    let space = Keyspace::new("drl", "limit", "tb60s");
    let rule = Quota::per_minute(1).rule().unwrap();
    for allowed in [true, false] {
        let key = space.key(&[b"client"], 0);
        let batch = [Check { asks: smallvec![Ask { key, rule, cost: 1 }], mode: Mode::Take }];
        assert_eq!(store.decide(&batch).wait().await.remove(0)?.allowed, allowed);
    }
    Ok(())
}

#[tokio::test]
async fn a_password_lets_in_and_a_wrong_one_is_refused_without_being_told() {
    let server = RedisServer::builder().password("s3cret").start();
    reach(&server.url()).await.unwrap();
    server.flush();
    reach(&server.unix_url()).await.unwrap();
    for url in [format!("redis://:wr0ng@{}", server.address()), format!("redis://{}", server.address())] {
        let error = reach(&url).await.unwrap_err();
        assert_eq!((error.class(), error.is_retryable()), (ErrorClass::Refused, false), "{error}");
        assert!(!error.to_string().contains("wr0ng"), "{error}");
    }
}

#[tokio::test]
async fn an_acl_user_needs_no_more_than_is_documented() {
    let rules = "~{drl|* +evalsha +script|load +ping +time +get +mget +set +setrange +del";
    let server = RedisServer::builder().user("limiter", "pw", rules).start();
    reach(&server.url()).await.unwrap();
    let server = RedisServer::builder().user("limiter", "pw", "~* +ping +script|load").start();
    let error = reach(&server.url()).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Refused, "{error}");
}

#[tokio::test]
async fn tls_verifies_the_server_unless_told_not_to() {
    let server = RedisServer::builder().tls_only().start();
    reach(&format!("{}?ca_file={}", server.tls_url(), server.ca_path().display())).await.unwrap();
    server.flush();
    reach(&format!("{}?insecure=true", server.tls_url())).await.unwrap();
    let error = reach(&server.tls_url()).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
}

#[tokio::test]
async fn every_scheme_reaches_its_server() {
    let server = RedisServer::start();
    for url in [
        server.url(),
        format!("{}/3", server.url()),
        server.url().replace("redis://", "valkey://"),
        server.unix_url(),
    ] {
        server.flush();
        reach(&url).await.unwrap();
    }
    let error = reach(&format!("{}/4711", server.url())).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Refused, "{error}");
    for url in ["redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/master"] {
        let error = reach(url).await.unwrap_err();
        assert!(error.to_string().contains("not in this version yet"), "{error}");
    }
}
