//! The front `admin`: limits and tiers changed while the server runs.

use std::time::{Duration, Instant};

use drl_server::Front;
use drl_testkit::RedisServer;
use serde_json::{Value, json};

use crate::client::{Client, Reply};
use crate::running::Running;

const POLICIES: &str = "
policies:
  - { name: per-client, per: [client], limit: 5/hour, algorithm: fixed_window, tiers: { pro: 9/hour } }
  - { name: other, match: { endpoint: /x }, limit: 1/hour }
";

/// How much of ten requests at once is allowed.
fn allowed(client: &Client, name: &str) -> usize {
    (0..10).filter(|_| client.check(&json!({ "client": name })).status == 200).count()
}

fn remaining(client: &Client, name: &str) -> Value {
    client.post("/v1/peek", json!({ "attributes": { "client": name } }).to_string()).body["remaining"].clone()
}

#[test]
fn a_patched_limit_acts_at_once_and_null_takes_it_back() {
    let server = Running::start(POLICIES);
    let (client, admin) = (server.client(), server.admin());
    assert_eq!(allowed(&client, "a"), 5);
    let raised = admin.patch("/v1/policies/per-client", &json!({ "limit": "7/hour" }));
    assert_eq!((raised.status, &raised.body["policies"][0]["limit"]), (200, &json!(7)), "{raised:?}");
    assert_eq!(raised.body["policies"][0]["changed"], json!({ "limit": "7/hour" }));
    assert_eq!(allowed(&client, "a"), 2, "a raised limit acts at once, and what was used stays used");
    admin.patch("/v1/policies/per-client", &json!({ "limit": "3/hour" }));
    assert_eq!(allowed(&client, "a"), 0, "a lowered one forgives nothing");
    assert_eq!(remaining(&client, "a"), 0);
    assert_eq!(allowed(&client, "b"), 3);
    let back = admin.patch("/v1/policies/per-client", &json!({ "limit": null }));
    assert_eq!((back.status, &back.body["policies"][0]["changed"]), (200, &json!(null)));
    assert_eq!(allowed(&client, "b"), 2);
}

#[test]
fn a_patch_is_checked_as_a_file_is_and_changes_nothing_if_it_is_wrong() {
    let server = Running::start(POLICIES);
    let admin = server.admin();
    for (path, change, status, said) in [
        ("/v1/policies/per-client", json!({ "limit": "0/hour" }), 422, "limit"),
        ("/v1/policies/per-client", json!({ "limmit": "1/hour" }), 422, "did you mean `limit`"),
        ("/v1/policies/per-client", json!({ "name": "x" }), 422, "rename"),
        ("/v1/policies/per-client", json!([]), 400, "column"),
        ("/v1/policies/nobody", json!({ "limit": "1/hour" }), 404, "nobody"),
        ("/v1/policies/per-client?domain=web", json!({ "limit": "1/hour" }), 404, "web"),
    ] {
        let reply = admin.patch(path, &change);
        assert_eq!(reply.status, status, "{change}: {reply:?}");
        assert!(reply.problem()["detail"].as_str().unwrap().contains(said), "{change}: {reply:?}");
    }
    assert_eq!(allowed(&server.client(), "a"), 5);
}

#[test]
fn a_client_in_a_tier_has_its_limits_and_keeps_what_was_used() {
    let server = Running::start(POLICIES);
    let (client, admin) = (server.client(), server.admin());
    assert_eq!(allowed(&client, "a/b c"), 5);
    let path = "/v1/clients/a%2Fb%20c/tier";
    let put = admin.send("PUT", path, (&[], &json!({ "tier": "pro" })));
    assert_eq!((put.status, &put.body), (200, &json!({ "client": "a/b c", "tier": "pro" })));
    assert_eq!(allowed(&client, "a/b c"), 4, "nine in all");
    assert_eq!(
        client.check(&json!({ "client": "a", "tier": "free" })).body["limit"],
        5,
        "said in the request"
    );
    assert_eq!(admin.get(path).body["tier"], "pro");
    assert_eq!(admin.send("DELETE", path, (&[], &Value::Null)).body["tier"], json!(null));
    assert_eq!(client.check(&json!({ "client": "a/b c" })).body["limit"], 5);
    assert_eq!(admin.send("PUT", path, (&[], &json!({ "tier": "" }))).status, 422);
    assert_eq!(admin.send("PUT", path, (&[], &json!({ "teir": "x" }))).status, 400);
}

/// Asks until it is so, for a second at the most: that is the promise.
fn within_a_second(mut is_so: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(1) {
        if is_so() {
            return true;
        }
    }
    false
}

