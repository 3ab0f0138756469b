//! `POST /v1/check` and `POST /v1/peek`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use distributed_rate_limiter::Error;

use super::problem::Problem;
use super::status::Refusal;
use super::{body, reply, request};
use crate::decider::Intent;
use crate::metrics::FrontName;
use crate::server::App;

pub(in crate::http) async fn check(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    answer(&app, Intent::Check, body::read(&app, &headers, body).await).await
}

pub(in crate::http) async fn peek(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    answer(&app, Intent::Peek, body::read(&app, &headers, body).await).await
}

async fn answer(app: &App, intent: Intent, body: Result<Vec<u8>, Problem>) -> Response {
    decide(app, intent, body).await.unwrap_or_else(Problem::into_response)
}

async fn decide(app: &App, intent: Intent, body: Result<Vec<u8>, Problem>) -> Result<Response, Problem> {
    let body = request::Body::parse(&body?)?;
    let request = body.request(intent)?;
    let answer = app.decide(FrontName::Http, &request).await.map_err(|error| undecidable(&error))?;
    // Attributes stay out of the log: they name clients.
    tracing::debug!(domain = request.domain, outcome = ?answer.outcome, "decided");
    Ok(reply::respond(&answer, app.legacy(FrontName::Http)))
}

/// The store did not take what was to be kept there.
pub(in crate::http) fn unstored(error: &Error) -> Problem {
    Problem::new(
        Refusal::Undecidable,
        format!("it is not certain that the store has taken the change: {error}"),
    )
}

/// Says the class of the failure; what the store said in full is for the log and for `/readyz`.
pub(in crate::http) fn undecidable(error: &Error) -> Problem {
    let class = match error {
        Error::Timeout { .. } => "it did not answer in time",
        Error::Protocol { .. } => "its answer cannot be understood",
        _ => "it is out of reach",
    };
    tracing::debug!(%error, "undecided");
    Problem::new(Refusal::Undecidable, format!("the store cannot decide: {class}"))
}
