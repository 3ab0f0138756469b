//! What a policy says when the store does not.

use std::time::Duration;

use drl_server::Settings;
use serde_json::json;

use crate::running::Running;
use crate::store::{Mood, MoodyStore};

fn policies(mode: &str) -> String {
    format!("policies: [{{ name: p, per: [client], limit: 2/hour, on_store_failure: {mode} }}]")
}

#[test]
fn each_failure_mode_has_its_answer() {
    for (mode, statuses, ready) in [
        ("error", [503, 503, 503], 503),
        ("closed", [503, 503, 503], 503),
        ("open", [200, 200, 200], 200),
        ("local", [200, 200, 429], 200),
    ] {
        let store = MoodyStore::new(Mood::Fail);
        let server = Running::on_store(&policies(mode), store.clone());
        let client = server.client();
        let replies: Vec<_> = (0..3).map(|_| client.check(&json!({ "client": "a" }))).collect();
        assert_eq!(replies.iter().map(|reply| reply.status).collect::<Vec<_>>(), statuses, "{mode}");
        for reply in &replies {
            if mode != "error" {
                assert_eq!(reply.body["source"], "fallback", "{mode}");
            }
            if reply.status == 503 {
                let kind = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
                assert_eq!(reply.problem()["type"], kind, "{mode}");
                assert!(reply.header("retry-after").is_some(), "{mode}");
            }
        }
        assert_eq!(client.get("/healthz").status, 200, "alive whatever the store does");
        let readiness = client.get("/readyz");
        assert_eq!(readiness.status, ready, "{mode}");
        if ready == 503 {
            let detail = readiness.problem()["detail"].as_str().unwrap();
            assert!(detail.contains("default/p") && detail.contains("told to fail"), "{detail}");
        }
        store.turn(Mood::Answer);
        assert_eq!(client.get("/readyz").status, 200, "{mode}");
    }
}

#[test]
fn a_shadow_whose_store_fails_changes_nothing() {
    let store = MoodyStore::new(Mood::Fail);
    let policies = "policies:
      - { name: s, limit: 1/hour, mode: shadow, on_store_failure: closed }
      - { name: t, limit: 1/hour, mode: shadow, on_store_failure: error }";
    let server = Running::on_store(policies, store);
    let reply = server.client().check(&json!({}));
    assert_eq!(reply.status, 200);
    assert_eq!(server.client().get("/readyz").status, 200);
}

/// The store does not answer, and nothing else bounds the wait.
#[test]
fn a_request_that_takes_too_long_is_told_so() {
    let store = MoodyStore::new(Mood::Hold);
    let soon = |settings| Settings { request_timeout: Duration::from_millis(20), ..settings };
    let server = Running::on_store_with(&policies("error"), store.clone(), soon);
    for path in ["/v1/check", "/v1/peek", "/v1/refund"] {
        let late = server.client().post(path, r#"{"attributes":{"client":"a"}}"#);
        assert_eq!(late.status, 504, "{path}");
        assert!(late.problem()["detail"].as_str().unwrap().starts_with("no answer within 20ms"), "{late:?}");
    }
    assert_eq!(server.client().get("/v1/auth").status, 504);
    assert_eq!(server.client().check(&json!({})).status, 200, "no policy is met");
    store.turn(Mood::Answer);
    let limit = server.client().check(&json!({ "client": "b" })).status;
    assert_eq!(limit, 200, "others go on");
}
