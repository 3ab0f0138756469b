//! The members of an answer.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use distributed_rate_limiter::Retry;
use drl_core::Micros;
use serde::Serialize;

use super::fields::Legacy;
use super::problem::{self, Head};
use super::{fields, status};
use crate::decider::{Answer, Outcome, Word};

/// What a client reads about all policies together. The numbers are those of the policy that matters most.
#[derive(Debug, Serialize)]
pub(super) struct Reply<'a> {
    allowed: bool,
    policy: Option<&'a str>,
    limit: Option<u64>,
    remaining: Option<u64>,
    /// Null: it can never be admitted.
    retry_after_ms: Option<u64>,
    reset_after_ms: Option<u64>,
    /// How long to wait before going on: a queue spaces what it admits.
    delay_ms: u64,
    source: Option<&'static str>,
    policies: Vec<PolicyReply<'a>>,
}

/// What one policy said.
#[derive(Debug, Serialize)]
struct PolicyReply<'a> {
    policy: &'a str,
    /// Whether this policy, for itself, has room.
    allowed: bool,
    shadow: bool,
    limit: u64,
    remaining: u64,
    retry_after_ms: Option<u64>,
    reset_after_ms: u64,
    delay_ms: u64,
    source: &'static str,
}

/// A denial: a problem with the members of an answer.
#[derive(Debug, Serialize)]
struct Denial<'a> {
    #[serde(flatten)]
    head: Head,
    /// Of the draft that defines the problem type.
    #[serde(rename = "violated-policies")]
    violated: Vec<&'a str>,
    #[serde(flatten)]
    reply: Reply<'a>,
}

/// The response to an answered request.
pub(super) fn respond(answer: &Answer, legacy: Legacy) -> Response {
    respond_as(answer, status::of_outcome(answer.outcome), legacy)
}

/// The same with another status.
pub(super) fn respond_as(answer: &Answer, status: StatusCode, legacy: Legacy) -> Response {
    let reply = Reply::new(answer);
    let mut response = match answer.outcome {
        Outcome::Allowed => axum::Json(reply).into_response(),
        Outcome::Denied(_) | Outcome::Undecidable => {
            let violated = answer.enforced().filter(|word| !word.allows()).map(|word| &*word.name).collect();
            let head = Head::new(status::kind_of_outcome(answer.outcome), status, detail(answer));
            problem::respond(status, &Denial { head, violated, reply })
        }
    };
    debug_assert!(status == response.status() || status == StatusCode::OK);
    response.headers_mut().extend(fields::of(answer, legacy));
    response
}

fn detail(answer: &Answer) -> String {
    let name = answer.decisive().map_or("?", |word| &word.name);
    let listed = answer.decisive().is_some_and(|word| !word.is_counted());
    match (answer.outcome, answer.retry) {
        _ if listed => format!("policy {name} denies it"),
        (Outcome::Undecidable, _) => {
            format!("the store cannot decide, and policy {name} refuses what nobody can decide")
        }
        (_, Retry::Never) => format!("the cost is above what policy {name} ever admits"),
        (_, Retry::After(wait)) => format!("policy {name} has no room for {wait}"),
        (_, Retry::Now) => format!("policy {name} has no room"),
    }
}

impl<'a> Reply<'a> {
    pub(super) fn new(answer: &'a Answer) -> Self {
        let decisive = answer.decisive();
        Self {
            allowed: answer.outcome == Outcome::Allowed,
            policy: decisive.map(|word| &*word.name),
            limit: decisive.map(|word| word.capacity),
            remaining: decisive.map(|word| word.remaining),
            retry_after_ms: millis(answer.retry),
            reset_after_ms: decisive.map(|word| word.reset_after.as_millis_ceil()),
            delay_ms: answer.enforced().map(|word| word.delay).max().unwrap_or(Micros::ZERO).as_millis_ceil(),
            source: decisive.map(|word| word.source.as_str()),
            policies: answer.words.iter().map(PolicyReply::new).collect(),
        }
    }
}

impl<'a> PolicyReply<'a> {
    fn new(word: &'a Word) -> Self {
        Self {
            policy: &word.name,
            allowed: word.allows(),
            shadow: word.shadow,
            limit: word.capacity,
            remaining: word.remaining,
            retry_after_ms: millis(word.retry),
            reset_after_ms: word.reset_after.as_millis_ceil(),
            delay_ms: word.delay.as_millis_ceil(),
            source: word.source.as_str(),
        }
    }
}

/// Rounded up: waiting that long is never too short.
fn millis(retry: Retry) -> Option<u64> {
    match retry {
        Retry::Now => Some(0),
        Retry::After(wait) => Some(wait.as_millis_ceil()),
        Retry::Never => None,
    }
}
