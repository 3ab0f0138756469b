//! Policy files that change while the server runs, in every way in which files are written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use drl_server::envoy::{Files, Keeping, SameDomain};
use drl_server::{Config, Settings};
use serde_json::json;

use crate::running::Running;

fn policy(limit: u64) -> String {
    format!("policies: [{{ name: p, per: [client], limit: {limit}/hour, algorithm: fixed_window }}]")
}

fn limit(server: &Running) -> u64 {
    let body = json!({ "attributes": { "client": "a" } }).to_string();
    server.client().post("/v1/peek", body).body["limit"].as_u64().unwrap()
}

/// Asks until the limit is in force.
fn follows(server: &Running, expected: u64) {
    let started = Instant::now();
    while limit(server) != expected {
        assert!(started.elapsed() < Duration::from_secs(20), "{} instead of {expected}", limit(server));
    }
}

/// FIELD 25: a watcher misses a rename in the same directory.
#[test]
fn a_file_is_read_again_however_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("p.yaml");
    fs::write(&file, policy(10)).unwrap();
    let server = Running::on_path(&file);
    follows(&server, 10);
    fs::write(&file, policy(20)).unwrap();
    follows(&server, 20);
    let new = directory.path().join("p.yaml.new");
    fs::write(&new, policy(30)).unwrap();
    fs::rename(&new, &file).unwrap();
    follows(&server, 30);
    fs::remove_file(&file).unwrap();
    fs::write(&file, policy(40)).unwrap();
    follows(&server, 40);
}

/// Kubernetes mounts `..data -> ..2026_11_25/`, and swaps that link.
#[test]
fn links_swapped_under_a_directory_are_followed() {
    let mount = tempfile::tempdir().unwrap();
    let publish = |name: &str, text: &str| {
        let version = mount.path().join(name);
        fs::create_dir(&version).unwrap();
        fs::write(version.join("p.yaml"), text).unwrap();
        let link = mount.path().join("..new");
        symlink(name, &link).unwrap();
        fs::rename(link, mount.path().join("..data")).unwrap();
    };
    publish("..v1", &policy(10));
    symlink("..data/p.yaml", mount.path().join("p.yaml")).unwrap();
    let server = Running::on_path(mount.path());
    follows(&server, 10);
    publish("..v2", &policy(20));
    follows(&server, 20);
}

/// Rules and policies are read again each for themselves, and what was used stays used.
#[test]
fn rules_of_the_other_format_are_read_again_too() {
    let directory = tempfile::tempdir().unwrap();
    let (policies, rules) = (directory.path().join("p.yaml"), directory.path().join("rules.yaml"));
    let rule = |limit: u64| {
        format!(
            "domain: d\ndescriptors: [{{ key: user, rate_limit: {{ unit: year, requests_per_unit: {limit} }} }}]"
        )
    };
    fs::write(&policies, policy(10)).unwrap();
    fs::write(&rules, rule(5)).unwrap();
    let files = Files { path: rules.clone(), same: SameDomain::Refuse, keeping: Keeping::default() };
    let server = Running::with(&policy(10), |settings| Settings {
        config: Config::load(&policies).unwrap().with_descriptors(files.load().unwrap()),
        files: Some(policies.clone()),
        descriptor_files: Some(files),
        ..settings
    });
    let left = |cost: u64| {
        let body = json!({ "domain": "d", "attributes": { "user": "a" }, "cost": cost }).to_string();
        server.client().post("/v1/check", body).body["remaining"].as_u64().unwrap()
    };
    let becomes = |expected: u64| {
        let started = Instant::now();
        while left(0) != expected {
            assert!(started.elapsed() < Duration::from_secs(20), "{} instead of {expected}", left(0));
        }
    };
    assert_eq!(left(2), 3);
    fs::write(&rules, rule(7)).unwrap();
    becomes(5);
    fs::write(&policies, policy(20)).unwrap();
    follows(&server, 20);
    assert_eq!(left(0), 5, "new policies leave the rules as they are");
    let reloads = || server.admin().text("/metrics");
    let failed = "drl_config_reloads_total{result=\"error\"} ";
    assert!(!reloads().contains(failed));
    fs::write(&rules, rule(9).replace("unit", "unti")).unwrap();
    let started = Instant::now();
    while !reloads().contains(failed) {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", reloads());
    }
    assert_eq!((left(0), limit(&server)), (5, 20), "what is wrong replaces nothing");
    fs::write(&rules, rule(9)).unwrap();
    becomes(7);
}

/// FIELD 25: an empty file means "no limits", a rewrite resets counters.
#[test]
fn a_bad_file_replaces_nothing_and_a_good_one_keeps_what_was_used() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("p.yaml");
    fs::write(&file, policy(3)).unwrap();
    let server = Running::on_path(&file);
    let allowed =
        || (0..5).filter(|_| server.client().check(&json!({ "client": "a" })).status == 200).count();
    assert_eq!(allowed(), 3);
    let metric = |result: &str| {
        let text = server.admin().text("/metrics");
        text.contains(&format!("drl_config_reloads_total{{result=\"{result}\"}} "))
    };
    for bad in ["", "policies: []", "policies: [{ name: p, limit: x }]"] {
        fs::write(&file, bad).unwrap();
    }
    let started = Instant::now();
    while !metric("error") {
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    assert_eq!((limit(&server), allowed()), (3, 0));
    fs::write(&file, policy(4)).unwrap();
    follows(&server, 4);
    assert_eq!(allowed(), 1, "four in all");
    assert!(metric("ok"));
    assert!(Path::new(&file).exists());
}
