//! What a policy says when the store does not.

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
