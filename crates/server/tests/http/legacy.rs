//! `X-RateLimit-*`, for clients that know nothing else.

use serde_json::json;

use crate::client::Reply;
use crate::running::Running;

const POLICIES: &str = "policies:
  - { name: per-client, per: [client], limit: 2/hour, algorithm: fixed_window }
  - { name: wide, limit: 1000/hour }
  - { name: abusers, action: deny, match: { client: mallory } }";

fn told(reply: &Reply) -> Option<(&str, &str, u64)> {
    let [limit, left, reset] =
        ["limit", "remaining", "reset"].map(|name| reply.header(&format!("x-ratelimit-{name}")));
    Some((limit?, left?, reset?.parse().unwrap()))
}

#[test]
fn a_file_that_says_so_sends_them_with_the_numbers_that_matter_most() {
    let server = Running::start(&format!("legacy_headers: true\n{POLICIES}"));
    let client = server.client();
    for (status, left) in [(200, "1"), (200, "0"), (429, "0")] {
        let reply = client.check(&json!({ "client": "alice" }));
        assert_eq!(reply.status, status);
        let (limit, remaining, reset) = told(&reply).unwrap();
        assert_eq!((limit, remaining), ("2", left));
        assert_eq!(reset, reply.body["reset_after_ms"].as_u64().unwrap().div_ceil(1_000));
        assert!(reply.header("ratelimit").is_some(), "beside the standard ones");
    }
    for (status, left) in [(204, "1"), (204, "0"), (429, "0")] {
        let reply = client.get_with("/v1/auth", &[("x-api-key", "bob")]);
        assert_eq!((reply.status, told(&reply).map(|told| told.1)), (status, Some(left)));
    }
    let denied = client.check(&json!({ "client": "mallory" }));
    assert_eq!((denied.status, told(&denied)), (429, None), "a list has no limit");
    let elsewhere = client.post("/v1/check", r#"{"domain":"other","attributes":{}}"#);
    assert_eq!((elsewhere.status, told(&elsewhere)), (200, None), "nothing limits it");
}

#[test]
fn nobody_gets_them_unasked_and_a_setting_sends_them_whatever_the_file_says() {
    let silent = Running::start(POLICIES);
    assert_eq!(told(&silent.client().check(&json!({ "client": "alice" }))), None);
    let sent = Running::with(POLICIES, |settings| drl_server::Settings {
        legacy: drl_server::Legacy::Sent,
        ..settings
    });
    assert!(told(&sent.client().check(&json!({ "client": "alice" }))).is_some());
}
