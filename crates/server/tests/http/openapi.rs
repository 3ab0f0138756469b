//! `GET /openapi.json` against answers of every status that it names.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use drl_server::Settings;
use serde_json::{Value, json};

use crate::client::{Client, Reply};
use crate::running::Running;
use crate::store::{Mood, MoodyStore};

const POLICIES: &str = "legacy_headers: true
policies: [{ name: per-client, per: [client], limit: 5/hour, tiers: { pro: 9/hour } }]";
const CLOSED: &str =
    "policies: [{ name: per-client, per: [client], limit: 5/hour, on_store_failure: closed }]";
const REFUSING: &str = "policies: [{ name: nobody, action: deny, match: {} }]";
const OTHERWISE: &str = "policies: [{ name: nobody, action: deny, match: {}, on_limited: { status: 403 } }]";

/// Something to send, and to whom.
struct Sent<'a> {
    server: &'a Running,
    /// Where, if not at the operation's own path.
    path: Option<&'a str>,
    headers: &'a [(&'a str, &'a str)],
    body: String,
}

/// An operation of the document, at one of the fronts that have it.
struct Operation<'d> {
    document: &'d Value,
    path: &'d str,
    method: &'d str,
    admin: bool,
    what: &'d Value,
}

impl Operation<'_> {
    fn name(&self) -> &str {
        self.what["operationId"].as_str().unwrap()
    }

    fn statuses(&self) -> BTreeSet<String> {
        self.what["responses"].as_object().unwrap().keys().cloned().collect()
    }

    /// What the document sends as an example; nothing to operations without a body.
    fn example(&self) -> String {
        match self.resolved(&self.what["requestBody"]).pointer("/content/application~1json/example") {
            Some(example) => example.to_string(),
            None => String::new(),
        }
    }

    fn resolved<'v>(&'v self, value: &'v Value) -> &'v Value {
        match value["$ref"].as_str() {
            Some(reference) => self.document.pointer(&reference[1..]).unwrap(),
            None => value,
        }
    }

    fn own_path(&self) -> String {
        self.path.replace("{path}", "search").replace("{name}", "per-client").replace("{id}", "alice")
    }

    fn ask(&self, sent: Sent<'_>) -> Reply {
        let own = self.own_path();
        let client = if self.admin { sent.server.admin() } else { sent.server.client() };
        let path = sent.path.unwrap_or(&own);
        client.send_text(&self.method.to_uppercase(), path, (sent.headers, sent.body))
    }

    /// Whether an answer is the one documented under a status.
    fn holds(&self, status: &str, reply: &Reply) {
        let at = format!("{} {status}: {reply:?}", self.name());
        match status {
            "default" => assert!(!self.statuses().contains(&reply.status.to_string()), "{at}"),
            status => assert_eq!(reply.status.to_string(), status, "{at}"),
        }
        let response = self.resolved(&self.what["responses"][status]);
        for name in reply.headers.keys().map(ureq::http::HeaderName::as_str) {
            let told = name.contains("ratelimit") || name == "retry-after";
            let documented = response["headers"].as_object().into_iter().flatten();
            let mut documented = documented.map(|(name, _)| name.to_lowercase());
            assert!(!told || documented.any(|known| known == name), "{name}: {at}");
        }
        let Some(contents) = response["content"].as_object() else {
            return assert_eq!(reply.body, Value::Null, "{at}");
        };
        let kind = reply.header("content-type").unwrap().split(';').next().unwrap();
        let mut schema = contents.get(kind).unwrap_or_else(|| panic!("{kind}: {at}"))["schema"].clone();
        // So that its references lead somewhere.
        schema["components"] = self.document["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        if let Err(error) = validator.validate(&reply.body) {
            panic!("{error} ({}): {at}", error.instance_path());
        }
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, what) in item.as_object().unwrap().iter().filter(|(_, what)| what["tags"].is_array()) {
            for front in what["tags"].as_array().unwrap() {
                operations.push(Operation { document, path, method, admin: front == "admin", what });
            }
        }
    }
    operations
}

fn document(client: &Client) -> Value {
    let reply = client.get("/openapi.json");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    reply.body
}

