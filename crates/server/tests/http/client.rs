//! A client that takes every status for an answer.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// A problem body (RFC 9457) whose members agree with the response.
    pub(crate) fn problem(&self) -> &Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        for member in ["type", "title", "detail"] {
            assert!(self.body[member].is_string(), "{member}: {self:?}");
        }
        &self.body
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    address: SocketAddr,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build();
        Self { agent: config.into(), address }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        reply(self.agent.get(self.url(path)).call())
    }

    /// Any method, with a JSON body unless it is null.
    pub(crate) fn send(&self, method: &str, path: &str, (headers, body): (&[(&str, &str)], &Value)) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send_text(method, path, (headers, body))
    }

    /// The same with a body that need not be JSON.
    pub(crate) fn send_text(
        &self,
        method: &str,
        path: &str,
        (headers, body): (&[(&str, &str)], String),
    ) -> Reply {
        let request = ureq::http::Request::builder().method(method).uri(self.url(path));
        let request = request.header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        reply(self.agent.run(request.body(body).unwrap()))
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send("PATCH", path, (&[], body))
    }

    /// The text at a path.
    pub(crate) fn text(&self, path: &str) -> String {
        self.agent.get(self.url(path)).call().unwrap().body_mut().read_to_string().unwrap()
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let request = self.agent.get(self.url(path));
        reply(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).call())
    }

    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.post_as("application/json", path, body)
    }

    pub(crate) fn post_as(&self, media_type: &str, path: &str, body: impl AsRef<[u8]>) -> Reply {
        let request = self.agent.post(self.url(path)).content_type(media_type);
        reply(request.send(body.as_ref()))
    }

    /// `{"attributes": {…}}`
    pub(crate) fn check(&self, attributes: &Value) -> Reply {
        self.post("/v1/check", serde_json::json!({ "attributes": attributes }).to_string())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn reply(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Reply {
    let mut response = response.unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    let json = |text: &str| serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let is_json = |kind: &ureq::http::HeaderValue| kind.to_str().unwrap().contains("json");
    let body = match response.headers().get("content-type") {
        Some(kind) if is_json(kind) => json(&text),
        _ if text.is_empty() => Value::Null,
        _ => text.into(),
    };
    Reply { status: response.status().as_u16(), headers: response.headers().clone(), body }
}
