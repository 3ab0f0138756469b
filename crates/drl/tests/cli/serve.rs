//! `drl serve`.

use std::fs;

use drl_testkit::{RedisServer, ReservedPort};
use rustix::process::Signal;

use crate::process::{Serving, drl, run, text};

const FREE: &str = "127.0.0.1:0";

/// What the README promises a stranger.
#[test]
fn out_of_the_box_a_client_has_a_hundred_a_minute() {
    let server = Serving::start(drl(&["serve", "--http", FREE]));
    let url = format!("{}/v1/check", server.url);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    // As `curl -d` sends it.
    let check = || {
        let request = agent.post(&url).content_type("application/x-www-form-urlencoded");
        request.send(r#"{"attributes":{"client":"alice"}}"#).unwrap()
    };
    let mut allowed = 0;
    let denied = loop {
        let response = check();
        if response.status() != 200 {
            break response;
        }
        allowed += 1;
        assert!(allowed < 200, "a hundred, and what trickles in meanwhile");
    };
    assert!(allowed >= 100, "{allowed}");
    assert_eq!(denied.status(), 429);
    for name in ["ratelimit", "ratelimit-policy", "retry-after"] {
        assert!(denied.headers().contains_key(name), "{name}");
    }
    assert_eq!(denied.headers()["content-type"], "application/problem+json");
    assert_eq!(denied.headers()["ratelimit-policy"], "\"per-client\";q=100;w=60");
}

#[test]
fn it_says_where_it_listens_and_drains_when_told() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Serving::start(drl(&["serve", "--http", FREE, "--grpc", "off", "--admin=off"]));
        let port = server.url.rsplit(':').next().unwrap();
        assert_eq!(server.ready, format!("ready http=127.0.0.1:{port} grpc=off resp=off admin=off\n"));
        server.signal(signal);
        let (code, log) = server.end();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("draining") && log.contains("drained"), "{log}");
    }
}

#[test]
fn the_environment_configures_it_and_arguments_win() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("p.yaml");
    fs::write(&path, "policies: [{ name: from-file, limit: 1/hour }]").unwrap();
    let mut command = drl(&["serve", "--http", FREE]);
    command.env("DRL_HTTP", "256.0.0.1:1").env("DRL_CONFIG", &path).env("DRL_STORE", "memory://");
    let server = Serving::start(command);
    let output = run(&["check", "--url", &server.url, "any=thing"]);
    assert_eq!(text(&output.stdout), "allowed by from-file: 0 of 1 left\n");
}

#[test]
fn the_store_of_the_file_is_used_unless_another_is_named() {
    let redis = RedisServer::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("p.yaml");
    let dead = ReservedPort::new();
    let file = format!("store: redis://{}\npolicies: [{{ name: p, limit: 1/hour }}]", dead.address());
    fs::write(&path, file).unwrap();
    let config = path.to_str().unwrap();
    let without = Serving::start(drl(&["serve", "--http", FREE, "--config", config]));
    assert_eq!(run(&["check", "--url", &without.url, "a=b"]).status.code(), Some(2), "its store is dead");
    let with = Serving::start(drl(&["serve", "--http", FREE, "--config", config, "--store", &redis.url()]));
    assert_eq!(run(&["check", "--url", &with.url, "a=b"]).status.code(), Some(0));
}

#[test]
fn what_cannot_be_started_exits_with_2_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let broken = directory.path().join("broken.yaml");
    fs::write(&broken, "policies:\n  - name: a\n    limit: 0/minute\n").unwrap();
    let broken = broken.to_str().unwrap();
    let taken = ReservedPort::new();
    let listener = std::net::TcpListener::bind(taken.address()).unwrap();
    let taken = taken.address().to_string();
    for (arguments, reason) in [
        (vec!["--config", broken], "broken.yaml:3:12: the limit must be at least 1"),
        (vec!["--config", "/nowhere.yaml"], "/nowhere.yaml:1:1: cannot be read"),
        (vec!["--store", "mysql://x"], "mysql"),
        (vec!["--store", "redis://:secret@"], "store URL"),
        (vec!["--http", &taken], "cannot listen at"),
        (vec!["--http", "off"], "nothing to serve"),
        (vec!["--http", "8080"], "none of host:port"),
    ] {
        let mut command = vec!["serve"];
        if arguments[0] != "--http" {
            command.extend(["--http", FREE]);
        }
        command.extend(arguments);
        let output = run(&command);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {error}");
        assert!(error.contains(reason), "{command:?}: {error}");
        assert!(!error.contains("secret"), "{error}");
        assert_eq!(text(&output.stdout), "", "{command:?}: it was never ready");
    }
    drop(listener);
}

#[test]
fn no_client_id_reaches_the_log() {
    let mut command = drl(&["serve", "--http", FREE]);
    command.env("DRL_LOG", "trace");
    let server = Serving::start(command);
    for _ in 0..3 {
        run(&["check", "--url", &server.url, "client=alice-in-clear", "--cost", "60"]);
    }
    server.signal(Signal::TERM);
    let (_, log) = server.end();
    assert!(log.contains("decided"), "{log}");
    assert!(!log.contains("alice-in-clear"), "{log}");
}

#[test]
fn rules_in_the_format_of_envoys_service_are_served_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let rules =
        "domain: edge\ndescriptors: [{ key: address, rate_limit: { unit: day, requests_per_unit: 2 } }]";
    fs::write(directory.path().join("edge.yaml"), rules).unwrap();
    let path = directory.path().display().to_string();
    let server = Serving::start(drl(&["serve", "--http", FREE, "--envoy-config", &path]));
    let check = |server: &Serving| {
        let output = run(&["check", "--url", &server.url, "--domain", "edge", "address=::1", "--cost", "2"]);
        output.status.code()
    };
    assert_eq!([check(&server), check(&server)], [Some(0), Some(1)]);

    let mut command = drl(&["serve", "--http", FREE]);
    command.env("DRL_ENVOY_CONFIG", &path).env("DRL_ENVOY_SHADOW", "1");
    let server = Serving::start(command);
    assert_eq!([check(&server), check(&server)], [Some(0), Some(0)]);

    fs::write(directory.path().join("more.yaml"), "domain: edge").unwrap();
    let output = run(&["serve", "--http", FREE, "--envoy-config", &path]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("more.yaml:1:9: the domain is that of ") && error.contains("edge.yaml:1"),
        "{error}"
    );
}
