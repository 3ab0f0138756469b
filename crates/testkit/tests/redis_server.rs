//! The Redis fixture does what its documentation says, on a real server.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use drl_testkit::{Data, RedisServer};
use redis::{Commands as _, ConnectionLike as _};

fn open(url: &str) -> redis::RedisResult<redis::Connection> {
    redis::Client::open(url)?.get_connection_with_timeout(Duration::from_secs(5))
}

#[test]
fn many_servers_run_side_by_side() {
    let servers: Vec<_> = (0..8).map(|_| RedisServer::start()).collect();
    for (number, server) in servers.iter().enumerate() {
        open(&server.url()).unwrap().set::<_, _, ()>("number", number).unwrap();
    }
    for (number, server) in servers.iter().enumerate() {
        assert_eq!(open(&server.unix_url()).unwrap().get::<_, usize>("number").unwrap(), number);
    }
}

#[test]
fn a_password_is_needed_and_is_in_the_urls() {
    let password = "p@ss \"word\"/é";
    let server = RedisServer::builder().password(password).start();
    assert!(open(&server.url()).unwrap().check_connection());
    assert!(open(&server.unix_url()).unwrap().check_connection());
    let anonymous = open(&format!("redis://{}", server.address())).and_then(|mut c| c.get::<_, ()>("key"));
    assert!(anonymous.unwrap_err().to_string().contains("NOAUTH"));
}

#[test]
fn a_user_may_do_what_its_rules_allow() {
    let server = RedisServer::builder().user("limiter", "secret", "~drl:* +set").start();
    let mut limiter = open(&server.url()).unwrap();
    limiter.set::<_, _, ()>("drl:mine", 1).unwrap();
    assert!(limiter.set::<_, _, ()>("other", 1).unwrap_err().to_string().contains("permission"));
    assert_eq!(server.connection().get::<_, i64>("drl:mine").unwrap(), 1);
    let anonymous = open(&format!("redis://{}", server.address())).and_then(|mut c| c.get::<_, ()>("key"));
    assert!(anonymous.is_err());
}