#[test]
fn a_change_reaches_every_instance_within_a_second_and_survives_restarts() {
    let redis = RedisServer::start();
    let url = format!("{}/?timeout_ms=20000", redis.url());
    let [one, two] = [(); 2].map(|()| Running::on_url(POLICIES, &url));
    let version = |server: &Running| server.admin().get("/v1/policies").body["version"].clone();
    assert_eq!(version(&one), version(&two));
    assert_eq!(one.admin().patch("/v1/policies/per-client", &json!({ "limit": "2/hour" })).status, 200);
    one.admin().send("PUT", "/v1/clients/vip/tier", (&[], &json!({ "tier": "pro" })));
    let limit = |server: &Running, name: &str| {
        server.client().check(&json!({ "client": name })).body["limit"].clone()
    };
    assert!(within_a_second(|| limit(&two, "x") == 2 && limit(&two, "vip") == 9), "{}", limit(&two, "x"));
    assert!(within_a_second(|| version(&one) == version(&two)));
    drop((one, two));
    let late = Running::on_url(POLICIES, &url);
    assert!(within_a_second(|| limit(&late, "y") == 2 && limit(&late, "vip") == 9));
    redis.flush();
    assert!(within_a_second(|| limit(&late, "z") == 5), "a store that lost everything: what the files say");
}

#[test]
fn changes_from_elsewhere_need_the_token() {
    let anywhere = |token: Option<&'static str>| {
        Running::with(POLICIES, |settings| drl_server::Settings {
            admin: Front::Tcp("0.0.0.0:0".to_owned()),
            admin_token: token.map(str::to_owned),
            ..settings
        })
    };
    let change = json!({ "limit": "7/hour" });
    let patch = |server: &Running, headers: &[(&str, &str)]| -> Reply {
        server.admin().send("PATCH", "/v1/policies/per-client", (headers, &change))
    };
    let with_token = anywhere(Some("s3cret"));
    for (headers, status) in [
        (vec![], 401),
        (vec![("authorization", "Bearer s3cre")], 401),
        (vec![("authorization", "Basic s3cret")], 401),
        (vec![("authorization", "Bearer s3cret"), ("origin", "http://evil.example")], 403),
        (vec![("authorization", "bearer s3cret")], 200),
    ] {
        let reply = patch(&with_token, &headers);
        assert_eq!(reply.status, status, "{headers:?}");
        assert!(status == 200 || reply.problem()["status"] == status);
    }
    assert_eq!(with_token.admin().get("/v1/policies").status, 200, "reading is free");
    let without = anywhere(None);
    assert_eq!(patch(&without, &[]).status, 403);
    let local = Running::start(POLICIES);
    assert_eq!(patch(&local, &[("origin", "http://evil.example")]).status, 403, "a page in a browser here");
    assert_eq!(patch(&local, &[]).status, 200);
}

#[test]
fn a_reset_forgets_one_clients_counters_at_once() {
    let server = Running::start(POLICIES);
    let (client, admin) = (server.client(), server.admin());
    assert_eq!((allowed(&client, "a"), allowed(&client, "b")), (5, 5));
    let reset = admin.post("/v1/reset", json!({ "attributes": { "client": "a" } }).to_string());
    assert_eq!((reset.status, &reset.body), (200, &json!({ "reset": ["per-client"] })));
    assert_eq!((allowed(&client, "a"), allowed(&client, "b")), (5, 0));
    for (body, status) in [
        (json!({ "attributes": { "client": "a" }, "policy": "other" }), 404),
        (json!({ "attributes": { "client": "a" }, "polici": "other" }), 400),
        (json!({ "attributes": {} }), 404),
    ] {
        assert_eq!(admin.post("/v1/reset", body.to_string()).status, status, "{body}");
    }
}

#[test]
fn everything_is_counted_and_no_client_is_named() {
    let server = Running::start(POLICIES);
    let client = server.client();
    assert_eq!(allowed(&client, "alice-in-clear"), 5);
    client.post("/v1/check", json!({ "domain": "unheard-of", "attributes": {} }).to_string());
    let text = server.admin().text("/metrics");
    for line in [
        "drl_decisions_total{domain=\"default\",policy=\"per-client\",verdict=\"allowed\",source=\"store\"} 5",
        "drl_decisions_total{domain=\"default\",policy=\"per-client\",verdict=\"denied\",source=\"",
        "drl_decision_duration_seconds_count{front=\"http\"} 11",
        "drl_store_calls_total{kind=\"take\",result=\"ok\"}",
        "drl_store_call_duration_seconds_count",
        "drl_batch_size_sum",
        "drl_store_up 1",
        "drl_tracked_keys 1",
        "drl_leased_tokens 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line} in\n{text}");
    }
    assert!(!text.contains("alice") && !text.contains("unheard"), "{text}");
}
