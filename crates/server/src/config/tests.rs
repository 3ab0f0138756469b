use std::fs;

use drl_core::engine::Leases;
use drl_core::policy::{Attributes, OnLimited, OnStoreFailure};
use drl_core::shard::Shards;

use super::*;

fn problems(text: &str) -> Vec<String> {
    match Config::parse("p.yaml", text) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_whole_of_a_policy_is_read() {
    let config = Config::parse(
        "p.yaml",
        r#"
store: redis://127.0.0.1:6379
domain: shop
policies:
  - name: per-client
    match: { endpoint: "/search/*", method: [GET, HEAD], version: 2 }
    per: [client]
    limit: 100/minute
    algorithm: token_bucket
    burst: 20
    tiers: { free: 60/minute, pro: { limit: 600/minute, burst: 100 } }
    shards: 4
    leases: off
    mode: shadow
    on_limited: { wait: 200ms }
    on_store_failure: local
  - { name: all, limit: 5/15s, algorithm: fixed_window, spread: true, on_limited: { status: 403 } }
"#,
    )
    .unwrap();
    assert_eq!(config.store.unwrap().url, "redis://127.0.0.1:6379");
    let [shop] = &config.domains[..] else { panic!("one domain") };
    assert_eq!(shop.domain(), "shop");
    let [first, second] = shop.list() else { panic!("two policies") };
    assert_eq!(first.partition_attributes(), ["client"]);
    let capacities: Vec<u64> = first.quotas().iter().map(|quota| quota.rule().unwrap().capacity()).collect();
    assert_eq!(capacities, [20, 20, 100], "a tier keeps the policy's burst unless it has its own");
    let limits: Vec<u64> = first.quotas().iter().map(drl_core::Quota::limit).collect();
    assert_eq!(limits, [100, 60, 600]);
    assert!(first.is_shadow() && !second.is_shadow());
    assert_eq!(first.shard_count(), Shards::Fixed(4));
    assert_eq!((first.lease_mode(), second.lease_mode()), (Leases::Off, Leases::Auto));
    assert_eq!(first.rejection(), OnLimited::Wait(std::time::Duration::from_millis(200)));
    assert_eq!(first.failure_mode(), OnStoreFailure::Local);
    assert_eq!(second.rejection(), OnLimited::Status(403));
    assert!(second.quotas()[0].is_spread());
    let request = [("client", &b"a"[..]), ("endpoint", b"/search/x"), ("method", b"HEAD"), ("version", b"2")];
    assert!(first.matches(&Attributes::new(request).unwrap()));
}

#[test]
fn json_is_yaml_too() {
    let text = r#"{"policies": [{"name": "p", "limit": "1/second", "per": ["client"]}]}"#;
    assert_eq!(Config::parse("p.json", text).unwrap().domains[0].list()[0].name(), "p");
}

#[test]
fn the_quickstart_is_valid() {
    assert_eq!(Config::quickstart().domains[0].list()[0].name(), "per-client");
}

/// Each broken file, and every complaint about it.
#[test]
fn every_problem_has_its_place() {
    const LIMITS: &str = "such as 100/minute, 10/second or 5/15s";
    for (text, expected) in [
        ("", vec!["1:1: expected a table with `policies`, found nothing".to_owned()]),
        ("[]", vec!["1:1: expected a table with `policies`, found a list".into()]),
        ("domain: d\n", vec!["1:1: `policies` is missing".into()]),
        ("policies: []\n", vec!["1:11: a file without a policy would limit nothing".into()]),
        ("policies: {}\n", vec!["1:11: expected a list of policies, found a table".into()]),
        ("policies: [{ limit: 1/second }]", vec!["1:12: `name` is missing".into()]),
        ("policies: [{ name: a }]", vec!["1:12: `limit` is missing".into()]),
        (
            "polices: []\n",
            vec![
                "1:1: `policies` is missing".into(),
                "1:1: unknown key `polices`; did you mean `policies`?".into(),
            ],
        ),
        (
            "policies:\n  - name: a\n    limit: 0/minute\n    burts: 3\n",
            vec![
                "3:12: the limit must be at least 1".into(),
                "4:5: unknown key `burts`; did you mean `burst`?".into(),
            ],
        ),
        (
            "policies:\n  - name: a\n    limit: 100\n  - name: b\n    limit: 5/fortnight\n",
            vec![
                format!("3:12: `100` is not a limit {LIMITS}"),
                format!("5:12: `5/fortnight` is not a limit {LIMITS}"),
            ],
        ),
        (
            "policies:\n  - { name: a, limit: 5/s, algorithm: fixed_windw }\n",
            vec![
                "2:39: expected one of fixed_window, sliding_window_log, sliding_window, token_bucket, \
                 leaky_bucket, leaky_bucket_queue, found `fixed_windw`; did you mean `fixed_window`?"
                    .into(),
                format!("2:23: `5/s` is not a limit {LIMITS}"),
            ],
        ),
        (
            "policies:\n  - { name: a, limit: 5/second, algorithm: fixed_window, burst: 2 }\n",
            vec!["2:65: fixed_window has no burst".into()],
        ),
        (
            "policies:\n  - { name: a, limit: 5/second, burst: 0 }\n",
            vec!["2:40: the burst must be at least 1".into()],
        ),
        (
            "policies:\n  - { name: a, limit: 5/second, burst: lots }\n",
            vec!["2:40: a burst is a whole number, not `lots`".into()],
        ),
        (
            "policies:\n  - { name: a, limit: 5/second }\n  - { name: a, limit: 6/second }\n",
            vec!["3:5: the name `a` is taken by the policy at p.yaml:2".into()],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    tiers:\n      free: 0/minute\n      pro: { burst: 2 }\n",
            vec!["5:13: the limit must be at least 1".into(), "6:12: `limit` is missing".into()],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    leases: never\n    on_limited: { enqueue: later }\n",
            vec![
                "4:13: expected `auto` or `off`, found `never`".into(),
                "5:28: `enqueue` is not supported yet".into(),
            ],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    on_limited: { status: 200 }\n    shards: 65\n",
            vec![
                "4:27: 200 is not an error status (400 to 599)".into(),
                "5:13: 65 shards are not between 1 and 64".into(),
            ],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    on_limited: { wait: 1h }\n    mode: shadwo\n",
            vec![
                "4:25: a wait is a time such as 200ms or 2s, not `1h`".into(),
                "5:11: expected one of enforce, shadow, found `shadwo`; did you mean `shadow`?".into(),
            ],
        ),
        (
            "policies:\n  - name: a b\n    limit: 5/second\n    per: client\n",
            vec!["2:11: \"a b\" cannot name a policy: use 1 to 128 letters, digits or -._~@:/".into()],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    per: client\n    match: { x: [], y: 1.5 }\n",
            vec![
                "4:10: expected a list of attributes, as in [client], found `client`".into(),
                "5:14: no value is listed for \"x\", so nothing could ever match".into(),
                "5:24: expected a value to match, found a fraction: put it in quotes".into(),
            ],
        ),
        (
            "domain: a/b\npolicies: [{ name: a, limit: 1/second, on_store_failure: fail }]",
            vec![
                "1:9: \"a/b\" cannot name a domain: use 1 to 128 letters, digits or -._~@:".into(),
                "2:58: expected one of error, open, closed, local, found `fail`".into(),
            ],
        ),
    ] {
        let mut expected: Vec<String> = expected.iter().map(|line| format!("p.yaml:{line}")).collect();
        let mut found = problems(text);
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn what_is_not_yaml_has_its_place_too() {
    for (text, place) in [
        ("policies:\n  - name: a\n   limit: 5/second\n", "p.yaml:3:"),
        ("policies: [{ name: a, limit: 1/second", "p.yaml:1:"),
        ("policies:\n  - name: a\n    name: b\n    limit: 1/second\n", "p.yaml:3:5: "),
        ("policies: \"\u{1}\"", "p.yaml:1:"),
        (&"[".repeat(100_000), "p.yaml:1:"),
    ] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(place), "{found:?}");
        assert!(!found[0].contains('\n'), "{found:?}");
        println!("{}", found[0]);
    }
}

#[test]
fn a_directory_is_one_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("b.yaml", "policies: [{ name: b, limit: 1/second }]");
    write("a.json", r#"{"policies": [{"name": "a", "limit": "1/second"}]}"#);
    write("c.yml", "domain: other\npolicies: [{ name: a, limit: 1/second }]");
    write(".hidden.yaml", "nonsense");
    write("notes.txt", "nonsense");
    let config = Config::load(directory.path()).unwrap();
    let names = |policies: &Policies| policies.list().iter().map(|p| p.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(config.domains.iter().map(Policies::domain).collect::<Vec<_>>(), ["default", "other"]);
    assert_eq!(names(&config.domains[0]), ["a", "b"]);

    write("d.yaml", "policies: [{ name: a, limit: 1/second }]");
    let error = Config::load(directory.path()).unwrap_err().to_string();
    assert!(error.contains("d.yaml:1:12: the name `a` is taken by the policy at "), "{error}");
    write("d.yaml", "policies: [{ name: d, limit: 0/second }]");
    write("e.yaml", "policies: [{ name: e, limit: 0/second }]");
    assert_eq!(Config::load(directory.path()).unwrap_err().problems().len(), 2);
}

#[test]
fn unreadable_files_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = Config::load(&directory.path().join("none.yaml")).unwrap_err().to_string();
    assert!(missing.contains("none.yaml:1:1: cannot be read: No such file"), "{missing}");
    let empty = Config::load(directory.path()).unwrap_err().to_string();
    assert!(empty.contains("there is no .yaml, .yml or .json file in it"), "{empty}");
    let binary = directory.path().join("binary.yaml");
    fs::write(&binary, b"policies:\n  - name: \xff").unwrap();
    let error = Config::load(&binary).unwrap_err().to_string();
    assert!(error.ends_with("binary.yaml:2:11: this byte is not UTF-8"), "{error}");
}
