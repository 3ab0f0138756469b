//! A store that is away, hung, full, read-only, foreign, or that forgets: each an answer in time and of its
//! class, and nothing charged twice.

mod support;

use std::time::{Duration, Instant};

use drl_redis::{Options, RedisStore};
use drl_store::{ErrorClass, Store, StoreError};
use drl_testkit::client::Commands as _;
use drl_testkit::{Data, Fault, FaultProxy, RedisServer, ReservedPort};
use support::{Client, PATIENT, SOON, through};

/// How much longer than its deadline a call may take on a machine that runs many tests at once.
const SLACK: Duration = Duration::from_secs(2);

fn assert_in_time(start: Instant) {
    assert!(start.elapsed() < SOON + SLACK, "took {:?} with a deadline of {SOON:?}", start.elapsed());
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unavailable_and_counts_nothing() {
    let nobody = ReservedPort::new();
    let client = Client::new(&format!("redis://{}", nobody.address()), SOON);
    for _ in 0..3 {
        let start = Instant::now();
        let error = client.take(1).await.unwrap_err();
        assert!(matches!(error.class(), ErrorClass::Unavailable | ErrorClass::Timeout), "{error}");
        assert!(!error.may_have_counted() && error.is_retryable(), "{error}");
        assert_in_time(start);
    }
    let url = format!("redis://{}", nobody.address()).parse().unwrap();
    assert!(RedisStore::connect(&url, Options::default()).await.is_err());
}

#[tokio::test]
async fn a_peer_that_never_answers_the_handshake_costs_one_deadline() {
    let server = RedisServer::start();
    let proxy = FaultProxy::start(server.address());
    proxy.set(Fault::Blackhole);
    let client = Client::new(&through(&proxy), SOON);
    let start = Instant::now();
    let error = client.take(1).await.unwrap_err();
    assert_eq!((error.class(), error.may_have_counted()), (ErrorClass::Timeout, false), "{error}");
    assert_in_time(start);
}

#[tokio::test]
async fn a_hung_server_costs_one_deadline_and_the_call_may_have_counted() {
    let server = RedisServer::start();
    let client = Client::new(&server.url(), SOON);
    client.take_patiently().await;
    server.pause();
    let start = Instant::now();
    let error = client.take(1).await.unwrap_err();
    assert_eq!((error.class(), error.may_have_counted()), (ErrorClass::Timeout, true), "{error}");
    assert_in_time(start);
    server.resume();
    client.until_answered().await;
}

#[tokio::test]
async fn a_call_whose_reply_is_lost_is_never_sent_again() {
    let server = RedisServer::start();
    let proxy = FaultProxy::start(server.address());
    let client = Client::new(&through(&proxy), SOON);
    client.take_patiently().await;
    let before = server.calls("evalsha");
    proxy.set(Fault::DropReplies);
    for _ in 0..5 {
        let error = client.take(1).await.unwrap_err();
        assert!(matches!(error.class(), ErrorClass::Timeout | ErrorClass::Unavailable), "{error}");
    }
    proxy.set(Fault::Pass);
    proxy.reset_connections();
    let used = client.until_answered().await;
    let executed = server.calls("evalsha") - before;
    assert!(used <= 7, "{used} charged by one call, five whose replies were lost, and the last");
    assert!(executed <= 5 + client.attempts(), "{executed} executions");
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_error_at_once_and_not_a_second_charge() {
    let server = RedisServer::start();
    let proxy = FaultProxy::start(server.address());
    let client = Client::new(&through(&proxy), PATIENT);
    client.take_patiently().await;
    proxy.set(Fault::CutAfter(3));
    let start = Instant::now();
    let error = client.take(1).await.unwrap_err();
    assert_eq!((error.class(), error.may_have_counted()), (ErrorClass::Unavailable, true), "{error}");
    assert!(start.elapsed() < PATIENT / 2, "a broken connection is not waited for");
    proxy.set(Fault::Pass);
    let used = client.until_answered().await;
    assert_eq!(used, 3, "the first, the one whose reply was cut, the last");
}

#[tokio::test]
async fn a_server_that_was_restarted_is_found_within_a_second() {
    let server = RedisServer::start();
    let client = Client::new(&server.url(), SOON);
    client.take_patiently().await;
    server.kill();
    for _ in 0..10 {
        let start = Instant::now();
        assert!(client.take(1).await.is_err());
        assert_in_time(start);
    }
    server.restart(Data::Lose);
    let back = Instant::now();
    client.until_answered().await;
    assert!(back.elapsed() < Duration::from_secs(1) + SLACK, "found after {:?}", back.elapsed());
}

#[tokio::test]
async fn a_server_that_forgot_the_script_is_taught_again_and_charges_once() {
    let server = RedisServer::start();
    let client = Client::new(&server.url(), PATIENT);
    client.take_patiently().await;
    for used in 2..6 {
        let mut connection = server.connection();
        drl_testkit::client::cmd("SCRIPT").arg("FLUSH").exec(&mut connection).unwrap();
        client.take(1).await.unwrap();
        assert_eq!(client.used().await, used);
    }
}

#[tokio::test]
async fn a_thousand_concurrent_calls_on_one_connection_are_all_answered() {
    let server = RedisServer::start();
    let client = Client::new(&server.url(), PATIENT);
    let calls = (0..1_000).map(|_| client.take(1));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|verdict| verdict.allowed)));
    assert_eq!(client.used().await, 1_000);
}

