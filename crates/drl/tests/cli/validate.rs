//! `drl validate`, and what else needs no server.

use std::fs;

use crate::process::{run, text};

#[test]
fn every_problem_is_a_line_and_valid_files_are_silent() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (good, bad, worse) = (path("good.yaml"), path("bad.yaml"), path("worse.json"));
    fs::write(&good, "policies: [{ name: a, limit: 1/second }]").unwrap();
    fs::write(&bad, "policies:\n  - name: a\n    limit: 0/second\n    leases: maybe\n    limt: 1\n").unwrap();
    fs::write(&worse, "{\"policies\": [{\"name\": \"a\", \"limit\": \"1/second\"}").unwrap();

    let output = run(&["validate", &good]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""));

    let output = run(&["validate", &good, &bad, &worse]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    let expected = [
        format!("{bad}:3:12: the limit must be at least 1"),
        format!("{bad}:4:13: expected `auto` or `off`, found `maybe`"),
        format!("{bad}:5:5: unknown key `limt`; did you mean `limit`?"),
    ];
    assert_eq!(lines[..3], expected);
    assert_eq!(lines.len(), 4);
    assert!(lines[3].starts_with(&format!("{worse}:1:")), "{}", lines[3]);

    fs::write(&bad, "store: mysql://x\npolicies: [{ name: a, limit: 1/second }]").unwrap();
    let output = run(&["validate", &bad]);
    let line = text(&output.stdout);
    assert!(line.starts_with(&format!("{bad}:1:8: ")) && line.contains("mysql"), "{line}");

    assert_eq!(run(&["validate"]).status.code(), Some(2), "no file named");
}

#[test]
fn shells_can_complete() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        let script = text(&output.stdout);
        assert!(script.contains("validate") && script.contains("distribution"), "{shell}");
    }
}

#[test]
fn the_schema_is_printed() {
    let output = run(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), include_str!("../../../../docs/policy.schema.json"));
}

#[test]
fn files_of_the_other_format_are_validated_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (good, bad) = (path("good.yaml"), path("bad.yaml"));
    let rule =
        "domain: d\ndescriptors:\n  - key: user\n    rate_limit: { unit: hour, requests_per_unit: 5 }\n";
    fs::write(&good, rule).unwrap();
    fs::write(&bad, rule.replace("unit: hour", "unti: hour").replace("user", "client")).unwrap();

    let output = run(&["validate", "--envoy", &good]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""));
    let output = run(&["validate", "--envoy", &bad]);
    let expected =
        format!("{bad}:4:17: `unit` is missing\n{bad}:4:19: unknown key `unti`; did you mean `unit`?\n");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), &*expected));
    assert_eq!(run(&["validate", &good]).status.code(), Some(1), "these are no policies");

    fs::write(&bad, rule.replace("user", "client")).unwrap();
    let both = directory.path().display().to_string();
    let output = run(&["validate", "--envoy", &both]);
    let expected = format!("{good}:1:9: the domain is that of {bad}:1, and files are not merged\n");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), &*expected));
    assert_eq!(run(&["validate", "--envoy", "--merge-domains", &both]).status.code(), Some(0));
}
