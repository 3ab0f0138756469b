//! Three `drl serve` processes on one Redis.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use drl_testkit::RedisServer;
use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::process::{Serving, drl};

const FREE: &str = "127.0.0.1:0";
const LIMIT: u64 = 300;

fn start(config: &Path, redis: &RedisServer) -> Serving {
    let mut command = drl(&["serve", "--http", FREE, "--admin", FREE]);
    command.env("DRL_CONFIG", config).env("DRL_STORE", format!("{}/?timeout_ms=10000", redis.url()));
    Serving::start(command)
}

struct Fleet {
    instances: Vec<Serving>,
    _policies: TempDir,
}

impl Fleet {
    fn start(policy: &str, redis: &RedisServer) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policies.yaml");
        fs::write(&path, format!("policies: [{{ name: p, per: [client], {policy} }}]")).unwrap();
        Self { instances: (0..3).map(|_| start(&path, redis)).collect(), _policies: directory }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

/// Whether that instance lets the client through.
fn is_allowed(agent: &ureq::Agent, instance: &Serving) -> bool {
    let check = r#"{"attributes":{"client":"alice"}}"#;
    match agent.post(&format!("{}/v1/check", instance.url)).send(check).unwrap().status().as_u16() {
        200 => true,
        429 => false,
        status => panic!("{status}"),
    }
}

/// Asks that instance until it says no: how often it said yes.
fn drain(instance: &Serving) -> u64 {
    let agent = agent();
    (0..).take_while(|_| is_allowed(&agent, instance)).count() as u64
}

/// Asks all instances at the same time until all of them say no.
fn drain_all(instances: &[Serving]) -> u64 {
    std::thread::scope(|scope| {
        let threads: Vec<_> = instances.iter().map(|instance| scope.spawn(|| drain(instance))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

#[test]
fn a_limit_holds_across_processes_and_one_that_is_killed_takes_no_count_along() {
    let redis = RedisServer::start();
    for leases in ["off", "auto"] {
        redis.flush();
        let policy = format!("limit: {LIMIT}/day, algorithm: sliding_window_log, leases: {leases}");
        let mut fleet = Fleet::start(&policy, &redis);
        let instances = &mut fleet.instances;
        let agent = agent();
        let before: u64 = (0..90).map(|turn| u64::from(is_allowed(&agent, &instances[turn % 3]))).sum();
        assert_eq!(before, 90, "nothing is short yet");
        let killed = instances.remove(0);
        killed.signal(Signal::KILL);
        killed.end();
        let admitted = before + drain_all(instances);
        assert!(admitted <= LIMIT, "{admitted} admitted with leases {leases}");
        // What one had borrowed when it was killed stays charged: an eighth of what there was, at the most.
        let least = if leases == "off" { LIMIT } else { LIMIT - LIMIT / 8 };
        assert!(admitted >= least, "{admitted} admitted with leases {leases}");
    }
}

#[test]
fn a_patch_on_one_reaches_the_others_within_a_second() {
    let redis = RedisServer::start();
    let fleet = Fleet::start("limit: 5/day, algorithm: sliding_window_log", &redis);
    let [one, two, three] = fleet.instances.as_slice() else { panic!("three were started") };
    let agent = agent();
    assert_eq!(drain(one), 5);
    let url = format!("http://{}/v1/policies/p", two.address("admin"));
    let patched = agent.patch(&url).send(json!({ "limit": "8/day" }).to_string()).unwrap();
    assert_eq!(patched.status(), 200);
    let since = Instant::now();
    let mut more = 0;
    for instance in [two, three, one] {
        while !is_allowed(&agent, instance) {
            assert!(since.elapsed() < Duration::from_secs(1), "not within a second");
            std::thread::yield_now();
        }
        more += 1;
    }
    assert_eq!(more + drain_all(&fleet.instances), 3);
}