/// Asks for every status of every operation, as if it were the only one.
#[test]
fn answers_are_what_the_document_says() {
    let as_it_is = |settings| settings;
    let with_token = |settings| Settings { admin_token: Some("secret".to_owned()), ..settings };
    let (fine, guarded) = (Running::with(POLICIES, as_it_is), Running::with(POLICIES, with_token));
    let (refusing, otherwise) = (Running::start(REFUSING), Running::start(OTHERWISE));
    let failing = [POLICIES, CLOSED].map(|policies| Running::on_store(policies, MoodyStore::new(Mood::Fail)));
    let soon = |settings| Settings { request_timeout: Duration::from_millis(100), ..settings };
    let hasty = Running::on_store_with(POLICIES, MoodyStore::new(Mood::Hold), soon);
    let document = document(&fine.client());
    for operation in operations(&document) {
        let usual = |server| Sent { server, path: None, headers: &[], body: operation.example() };
        let bare = operation.example().is_empty();
        let expected: Vec<(String, Vec<Sent<'_>>)> = operation
            .statuses()
            .into_iter()
            .map(|status| {
                let asked = match status.as_str() {
                    "200" | "204" => vec![usual(&fine)],
                    "400" if bare => {
                        vec![Sent { path: Some("/v1/auth?deny_status=7"), ..usual(&fine) }]
                    }
                    "400" => vec![Sent { body: "{\n".to_owned(), ..usual(&fine) }],
                    "401" => vec![usual(&guarded)],
                    "403" => vec![Sent { headers: &[("origin", "http://elsewhere")], ..usual(&fine) }],
                    "404" => not_found(&operation, usual(&fine)),
                    "413" => vec![Sent { body: " ".repeat((1 << 20) + 1), ..usual(&fine) }],
                    "415" => vec![Sent { headers: &[("content-encoding", "gzip")], ..usual(&fine) }],
                    "422" => vec![Sent { body: json!({ "tier": "" }).to_string(), ..usual(&fine) }],
                    "429" => vec![usual(&refusing)],
                    "503" => failing.iter().map(usual).collect(),
                    "default" => vec![usual(&otherwise)],
                    "504" => vec![usual(&hasty)],
                    "408" => {
                        operation.holds("408", &stalled(&operation, &hasty));
                        vec![]
                    }
                    other => panic!("{other}: who answers it?"),
                };
                (status, asked)
            })
            .collect();
        for (status, asked) in expected {
            for sent in asked {
                operation.holds(&status, &operation.ask(sent));
            }
        }
    }
}

/// What is answered while the body does not come.
fn stalled(operation: &Operation<'_>, server: &Running) -> Reply {
    let address = if operation.admin { server.admin } else { server.address };
    let mut stream = TcpStream::connect(address).unwrap();
    let (method, path) = (operation.method.to_uppercase(), operation.own_path());
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\n{{")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let fields = lines.filter_map(|line| line.split_once(": "));
    let headers = fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    Reply { status, headers, body: serde_json::from_str(body).unwrap() }
}

fn not_found<'s>(operation: &Operation<'_>, usual: Sent<'s>) -> Vec<Sent<'s>> {
    match operation.name() {
        "patchPolicy" => vec![Sent { path: Some("/v1/policies/nobody"), ..usual }],
        _ => vec![Sent { body: json!({ "attributes": {}, "policy": "nobody" }).to_string(), ..usual }],
    }
}

/// A path that takes one method takes no other, so that the document leaves none out.
#[test]
fn methods_are_those_of_the_document() {
    let server = Running::start(POLICIES);
    let document = document(&server.admin());
    for operation in operations(&document).iter().filter(|operation| !operation.path.starts_with("/v1/auth"))
    {
        let Operation { path, .. } = operation;
        let client = if operation.admin { server.admin() } else { server.client() };
        let reply = client.send("TRACE", path, (&[], &Value::Null));
        assert_eq!(reply.status, 405, "{path}");
        let allowed: BTreeSet<String> = reply
            .header("allow")
            .unwrap()
            .split(',')
            .map(str::to_lowercase)
            .filter(|name| name != "head")
            .collect();
        let item = document["paths"][path].as_object().unwrap();
        let documented = item.iter().filter(|(_, what)| what["tags"].is_array());
        assert_eq!(allowed, documented.map(|(method, _)| method.clone()).collect(), "{path}");
    }
    for path in ["/v1/auth", "/v1/auth/search"] {
        assert_eq!(server.client().send("TRACE", path, (&[], &Value::Null)).status, 204, "any method");
    }
}
