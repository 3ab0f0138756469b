//! What a decision looks like.

use serde_json::{Value, json};
use sfv::{BareItem, List, ListEntry, Parser};

use crate::client::Reply;
use crate::running::Running;

const PER_CLIENT: &str = "policies: [{ name: per-client, per: [client], limit: 100/minute }]";

fn number(list: &List, parameter: &str) -> i64 {
    let [ListEntry::Item(item)] = &list[..] else { panic!("one item: {list:?}") };
    assert_eq!(item.bare_item.as_string().unwrap().as_str(), "per-client");
    let parameter = item.params.get(parameter).and_then(BareItem::as_integer).unwrap();
    parameter.into()
}

fn field(reply: &Reply, name: &str) -> List {
    Parser::new(reply.header(name).unwrap()).parse().unwrap()
}

#[test]
fn a_hundred_pass_and_the_next_reads_when_to_come_back() {
    let server = Running::start("policies: [{ name: per-client, per: [client], limit: 100/hour }]");
    let client = server.client();
    for left in (0..100).rev() {
        let reply = client.check(&json!({ "client": "alice" }));
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.body["allowed"], true);
        assert_eq!(reply.body["remaining"], left);
        assert_eq!(number(&field(&reply, "ratelimit"), "r"), left);
        assert_eq!(reply.header("retry-after"), None);
    }
    let reply = client.check(&json!({ "client": "alice" }));
    assert_eq!(reply.status, 429);
    let problem = reply.problem();
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(problem["violated-policies"], json!(["per-client"]));
    assert_eq!(problem["allowed"], false);
    assert_eq!(problem["policy"], "per-client");
    assert_eq!((&problem["limit"], &problem["remaining"]), (&json!(100), &json!(0)));
    assert_eq!(problem["source"], "store");
    let (policy, limit) = (field(&reply, "ratelimit-policy"), field(&reply, "ratelimit"));
    assert_eq!((number(&policy, "q"), number(&policy, "w")), (100, 3600));
    assert_eq!(number(&limit, "r"), 0);
    let wait_ms = problem["retry_after_ms"].as_u64().unwrap();
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(seconds, wait_ms.div_ceil(1_000), "whole seconds, rounded up (FIELD 19)");
    assert!((1..=36).contains(&seconds));
    assert_eq!(client.check(&json!({ "client": "bob" })).status, 200, "others are not concerned");
}

#[test]
fn the_members_are_those_of_the_contract() {
    let server = Running::start(PER_CLIENT);
    let body = r#"{"domain":"default","attributes":{"client":"alice","endpoint":"/search"},"cost":1}"#;
    let reply = server.client().post("/v1/check", body);
    let policy = json!({
        "policy": "per-client", "allowed": true, "shadow": false, "limit": 100, "remaining": 99,
        "retry_after_ms": 0, "reset_after_ms": 600, "delay_ms": 0, "source": "store",
    });
    let mut expected = policy.clone();
    expected.as_object_mut().unwrap().remove("shadow");
    expected["policies"] = json!([policy]);
    assert_eq!(reply.body, expected);
}

#[test]
fn a_peek_and_a_cost_of_zero_charge_nothing() {
    let server = Running::start("policies: [{ name: p, per: [client], limit: 3/hour }]");
    let client = server.client();
    let peek = |cost: u64| {
        client.post("/v1/peek", json!({ "attributes": { "client": "a" }, "cost": cost }).to_string())
    };
    for _ in 0..5 {
        assert_eq!(peek(3).status, 200);
        assert_eq!(
            client.post("/v1/check", r#"{"attributes":{"client":"a"},"cost":0}"#).body["remaining"],
            3
        );
    }
    client.post("/v1/check", r#"{"attributes":{"client":"a"},"cost":2}"#);
    let denied = peek(2);
    assert_eq!((denied.status, &denied.body["remaining"]), (429, &json!(1)), "it says what a check would");
    assert_eq!(peek(1).status, 200);
}

#[test]
fn what_can_never_fit_advises_no_wait() {
    let server = Running::start(PER_CLIENT);
    let reply = server.client().post("/v1/check", r#"{"attributes":{"client":"a"},"cost":101}"#);
    assert_eq!(reply.status, 429);
    assert_eq!(reply.problem()["retry_after_ms"], Value::Null);
    assert_eq!(reply.header("retry-after"), None);
    let huge = format!(r#"{{"attributes":{{"client":"a"}},"cost":{}}}"#, u64::MAX);
    assert_eq!(server.client().post("/v1/check", huge).status, 429);
    assert_eq!(server.client().check(&json!({ "client": "a" })).body["remaining"], 99, "nothing was charged");
}

#[test]
fn without_a_policy_nothing_is_limited() {
    let server = Running::start(PER_CLIENT);
    let client = server.client();
    for body in [r#"{"attributes":{}}"#, r#"{"domain":"other","attributes":{"client":"a"}}"#] {
        let reply = client.post("/v1/check", body);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body["allowed"], true);
        assert_eq!(reply.body["policy"], Value::Null);
        assert_eq!(reply.body["policies"], json!([]));
        assert_eq!(reply.header("ratelimit"), None);
    }
}

#[test]
fn values_of_any_content_are_told_apart() {
    let server = Running::start("policies: [{ name: p, per: [client], limit: 1/hour }]");
    let client = server.client();
    let long = "x".repeat(60_000);
    for value in ["", "a}b{c|0", "%", "a,b", "\u{0}\n\r", "ü", long.as_str(), &long[1..]] {
        assert_eq!(client.check(&json!({ "client": value })).status, 200, "{value:.20}");
        assert_eq!(client.check(&json!({ "client": value })).status, 429, "{value:.20}");
    }
    assert_eq!(client.check(&json!({ "client": 42 })).status, 200);
    assert_eq!(client.check(&json!({ "client": "42" })).status, 429, "a number is its spelling");
    assert_eq!(client.check(&json!({ "client": true })).status, 200);
    assert_eq!(client.check(&json!({ "client": "true" })).status, 429);
}

#[test]
fn curl_needs_no_content_type() {
    let server = Running::start(PER_CLIENT);
    let body = r#"{"attributes":{"client":"alice"}}"#;
    for media_type in
        ["application/x-www-form-urlencoded", "application/json; charset=utf-8", "application/vnd.x+json"]
    {
        assert_eq!(server.client().post_as(media_type, "/v1/check", body).status, 200, "{media_type}");
    }
}
