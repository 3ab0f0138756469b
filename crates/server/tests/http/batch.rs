//! Many checks in one call.

use serde_json::{Value, json};

use crate::running::Running;

fn checks(count: usize, attributes: &Value) -> String {
    json!({ "checks": vec![json!({ "attributes": attributes }); count] }).to_string()
}

#[test]
fn each_check_of_a_batch_is_decided_for_itself_in_order() {
    let server = Running::start("policies: [{ name: p, per: [client], limit: 2/hour }]");
    let mixed = json!({ "checks": [
        { "attributes": { "client": "a" } },
        { "attributes": { "client": "a" }, "cost": 5 },
        { "attributes": { "client": "a" } },
        { "attributes": { "client": 1.5 } },
        { "attributes": { "client": "a" } },
        { "attributes": { "client": "b" } },
        { "attributes": {} },
    ] });
    let reply = server.client().post("/v1/check/batch", mixed.to_string());
    assert_eq!(reply.status, 200);
    let results = reply.body["results"].as_array().unwrap();
    let statuses: Vec<&Value> = results.iter().map(|result| &result["status"]).collect();
    assert_eq!(statuses, [200, 429, 200, 400, 429, 200, 200]);
    assert_eq!(results[1]["retry_after_ms"], json!(null), "more than there ever is");
    assert_eq!((&results[2]["allowed"], &results[2]["remaining"]), (&json!(true), &json!(0)));
    assert!(results[3]["detail"].as_str().unwrap().contains("column"), "{}", results[3]);
    assert_eq!(results[6]["policy"], json!(null));
}

#[test]
fn a_batch_has_a_bound() {
    let server = Running::start("policies: [{ name: p, per: [client], limit: 700/hour }]");
    let client = server.client();
    let full = client.post("/v1/check/batch", checks(1_000, &json!({ "client": "a" })));
    let allowed = full.body["results"].as_array().unwrap().iter().filter(|result| result["status"] == 200);
    assert_eq!((full.status, allowed.count()), (200, 700));
    assert_eq!(client.post("/v1/check/batch", checks(1_001, &json!({}))).status, 413);
    for wrong in ["", "[]", "{}", "{\"checks\": 1}", "{\"checks\": [}"] {
        let reply = client.post("/v1/check/batch", wrong);
        assert_eq!(reply.status, 400, "{wrong}");
        reply.problem();
    }
    assert_eq!(client.post("/v1/check/batch", "{\"checks\": []}").body, json!({ "results": [] }));
}
