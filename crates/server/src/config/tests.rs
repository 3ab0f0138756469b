use std::fs;

use drl_core::engine::Leases;
use drl_core::policy::{Action, Attributes, Axis, OnLimited, OnStoreFailure};
use drl_core::shard::Shards;

use super::*;

fn problems(text: &str) -> Vec<String> {
    match Config::parse("p.yaml", text) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(ToString::to_string).collect(),
    }
}

/// Together they use every key.
pub(super) const EVERYTHING: [&str; 2] = [
    r#"
store: redis://127.0.0.1:6379
domain: shop
auth: { domain: shop, attributes: { client: [header:x-api-key, client_ip] }, trusted_proxies: 1 }
legacy_headers: true
policies:
  - name: per-client
    match: { endpoint: "/search/*", method: [GET, HEAD], version: 2 }
    per: [client]
    limit: 100/minute
    algorithm: token_bucket
    burst: 20
    tiers: { free: 60/minute, pro: { limit: 600/minute, burst: 100 } }
    clients: { alice: 500/minute, bob: { limit: 1000/minute, burst: 50 }, 7: 500/minute }
    shards: 4
    leases: off
    mode: shadow
    on_limited: { wait: 200ms }
    on_store_failure: local
  - { name: all, limit: 5/15s, algorithm: fixed_window, spread: true, on_limited: { status: 403 } }
"#,
    r#"
policies:
  - name: abusers
    action: deny
    match: { ip: ["203.0.113.7", { cidr: 198.51.100.0/24 }, { cidr: ["2001:db8::/32", "192.0.2.1"] }] }
    on_limited: { status: 403 }
  - { name: staff, action: allow, match: { ip: { cidr: "10.0.0.0/8" } }, mode: shadow }
  - { name: per-address, action: limit, per: [{ address: ip, ipv6_prefix: 56 }, path], limit: 10/second }
"#,
];

