//! `POST /json`: the same over HTTP, as envoyproxy/ratelimit has it.

use serde_json::{Value, json};

use crate::running::Running;
use crate::store::{Mood, MoodyStore};

const POLICIES: &str = "policies: [{ name: p, per: [client], limit: 2/hour, algorithm: fixed_window }]";

/// Status and body; the client blocks, so it has a thread of its own.
async fn post(server: &Running, body: impl Into<String>) -> (u16, Value) {
    let (url, body) = (format!("http://{}/json", server.http), body.into());
    let call = move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent.post(&url).content_type("application/json").send(&body).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap())
    };
    tokio::task::spawn_blocking(call).await.unwrap()
}

fn alice() -> String {
    json!({ "domain": "default", "descriptors": [
        { "entries": [{ "key": "client", "value": "alice" }] },
        { "entries": [{ "key": "x", "value": "y" }] },
    ]})
    .to_string()
}

#[tokio::test]
async fn it_answers_200_until_the_limit_and_then_429() {
    let server = Running::start(POLICIES).await;
    for left in [1, 0] {
        let (status, body) = post(&server, alice()).await;
        assert_eq!((status, &body["overallCode"]), (200, &json!("OK")));
        let first = &body["statuses"][0];
        assert_eq!(first["currentLimit"], json!({ "name": "p", "requestsPerUnit": 2, "unit": "HOUR" }));
        assert_eq!(first.get("limitRemaining").unwrap_or(&json!(0)), &json!(left), "{body}");
        assert!(first["durationUntilReset"].as_str().unwrap().ends_with('s'), "{body}");
        assert_eq!(body["statuses"][1], json!({ "code": "OK" }));
    }
    let (status, body) = post(&server, alice()).await;
    assert_eq!((status, &body["overallCode"]), (429, &json!("OVER_LIMIT")));
    assert_eq!(body["statuses"][0]["code"], "OVER_LIMIT");
}

#[tokio::test]
async fn numbers_names_and_nulls_are_read_as_protobuf_has_them() {
    let server = Running::start(POLICIES).await;
    let body = r#"{"domain":"default","hits_addend":"1","descriptors":[{"entries":[{"key":"k","value":"v"}],
        "hitsAddend":"3","limit":{"requestsPerUnit":4,"unit":"MONTH"}}, {"entries":null}]}"#;
    let (status, reply) = post(&server, body).await;
    assert_eq!((status, &reply["statuses"][0]["limitRemaining"]), (200, &json!(1)), "{reply}");
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_its_place() {
    let server = Running::start(POLICIES).await;
    let override_without_unit =
        r#"{"domain":"default","descriptors":[{"entries":[],"limit":{"requestsPerUnit":1}}]}"#;
    for (body, detail) in [
        ("{\n\"domain\": 7}", "line 2"),
        ("{\"domain\":\"d\",\"nothing\":1}", "line 1"),
        ("{}", "domain: is empty"),
        ("{} {}", "line 1"),
        (override_without_unit, "descriptors[0].limit.unit: is not set"),
    ] {
        let (status, problem) = post(&server, body).await;
        assert_eq!((status, &problem["status"]), (400, &json!(400)), "{body}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{body}: {problem}");
    }
}

#[tokio::test]
async fn a_store_out_of_reach_is_503() {
    let server = Running::on_store(POLICIES, MoodyStore::new(Mood::Fail)).await;
    let (status, problem) = post(&server, alice()).await;
    assert_eq!(status, 503, "{problem}");
}