#[tokio::test]
async fn a_replica_decides_nothing() {
    let master = RedisServer::start();
    let replica = RedisServer::builder().replica_of(&master).start();
    let client = Client::new(&replica.url(), PATIENT);
    let error = client.take(1).await.unwrap_err();
    assert_eq!((error.class(), error.may_have_counted()), (ErrorClass::Unavailable, false), "{error}");
    replica.promote();
    client.until_answered().await;
}

#[tokio::test]
async fn a_full_server_is_full_and_keeps_what_it_has() {
    let server = RedisServer::start();
    let client = Client::new(&server.url(), PATIENT);
    client.take_patiently().await;
    let mut connection = server.connection();
    let set = |value: &str| {
        let mut command = drl_testkit::client::cmd("CONFIG");
        command.arg("SET").arg("maxmemory").arg(value);
        command
    };
    set("1").exec(&mut connection).unwrap();
    let error = client.take(1).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(!error.may_have_counted());
    set("0").exec(&mut connection).unwrap();
    assert_eq!(client.used().await, 1);
}

#[tokio::test]
async fn foreign_and_garbled_values_are_protocol_errors_and_stay_as_they_are() {
    let server = RedisServer::start();
    let client = Client::new(&server.url(), PATIENT);
    client.take_patiently().await;
    let mut connection = server.connection();
    let keys: Vec<Vec<u8>> = connection.keys("*").unwrap();
    let key = keys.first().unwrap();
    for garbage in ["", "x", "F", "not a number at all", "B0123456789012345678901234567890", "1700000000"] {
        let _: () = connection.set(key, garbage).unwrap();
        let error = client.take(1).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Protocol, "{garbage:?}: {error}");
        let kept: String = connection.get(key).unwrap();
        assert_eq!(kept, garbage);
    }
    let _: () = connection.del(key).unwrap();
    let _: () = connection.hset(key, "field", "value").unwrap();
    let error = client.take(1).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Protocol, "{error}");
    let kept: String = connection.hget(key, "field").unwrap();
    assert_eq!(kept, "value");
    assert!(client.store.decide(&[]).wait().await.is_empty());
}

#[tokio::test]
async fn a_peer_that_is_no_redis_is_a_protocol_error() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1_024]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let error = Client::new(&format!("redis://{address}"), PATIENT).take(1).await.unwrap_err();
    assert_eq!((error.class(), error.may_have_counted()), (ErrorClass::Protocol, true), "{error}");
}

#[tokio::test]
async fn denials_and_peeks_leave_the_keyspace_as_it_is() {
    let server = RedisServer::builder().directive("enable-debug-command", &["yes"]).start();
    let client = Client::new(&server.url(), PATIENT);
    client.take(support::LIMIT).await.unwrap();
    let digest = || -> String {
        drl_testkit::client::cmd("DEBUG").arg("DIGEST").query(&mut server.connection()).unwrap()
    };
    let before = digest();
    for _ in 0..10 {
        assert!(!client.take(1).await.unwrap().allowed);
        client.used().await;
    }
    assert_eq!(digest(), before);
}
