use std::fs;

use serde_json::json;

use super::*;

#[test]
fn the_whole_of_a_rule_is_read() {
    let rules = rules(
        r#"
domain: shop
descriptors:
  - key: user
    value: bob
    rate_limit:
      name: bobs
      replaces: [{ name: everybodys }, { name: nobodys }]
      unit: Hour
      requests_per_unit: 4294967295
    shadow_mode: true
    quota_mode: true
    detailed_metric: true
    metadata: { owner: { team: search, since: 2024 }, pages: [1.5, true, null] }
  - { key: user, quota_mode: yes, rate_limit: { unit: YEAR, requests_per_unit: 0 } }
  - { key: plan, value: gold, rate_limit: { unlimited: true, requests_per_unit: 7, name: ~ }, metadata: ~ }
  - { key: nothing, descriptors: ~, rate_limit: ~, value: ~, shadow_mode: ~ }
"#,
    );
    let [bob, users, gold] = rules.domain("shop").unwrap().rules() else { panic!("three rules") };
    assert_eq!(bob.name.as_deref(), Some("bobs"));
    assert_eq!(bob.replaces.iter().map(|name| &**name).collect::<Vec<_>>(), ["everybodys", "nobodys"]);
    assert_eq!(bob.allowance, Allowance::Limited(Limit { requests: u32::MAX, unit: Unit::Hour }));
    assert_eq!((bob.mode, bob.detail), (Mode::Shadow, Detail::Sent), "shadow wins over quota");
    let said = json!({ "owner": { "team": "search", "since": 2024 }, "pages": [1.5, true, null] });
    assert_eq!(serde_json::Value::Object(bob.metadata.clone()), said);
    assert_eq!(users.mode, Mode::Quota);
    assert_eq!(users.allowance, Allowance::Limited(Limit { requests: 0, unit: Unit::Year }));
    assert_eq!((gold.allowance, &gold.name), (Allowance::Unlimited, &None));
    assert!(rules.find("nothing=x").is_none());
}

/// YAML takes `NO` for a truth value and `007` for a number. What was written is what requests send.
#[test]
fn values_are_matched_as_they_are_spelled() {
    for value in
        ["NO", "no", "off", "yes", "True", "007", "0x10", "1_000", "+5", "2001-01-01", "12:30", "\"1.10\""]
    {
        let text = format!(
            "{{domain: d, descriptors: [{{key: k, value: {value}, rate_limit: {{unit: day, requests_per_unit: 1}}}}]}}"
        );
        let sent = value.trim_matches('"');
        assert_eq!(rules(&text).requests(&format!("k={sent}")), Some(1), "{value}");
    }
}