#[test]
fn the_whole_of_a_policy_is_read() {
    let config = Config::parse("p.yaml", EVERYTHING[0]).unwrap();
    assert_eq!(config.store.unwrap().url, "redis://127.0.0.1:6379");
    assert_eq!(config.legacy, Legacy::Sent);
    let [shop] = &config.domains[..] else { panic!("one domain") };
    assert_eq!(shop.domain(), "shop");
    let [first, second] = shop.list() else { panic!("two policies") };
    assert_eq!(first.axes(), [Axis::from("client")]);
    let capacities: Vec<u64> = first.quotas().iter().map(|quota| quota.rule().unwrap().capacity()).collect();
    assert_eq!(capacities, [20, 20, 100, 20, 50], "a tier keeps the policy's burst unless it has its own");
    let limits: Vec<u64> = first.quotas().iter().map(drl_core::Quota::limit).collect();
    assert_eq!(limits, [100, 60, 600, 500, 1000], "clients with the same quota share a limit");
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
fn lists_and_addresses_are_read() {
    let config = Config::parse("p.yaml", EVERYTHING[1]).unwrap();
    let [abusers, staff, per_address] = config.domains[0].list() else { panic!("three policies") };
    assert_eq!((abusers.action(), abusers.rejection()), (Action::Deny, OnLimited::Status(403)));
    assert!(staff.action() == Action::Allow && staff.is_shadow());
    assert_eq!(per_address.axes(), [Axis::address("ip", 56).unwrap(), Axis::from("path")]);
    for (ip, [abuser, employee]) in [
        ("203.0.113.7", [true, false]),
        ("::ffff:198.51.100.200", [true, false]),
        ("2001:db8:1::", [true, false]),
        ("192.0.2.1", [true, false]),
        ("10.9.8.7", [false, true]),
        ("198.51.101.0", [false, false]),
    ] {
        let attributes = Attributes::new([("ip", ip.as_bytes())]).unwrap();
        assert_eq!([abusers.matches(&attributes), staff.matches(&attributes)], [abuser, employee], "{ip}");
    }
}

#[test]
fn a_hundred_thousand_clients_are_few_limits() {
    let clients: String =
        (0..100_000).map(|number| format!("      c{number}: {}/minute\n", 100 + number % 10)).collect();
    let text =
        format!("policies:\n  - name: p\n    per: [client]\n    limit: 1/minute\n    clients:\n{clients}");
    let config = Config::parse("p.yaml", &text).unwrap();
    let policy = &config.domains[0].list()[0];
    assert_eq!(policy.quotas().len(), 11);
    let attributes = Attributes::new([("client", &b"c99999"[..])]).unwrap();
    let spellings = config.domains[0].spellings(&attributes);
    let allowance = policy.allowance(&attributes, &spellings).unwrap();
    assert_eq!(policy.quotas()[allowance.quota].limit(), 109);
}

#[test]
fn a_file_that_is_wrong_everywhere_is_read_to_the_end() {
    let wrong = "  - { nam: a }\n".repeat(50_000);
    let found = problems(&format!("policies:\n{wrong}"));
    assert_eq!(found.len(), 1_000);
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

const LIMITS: &str = "such as 100/minute, 10/second or 5/15s";

/// Each broken file, and every complaint about it.
pub(super) fn broken() -> Vec<(&'static str, Vec<String>)> {
    vec![
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
        (
            "policies:\n  - { name: a, action: dney, match: { x: y } }\n",
            vec!["2:24: expected one of limit, allow, deny, found `dney`; did you mean `deny`?".into()],
        ),
        ("policies:\n  - { name: a, action: deny }\n", vec!["2:5: `match` is missing".into()]),
        (
            "policies:\n  - name: a\n    action: deny\n    match: { x: y }\n    limit: 1/second\n    per: [x]\n    clients: {}\n",
            vec![
                "5:12: `limit` cannot go with `action: deny`".into(),
                "6:10: `per` cannot go with `action: deny`".into(),
                "7:14: `clients` cannot go with `action: deny`".into(),
            ],
        ),
        (
            "policies:\n  - name: a\n    action: allow\n    match: { x: y }\n    on_limited: reject\n    moed: shadow\n",
            vec![
                "5:17: `on_limited` cannot go with `action: allow`".into(),
                "6:5: unknown key `moed`; did you mean `mode`?".into(),
            ],
        ),
        (
            "policies:\n  - name: a\n    action: deny\n    match: { x: y }\n    on_limited: { wait: 1s }\n",
            vec!["5:25: waiting is in vain where `action: deny` refuses for good".into()],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    clients:\n      alice: 6/second\n",
            vec![
                "5:7: `clients` needs `per`: its first attribute says which client a request is from".into(),
            ],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    per: [c]\n    clients:\n      alice: 0/second\n      bob: { lmit: 6/second }\n",
            vec![
                "6:14: the limit must be at least 1".into(),
                "7:12: `limit` is missing".into(),
                "7:14: unknown key `lmit`; did you mean `limit`?".into(),
            ],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    per: [{ address: ip }]\n    clients: { 192.0.2.1: 1/second, \"::ffff:192.0.2.1\": 1/second }\n",
            vec!["5:14: the client \"::ffff:192.0.2.1\" is there twice".into()],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    match:\n      ip: { cdir: 10.0.0.0/8 }\n",
            vec!["5:11: `cidr` is missing".into(), "5:13: unknown key `cdir`; did you mean `cidr`?".into()],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    match:\n      ip:\n        - { cidr: [10.0.0.1/8, 10.0.0.0/33] }\n",
            vec![
                "6:20: `10.0.0.1/8` says more than its prefix holds; did you mean `10.0.0.0/8`?".into(),
                "6:32: \"10.0.0.0/33\" is not an address block such as 10.0.0.0/8 or 2001:db8::/32".into(),
            ],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    match:\n      ip: { cidr: 10.0.0.0/33 }\n",
            vec!["5:19: \"10.0.0.0/33\" is not an address block such as 10.0.0.0/8 or 2001:db8::/32".into()],
        ),
        (
            "policies:\n  - name: a\n    limit: 5/second\n    per:\n      - { address: ip, ipv6_prefx: 64 }\n      - { address: ip, ipv6_prefix: 0 }\n",
            vec![
                "5:24: unknown key `ipv6_prefx`; did you mean `ipv6_prefix`?".into(),
                "6:37: a prefix of 0 bits is not between 1 and 128".into(),
            ],
        ),
    ]
}

#[test]
fn every_problem_has_its_place() {
    for (text, expected) in broken() {
        let mut expected: Vec<String> = expected.iter().map(|line| format!("p.yaml:{line}")).collect();
        let mut found = problems(text);
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn values_are_matched_as_they_are_spelled() {
    for value in ["NO", "off", "True", "007", "0x10", "1_000", "12"] {
        let text = format!("policies: [{{ name: a, limit: 1/second, match: {{ country: {value} }} }}]");
        let config = Config::parse("p.yaml", &text).unwrap();
        let sent = Attributes::new([("country", value.as_bytes())]).unwrap();
        assert_eq!(config.domains[0].matching(&sent).len(), 1, "{value}");
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
