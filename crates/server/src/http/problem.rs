//! Problem bodies: `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::fields;
use super::request::At;
use super::status::{self, Kind, Refusal};

/// A refusal with what went wrong.
#[derive(Debug)]
pub(in crate::http) struct Problem {
    refusal: Refusal,
    detail: String,
    at: Option<At>,
}

impl Problem {
    pub(in crate::http) fn new(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self { refusal, detail: detail.into(), at: None }
    }

    /// Where in the body it went wrong.
    pub(in crate::http) fn at(self, at: At) -> Self {
        Self { at: Some(at), ..self }
    }

    /// What is said about it.
    pub(in crate::http) fn into_body(self) -> Body {
        let status = status::of_refusal(self.refusal);
        let head = Head::new(status::kind_of_refusal(self.refusal), status, self.detail);
        Body { head, at: self.at }
    }

    pub(in crate::http) fn into_response(self) -> Response {
        let status = status::of_refusal(self.refusal);
        let mut response = respond(status, &self.into_body());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, fields::SOON);
        }
        response
    }
}

/// The members every problem has.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Head {
    #[serde(rename = "type")]
    uri: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
}

impl Head {
    pub(in crate::http) fn new(kind: Kind, status: StatusCode, detail: String) -> Self {
        Self { uri: kind.uri, title: kind.title, status: status.as_u16(), detail }
    }
}

/// The body of a problem.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Body {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    at: Option<At>,
}

/// A response with a problem body.
pub(in crate::http) fn respond(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = (status, axum::Json(body)).into_response();
    let problem = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, problem);
    response
}
