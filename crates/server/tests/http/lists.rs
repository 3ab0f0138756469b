//! Policies that allow or deny without counting.

use serde_json::json;

use crate::running::Running;
use crate::store::{Mood, MoodyStore};

const POLICIES: &str = "policies:
  - { name: per-client, per: [client], limit: 2/hour }
  - { name: staff, action: allow, match: { ip: { cidr: 10.0.0.0/8 } } }
  - { name: abusers, action: deny, match: { client: [mallory] } }";

#[test]
fn a_denied_client_is_told_which_policy_denies_it_and_no_limit() {
    let server = Running::start(POLICIES);
    for path in ["/v1/check", "/v1/peek"] {
        let reply = server.client().post(path, r#"{"attributes":{"client":"mallory","ip":"10.1.2.3"}}"#);
        assert_eq!(reply.status, 429);
        let problem = reply.problem();
        assert_eq!(problem["detail"], "policy abusers denies it");
        assert_eq!(problem["violated-policies"], json!(["abusers"]));
        for (member, value) in [
            ("policy", json!("abusers")),
            ("source", json!("policy")),
            ("limit", json!(0)),
            ("remaining", json!(0)),
            ("retry_after_ms", json!(null)),
        ] {
            assert_eq!(problem[member], value, "{member}");
        }
        for header in ["retry-after", "ratelimit", "ratelimit-policy"] {
            assert_eq!(reply.header(header), None, "{header}");
        }
    }
}

#[test]
fn an_exempt_request_is_not_limited() {
    let server = Running::start(POLICIES);
    for _ in 0..5 {
        let reply = server.client().check(&json!({ "client": "alice", "ip": "::ffff:10.1.2.3" }));
        assert_eq!(reply.status, 200);
        assert_eq!((&reply.body["policy"], &reply.body["remaining"]), (&json!(null), &json!(null)));
        let word = &reply.body["policies"][0];
        assert_eq!((&word["policy"], &word["allowed"]), (&json!("staff"), &json!(true)));
        assert_eq!(reply.header("ratelimit"), None);
    }
    let reply = server.client().check(&json!({ "client": "alice", "ip": "192.0.2.1" }));
    assert_eq!((reply.status, &reply.body["remaining"]), (200, &json!(1)));
    assert!(reply.header("ratelimit").is_some());
}

#[test]
fn a_list_needs_no_store() {
    let server = Running::on_store(POLICIES, MoodyStore::new(Mood::Fail));
    let status = |client, ip| server.client().check(&json!({ "client": client, "ip": ip })).status;
    assert_eq!(status("mallory", "192.0.2.1"), 429);
    assert_eq!(status("alice", "10.0.0.1"), 200);
    assert_eq!(status("alice", "192.0.2.1"), 503);
    assert_eq!(server.client().get("/readyz").status, 503, "the limit needs it");
    let lists = POLICIES.replace("limit: 2/hour", "limit: 2/hour, on_store_failure: open");
    let server = Running::on_store(&lists, MoodyStore::new(Mood::Fail));
    assert_eq!(server.client().get("/readyz").status, 200, "the lists do not");
}