#[test]
fn mistakes_are_found_where_they_are() {
    const UNITS: &str = "second, minute, hour, day, week, month, year";
    for (text, expected) in [
        ("", vec!["1:1: expected a table with `domain` and `descriptors`, found nothing".to_owned()]),
        ("descriptors: []", vec!["1:1: `domain` is missing".into()]),
        ("domain: ''", vec!["1:9: expected a domain, found nothing".into()]),
        (
            "domain: d\ndescriptors: [a, b]",
            vec![
                "2:15: expected a descriptor, as in { key: client }, found `a`".into(),
                "2:18: expected a descriptor, as in { key: client }, found `b`".into(),
            ],
        ),
        ("domain: d\ndescriptors:\n  - value: x", vec!["3:5: `key` is missing".into()]),
        ("domain: d\ndescriptors:\n  - key: ''", vec!["3:10: expected a key, found nothing".into()]),
        (
            "domain: d\ndescriptors:\n  - key: a\n    ratelimit: {}",
            vec!["4:5: unknown key `ratelimit`; did you mean `rate_limit`?".into()],
        ),
        (
            "domain: d\ndescriptor: []",
            vec!["2:1: unknown key `descriptor`; did you mean `descriptors`?".into()],
        ),
        (
            "domain: d\ndescriptors:\n  - key: a\n    rate_limit: { unit: minite, request_per_unit: 5 }",
            vec![
                format!("4:25: expected one of {UNITS}, found `minite`; did you mean `minute`?"),
                "4:17: `requests_per_unit` is missing".into(),
                "4:33: unknown key `request_per_unit`; did you mean `requests_per_unit`?".into(),
            ],
        ),
        (
            "domain: d\ndescriptors:\n  - key: a\n    rate_limit: { unit: ~, requests_per_unit: -1 }",
            vec![
                "4:25: expected a unit, found nothing".into(),
                "4:47: `requests_per_unit` is a whole number, not `-1`".into(),
            ],
        ),
        (
            "domain: d\ndescriptors:\n  - key: a\n    rate_limit: { unit: unknown, requests_per_unit: 4294967296 }",
            vec![
                format!("4:25: expected one of {UNITS}, found `unknown`"),
                "4:53: 4294967296 is above the most, 4294967295".into(),
            ],
        ),
        (
            "domain: d\ndescriptors:\n  - key: a\n    rate_limit: { unit: day, requests_per_unit: 1.5 }",
            vec!["4:49: `requests_per_unit` is a whole number, not `1.5`".into()],
        ),
        (
            "domain: d\ndescriptors:\n  - key: a\n    rate_limit: { unlimited: true, unit: day }",
            vec!["4:42: an unlimited rule has no `unit`".into()],
        ),
        (
            "domain: d\ndescriptors:\n  - key: a\n    rate_limit: { unlimited: maybe, unit: day, requests_per_unit: 1 }",
            vec!["4:30: `unlimited` is `true` or `false`, not `maybe`".into()],
        ),
        (
            "domain: d\ndescriptors:\n  - key: a\n    rate_limit: { name: n, replaces: [{ name: n }, {}, { name: '' }], unlimited: true }",
            vec![
                "4:47: a rule cannot replace itself".into(),
                "4:52: `name` is missing".into(),
                "4:64: expected the name of the rule to replace, found nothing".into(),
            ],
        ),
        (
            "domain: d\ndescriptors:\n  - { key: a, value: b, share_threshold: true }",
            vec![
                "3:5: `share_threshold` needs a value with a wildcard (`*`): there is nothing to share"
                    .into(),
            ],
        ),
        (
            "domain: d\ndescriptors:\n  - key: a\n    unit: day\n    rate_limit: { unlimited: true, shadow_mode: true }",
            vec![
                "4:11: `unit` has no effect here: it belongs in `rate_limit`".into(),
                "5:49: `shadow_mode` has no effect here: it belongs beside `rate_limit`".into(),
            ],
        ),
        (
            "domain: d\ndescriptors:\n  - { key: a, value: b }\n  - { key: a }\n  - { key: a, value: b, descriptors: [{ key: c }, { key: c, value: '' }] }",
            vec![
                "5:5: `d.a_b` is there already, at r.yaml:3".into(),
                "5:51: `d.a_b.c` is there already, at r.yaml:5".into(),
            ],
        ),
        (
            "domain: d\ndescriptors: [{ key: a, value: 1.10, metadata: [1] }]",
            vec![
                "2:32: expected a value, found a fraction: put it in quotes".into(),
                "2:48: expected a table of metadata, found a list".into(),
            ],
        ),
    ] {
        let mut expected: Vec<String> = expected.iter().map(|line| format!("r.yaml:{line}")).collect();
        let mut found = problems(text);
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{text}");
    }
}

fn two(same: SameDomain, second: &str) -> Result<Descriptors, String> {
    const FIRST: &str = "domain: d\ndescriptors: [{ key: a, value: x*, rate_limit: { unlimited: true } }]";
    let files = [Text { name: "a.yaml", text: FIRST }, Text { name: "b.yaml", text: second }];
    Descriptors::parse(&files, same).map_err(|error| error.to_string())
}

#[test]
fn a_domain_is_one_files_unless_files_are_merged() {
    let more = "domain: d\ndescriptors: [{ key: a, value: xy*, rate_limit: { unit: day, requests_per_unit: 1 } }, { key: b }]";
    let refused = two(SameDomain::Refuse, more).unwrap_err();
    assert_eq!(refused, "b.yaml:1:9: the domain is that of a.yaml:1, and files are not merged");
    let merged = two(SameDomain::Merge, more).unwrap();
    assert_eq!(merged.domain("d").unwrap().rules().len(), 2);
    assert_eq!(merged.requests("a=xyz"), Some(u32::MAX), "the first file's wildcard comes first");

    let twice = "domain: d\ndescriptors: [{ key: a }, { key: a, value: x* }]";
    let refused = two(SameDomain::Merge, twice).unwrap_err();
    assert_eq!(refused, "b.yaml:2:27: `d.a_x*` is there already, at a.yaml:2");
    assert!(two(SameDomain::Refuse, "domain: e").is_ok());
}

#[test]
fn every_problem_of_every_file_is_found_in_one_run() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| fs::write(directory.path().join(name), text).unwrap();
    write("a.yaml", b"domain: d\ndescriptors: [{ key: a }, { key: a }]");
    write("b.yaml", b"domain: d\ndescriptors: [{ kye: a }]");
    write("c.yml", b"domain: \xff");
    write("d.json", br#"{"domain": "e", "descriptors": [{"key": "a", "rate_limit": {"unlimited": true}}]}"#);
    write(".hidden.yaml", b"nonsense");
    write("notes.txt", b"nonsense");
    let error = Descriptors::load(directory.path(), SameDomain::Refuse).unwrap_err();
    assert_eq!(error.problems().len(), 5, "{error}");
    for name in ["a.yaml", "b.yaml", "c.yml"] {
        fs::remove_file(directory.path().join(name)).unwrap();
    }
    let rules = Descriptors::load(directory.path(), SameDomain::Refuse).unwrap();
    assert_eq!(rules.domains().map(|domain| domain.name()).collect::<Vec<_>>(), ["e"]);
}
