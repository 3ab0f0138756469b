//! `POST /v1/check/batch`: many checks in one call, each decided for itself.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::check::undecidable;
use super::problem::Problem;
use super::reply::Reply;
use super::status::{self, Refusal};
use super::{body, request};
use crate::decider::Intent;
use crate::metrics::FrontName;
use crate::server::App;

/// The most checks of one call.
const MOST: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"checks\":[{\"attributes\":{\"client\":\"alice\"}}]}"
)]
struct Checks<'b> {
    #[serde(borrow)]
    checks: Vec<&'b RawValue>,
}

/// The answers, in the order of the checks.
#[derive(Debug, Serialize)]
struct Results {
    results: Vec<serde_json::Value>,
}

/// One answer: the status that the check would have had by itself, and what it would have said.
#[derive(Debug, Serialize)]
struct Item<T> {
    status: u16,
    #[serde(flatten)]
    said: T,
}

pub(super) async fn check(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    let answered = async {
        let bytes = body::read_up_to(body::LONGEST_BATCH, &app, &headers, body).await?;
        let Checks { checks } = serde_json::from_slice(&bytes).map_err(|error| request::malformed(&error))?;
        if checks.len() > MOST {
            let detail = format!("{} checks are more than {MOST}", checks.len());
            return Err(Problem::new(Refusal::TooLarge, detail));
        }
        let results = join_all(checks.into_iter().map(|check| item(&app, check))).await;
        Ok(Json(Results { results }).into_response())
    };
    answered.await.unwrap_or_else(Problem::into_response)
}

async fn item(app: &App, check: &RawValue) -> serde_json::Value {
    let decided = async {
        let body = request::Body::parse(check.get().as_bytes())?;
        let answer = app.decide(FrontName::Http, &body.request(Intent::Check)?).await;
        let answer = answer.map_err(|error| undecidable(&error))?;
        let status = status::of_outcome(answer.outcome).as_u16();
        Ok::<_, Problem>(serde_json::to_value(Item { status, said: Reply::new(&answer) }))
    };
    let value = match decided.await {
        Ok(value) => value,
        Err(problem) => serde_json::to_value(problem.into_body()),
    };
    // Numbers and texts become JSON always.
    value.unwrap_or_default()
}