#[test]
fn tls_is_verified_against_the_fixtures_authority() {
    let server = RedisServer::builder().password("secret").tls().start();
    assert!(server.tls_url().starts_with("rediss://:secret@127.0.0.1:"));
    let ping = |certificates: &Path| {
        let mut cli = Command::new("redis-cli");
        cli.args(["-p", &server.tls_address().port().to_string(), "-a", "secret"]);
        cli.args(["--no-auth-warning", "--tls", "--cacert"]);
        let output = cli.arg(certificates).arg("PING").output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(ping(&server.ca_path()), "PONG");
    let stranger = RedisServer::builder().tls_only().start();
    assert_eq!(ping(&stranger.ca_path()), "");
    assert!(open(&server.url()).is_ok());
}

#[test]
fn a_killed_server_refuses_and_comes_back_on_its_address() {
    let server = RedisServer::builder().tls().start();
    let url = server.url();
    server.connection().set::<_, _, ()>("key", 1).unwrap();
    server.kill();
    assert!(open(&url).err().unwrap().is_connection_refusal());
    server.restart(Data::Lose);
    assert_eq!(open(&url).unwrap().get::<_, Option<i64>>("key").unwrap(), None);
}

#[test]
fn a_restart_keeps_or_loses_the_data_as_told() {
    let server = RedisServer::start();
    server.connection().set::<_, _, ()>("key", 1).unwrap();
    server.restart(Data::Keep);
    assert_eq!(server.connection().get::<_, Option<i64>>("key").unwrap(), Some(1));
    server.restart(Data::Lose);
    assert_eq!(server.connection().get::<_, Option<i64>>("key").unwrap(), None);
}

#[test]
fn a_persistent_server_survives_a_crash() {
    let server = RedisServer::builder().persistent().start();
    server.connection().set::<_, _, ()>("key", 1).unwrap();
    server.kill();
    server.restart(Data::Keep);
    assert_eq!(server.connection().get::<_, Option<i64>>("key").unwrap(), Some(1));
    server.restart(Data::Lose);
    assert_eq!(server.connection().get::<_, Option<i64>>("key").unwrap(), None);
}

#[test]
fn a_paused_server_answers_when_resumed() {
    let server = RedisServer::start();
    let mut connection = open(&server.url()).unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    server.pause();
    assert!(connection.incr::<_, _, i64>("counter", 1).unwrap_err().is_timeout());
    server.resume();
    assert_eq!(server.connection().incr::<_, _, i64>("counter", 1).unwrap(), 2);
}

#[test]
fn a_paused_server_can_be_dropped() {
    let server = RedisServer::start();
    server.pause();
}

#[test]
fn a_full_server_refuses_writes() {
    let server = RedisServer::builder().max_memory(1, "noeviction").start();
    let refused = server.connection().set::<_, _, ()>("key", 1).unwrap_err();
    assert!(refused.to_string().contains("OOM"), "{refused}");
}

#[test]
fn a_replica_follows_is_read_only_and_can_be_promoted() {
    let master = RedisServer::builder().password("secret").start();
    master.connection().set::<_, _, ()>("key", 1).unwrap();
    let replica = RedisServer::builder().replica_of(&master).start();
    let mut connection = open(&replica.url()).unwrap();
    assert_eq!(connection.get::<_, i64>("key").unwrap(), 1);
    let refused = connection.set::<_, _, ()>("key", 2).unwrap_err();
    assert_eq!(refused.kind(), redis::ErrorKind::Server(redis::ServerErrorKind::ReadOnly));
    master.kill();
    replica.promote();
    connection.set::<_, _, ()>("key", 2).unwrap();
}

#[test]
fn keys_without_ttl_are_found_in_every_database() {
    let server = RedisServer::start();
    let mut connection = server.connection();
    connection.set_ex::<_, _, ()>("expiring", 1, 100).unwrap();
    connection.set::<_, _, ()>(b"\xff{}\n", 1).unwrap();
    redis::cmd("SELECT").arg(9).exec(&mut connection).unwrap();
    connection.set::<_, _, ()>("elsewhere", 1).unwrap();
    assert_eq!(server.keys_without_ttl(), [r"\xff{}\n", "elsewhere"]);
    server.flush();
    assert_eq!(connection.get::<_, Option<i64>>("elsewhere").unwrap(), None);
    assert!(server.keys_without_ttl().is_empty());
}

#[test]
fn calls_are_counted_by_command() {
    let server = RedisServer::start();
    for _ in 0..3 {
        open(&server.url()).unwrap().incr::<_, _, ()>("counter", 1).unwrap();
    }
    assert_eq!(server.calls("INCR"), 0, "redis-rs sends INCRBY");
    assert_eq!(server.calls("incrby"), 3);
}

#[test]
fn a_server_outlives_the_thread_that_started_it() {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(RedisServer::start()).unwrap()).join().unwrap();
    assert!(receiver.recv().unwrap().connection().check_connection());
}

/// Run by the next test in a process of its own; on its own it does nothing.
#[test]
fn dies_without_dropping_its_server() {
    if std::env::var_os("DRL_TESTKIT_DIE").is_some() {
        let server = RedisServer::start();
        let info: String = redis::cmd("INFO").arg("server").query(&mut server.connection()).unwrap();
        println!("{info}");
        std::process::abort();
    }
}

#[test]
fn a_server_dies_with_its_test_process() {
    // Nobody removes the dead process's files, so they go where this one does.
    let files = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "dies_without_dropping_its_server", "--nocapture"])
        .env("DRL_TESTKIT_DIE", "1")
        .env("TMPDIR", files.path())
        .output()
        .unwrap();
    assert!(!output.status.success(), "it was meant to abort");
    let printed = String::from_utf8_lossy(&output.stdout);
    let process = printed.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().trim();
    let deadline = Instant::now() + Duration::from_secs(5);
    while is_alive(process) {
        assert!(Instant::now() < deadline, "redis-server {process} lives on");
        std::thread::yield_now();
    }
}

/// A zombie is dead; it only waits for somebody to ask.
fn is_alive(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}
