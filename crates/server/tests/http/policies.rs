//! Several policies at once: all or nothing, tiers, shadows, rejections.

use std::time::Instant;

use serde_json::json;

use crate::running::Running;

/// FIELD 7 and 18: limits that pass keep nothing when another denies.
#[test]
fn a_denied_request_charges_no_policy() {
    let server = Running::start(
        "policies:
           - { name: per-client, per: [client], limit: 2/hour }
           - { name: all, limit: 100/hour }",
    );
    let client = server.client();
    for _ in 0..10 {
        client.check(&json!({ "client": "alice" }));
    }
    let reply = client.check(&json!({ "client": "bob" }));
    assert_eq!(reply.body["policies"][1]["policy"], "all");
    assert_eq!(reply.body["policies"][1]["remaining"], 97, "two of alice's and one of bob's");
    assert_eq!(reply.body["policy"], "per-client", "the one with the least left");
}

/// FIELD 8: a shadow policy never changes a verdict, whatever stands beside it.
#[test]
fn a_shadow_is_counted_and_reported_and_changes_nothing() {
    let server = Running::start(
        "policies:
           - { name: tried-out, per: [client], limit: 1/hour, mode: shadow }
           - { name: enforced, per: [client], limit: 3/hour }",
    );
    let client = server.client();
    let mut statuses = Vec::new();
    for round in 0..5 {
        let reply = client.check(&json!({ "client": "alice" }));
        statuses.push(reply.status);
        let shadow = &reply.body["policies"][1];
        assert_eq!((&shadow["policy"], &shadow["shadow"]), (&json!("tried-out"), &json!(true)));
        assert_eq!(shadow["allowed"], round == 0, "it says what it would have said");
        assert_eq!(reply.body["policy"], "enforced");
        assert!(!reply.header("ratelimit").unwrap().contains("tried-out"));
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}

#[test]
fn a_shadow_alone_lets_everything_pass() {
    let server = Running::start("policies: [{ name: s, limit: 1/hour, mode: shadow }]");
    for _ in 0..3 {
        let reply = server.client().check(&json!({}));
        assert_eq!((reply.status, &reply.body["policy"]), (200, &json!(null)));
    }
}

/// FIELD 10: no two lists of values share a counter, however they are joined.
#[test]
fn joined_values_stay_apart() {
    let server = Running::start("policies: [{ name: p, per: [a, b], limit: 1/hour }]");
    let client = server.client();
    for (a, b) in [("a", "b_c"), ("a_b", "c"), ("a,b", "c"), ("a", "b,c"), ("", "abc"), ("abc", "")] {
        assert_eq!(client.check(&json!({ "a": a, "b": b })).status, 200, "{a} {b}");
        assert_eq!(client.check(&json!({ "a": a, "b": b })).status, 429, "{a} {b}");
    }
    assert_eq!(client.check(&json!({ "a": "only" })).body["policies"], json!([]), "b is missing: no match");
}

#[test]
fn a_tier_has_its_limit_and_keeps_what_was_used() {
    let server = Running::start(
        "policies: [{ name: p, per: [client], limit: 1/hour, tiers: { pro: { limit: 5/hour } } }]",
    );
    let client = server.client();
    assert_eq!(client.check(&json!({ "client": "a", "tier": "pro" })).body["limit"], 5);
    assert_eq!(client.check(&json!({ "client": "a", "tier": "unknown" })).status, 429, "one is used already");
    assert_eq!(client.check(&json!({ "client": "a", "tier": "pro" })).status, 200);
    assert_eq!(client.check(&json!({ "client": "b" })).body["limit"], 1);
}

#[test]
fn domains_do_not_share_counters() {
    let policies = |domain| format!("domain: {domain}\npolicies: [{{ name: p, limit: 1/hour }}]");
    let directory = tempfile::tempdir().unwrap();
    for domain in ["one", "two"] {
        std::fs::write(directory.path().join(format!("{domain}.yaml")), policies(domain)).unwrap();
    }
    let server = Running::on_path(directory.path());
    let client = server.client();
    for domain in ["one", "two"] {
        let body = json!({ "domain": domain, "attributes": {} }).to_string();
        assert_eq!(client.post("/v1/check", &body).status, 200, "{domain}");
        assert_eq!(client.post("/v1/check", &body).status, 429, "{domain}");
    }
}

#[test]
fn a_denial_has_the_status_the_policy_chose() {
    let server = Running::start("policies: [{ name: p, limit: 1/hour, on_limited: { status: 403 } }]");
    assert_eq!(server.client().check(&json!({})).status, 200);
    let reply = server.client().check(&json!({}));
    assert_eq!(reply.status, 403);
    assert_eq!(reply.problem()["status"], 403);
    assert!(reply.header("retry-after").is_some());
}

#[test]
fn a_short_wait_turns_a_denial_into_an_answer_in_time() {
    let server = Running::start(
        "policies: [{ name: p, per: [client], limit: 20/second, burst: 1, on_limited: { wait: 2s } }]",
    );
    let client = server.client();
    let started = Instant::now();
    for _ in 0..5 {
        assert_eq!(client.check(&json!({ "client": "a" })).status, 200);
    }
    assert!(started.elapsed().as_millis() >= 190, "four waits of 50 ms");
    let peek = client.post("/v1/peek", r#"{"attributes":{"client":"a"}}"#);
    assert_eq!(peek.status, 429, "a peek waits for nothing");
}

#[test]
fn a_wait_beyond_the_bound_is_refused_at_once() {
    let server = Running::start("policies: [{ name: p, limit: 1/hour, on_limited: { wait: 10s } }]");
    let client = server.client();
    assert_eq!(client.check(&json!({})).status, 200);
    let started = Instant::now();
    assert_eq!(client.check(&json!({})).status, 429);
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn a_queue_says_how_long_to_wait_for_the_turn() {
    let server =
        Running::start("policies: [{ name: p, limit: 1/second, algorithm: leaky_bucket_queue, burst: 3 }]");
    let client = server.client();
    assert_eq!(client.check(&json!({})).body["delay_ms"], 0);
    let delay = client.check(&json!({})).body["delay_ms"].as_u64().unwrap();
    assert!((500..=1_000).contains(&delay), "{delay}");
}
