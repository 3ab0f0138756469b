//! What was charged is given back, and never more.

use drl_testkit::RedisServer;
use serde_json::{Value, json};

use crate::running::Running;

fn refund(server: &Running, body: &Value) -> (u16, Value) {
    let reply = server.client().post("/v1/refund", body.to_string());
    (reply.status, reply.body["remaining"].clone())
}

#[test]
fn a_refund_gives_back_what_was_charged_and_never_lifts_a_limit() {
    let redis = RedisServer::start();
    for url in ["memory://", &format!("{}/?timeout_ms=20000", redis.url())] {
        for algorithm in ["fixed_window", "token_bucket", "sliding_window"] {
            let policies = format!(
                "policies: [{{ name: p, per: [client], limit: 40/day, algorithm: {algorithm}, shards: 8 }}]"
            );
            let server = Running::on_url(&policies, url);
            let who = json!({ "client": format!("{algorithm}-{url}") });
            let check = |cost: u64| {
                let body = json!({ "attributes": who, "cost": cost }).to_string();
                server.client().post("/v1/check", body).status
            };
            assert_eq!((check(5), check(30), check(10)), (200, 200, 429), "{algorithm}");
            let back = |cost: u64| refund(&server, &json!({ "attributes": who, "cost": cost }));
            assert_eq!(back(20), (200, json!(25)), "{algorithm} on {url}");
            assert_eq!(check(25), 200, "{algorithm}: as much as there is");
            assert_eq!(back(1_000), (200, json!(40)), "{algorithm}");
            let old = json!({ "attributes": who, "cost": 5, "age_ms": 2 * 86_400_000_u64 });
            assert_eq!((check(5), refund(&server, &old)), (200, (200, json!(35))), "{algorithm}: long gone");
        }
    }
}

#[test]
fn what_is_no_refund_is_refused() {
    let server = Running::start("policies: [{ name: p, per: [client], limit: 5/hour }]");
    for body in [json!({}), json!({ "attributes": {}, "cost": -1 }), json!({ "attributes": {}, "age": 1 })] {
        assert_eq!(refund(&server, &body).0, 400, "{body}");
    }
    assert_eq!(refund(&server, &json!({ "attributes": {} })), (200, json!(null)), "no policy: nothing to do");
}
