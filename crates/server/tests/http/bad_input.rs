//! Every kind of bad input has its status, its place and a problem body; never a 500.

use serde_json::json;

use crate::running::Running;

const POLICIES: &str = "policies: [{ name: p, per: [client], limit: 100/minute }]";

#[test]
fn malformed_bodies_say_where() {
    let server = Running::start(POLICIES);
    let many: Vec<String> = (0..65).map(|number| format!("\"a{number}\":1")).collect();
    let many = format!("{{\"attributes\":{{{}}}}}", many.join(","));
    let deep = format!("{{\"attributes\":{}", "[".repeat(60_000));
    for (body, line, column, detail) in [
        ("", 1, 1, "EOF while parsing a value"),
        ("nonsense", 1, 2, "expected ident"),
        ("{\n \"attributes\": {\"client\": \"a\",}\n}", 2, 31, "trailing comma"),
        ("{\"attributes\":{}} x", 1, 19, "trailing characters"),
        ("[]", 1, 2, "expected"),
        ("\"x\"", 1, 3, "expected an object such as"),
        ("{}", 1, 2, "missing field `attributes`"),
        ("{\"attribute\":{}}", 1, 12, "unknown field `attribute`"),
        ("{\"attributes\":{},\"hits\":2}", 1, 23, "unknown field `hits`"),
        ("{\"attributes\":[]}", 1, 14, "expected an object of attributes"),
        ("{\"attributes\":{\"client\":null}}", 1, 28, "expected a string, a whole number or a boolean"),
        ("{\"attributes\":{\"client\":1.5}}", 1, 27, "expected a string, a whole number or a boolean"),
        ("{\"attributes\":{\"client\":{\"a\":1}}}", 1, 25, "expected a string, a whole number or a boolean"),
        ("{\"attributes\":{},\"cost\":-1}", 1, 26, "integer `-1`"),
        ("{\"attributes\":{},\"cost\":1.5}", 1, 27, "floating point `1.5`"),
        ("{\"attributes\":{},\"cost\":\"1\"}", 1, 27, "string \"1\""),
        ("{\"attributes\":{},\"cost\":18446744073709551616}", 1, 44, "expected u64"),
        ("{\"attributes\":{},\"domain\":1}", 1, 27, "expected a string"),
        ("{\"attributes\":{},\"attributes\":{}}", 1, 29, "duplicate field `attributes`"),
        ("{\"attributes\":{\"client\":\"\\ud800\"}}", 1, 32, "hex escape"),
        (&many, 1, 0, "more than 64 attributes"),
        (&deep, 1, 0, ""),
    ] {
        for path in ["/v1/check", "/v1/peek"] {
            let reply = server.client().post(path, body);
            assert_eq!(reply.status, 400, "{body:.60}: {reply:?}");
            let problem = reply.problem();
            let text = problem["detail"].as_str().unwrap();
            assert!(text.contains(detail), "{body:.60}: {text}");
            assert_eq!(problem["line"], line, "{body:.60}: {text}");
            if column > 0 {
                assert_eq!(problem["column"], column, "{body:.60}: {text}");
            }
        }
    }
    let reply = server.client().post("/v1/check", b"{\"attributes\":{\"client\":\"\xff\"}}");
    assert_eq!(reply.status, 400, "not UTF-8");
    let twice = r#"{"attributes":{"client":"a","client":"b"}}"#;
    let reply = server.client().post("/v1/check", twice);
    assert_eq!(reply.status, 400);
    assert_eq!(reply.problem()["detail"], "the attribute \"client\" comes twice");
    let reply = server.client().check(&json!({ "client": "a" }));
    assert_eq!(reply.body["remaining"], 99, "nothing was charged, and it lives");
}

#[test]
fn long_bodies_are_refused_with_an_answer_to_read() {
    let server = Running::start(POLICIES);
    for length in [70_000, 1 << 20] {
        let reply = server.client().check(&json!({ "client": "x".repeat(length) }));
        assert_eq!(reply.status, 413);
        assert_eq!(reply.problem()["detail"], "the body is longer than 65536 bytes");
    }
}

#[test]
fn other_paths_methods_and_types_are_named() {
    let server = Running::start(POLICIES);
    let client = server.client();
    assert_eq!(client.get("/v2/check").problem()["title"], "Not Found");
    assert_eq!(client.get("/").status, 404);
    let reply = client.get("/v1/check");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    reply.problem();
    let reply = client.post("/healthz", "{}");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET,HEAD")));
    let reply = client.post_as("text/html", "/v1/check", "{}");
    assert_eq!((reply.status, &reply.problem()["status"]), (415, &json!(415)));
}
