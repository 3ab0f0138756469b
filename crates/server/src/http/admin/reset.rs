//! `POST /v1/reset`: forgets what was counted.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::decider::Intent;
use crate::http::check::undecidable;
use crate::http::problem::Problem;
use crate::http::status::Refusal;
use crate::http::{body, request};
use crate::server::App;

/// Answers which policies' counters were reset.
pub(super) async fn reset(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    let done = async {
        let bytes = body::read(&app, &headers, body).await?;
        let reset = request::Reset::parse(&bytes)?;
        let request = reset.what().request(Intent::Peek)?;
        let names = app.live().decider().reset(&request, reset.policy()).await;
        let names = names.map_err(|error| undecidable(&error))?;
        if names.is_empty() {
            return Err(Problem::new(Refusal::NotFound, "no such policy is for these attributes"));
        }
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        Ok(Json(json!({ "reset": names })).into_response())
    };
    done.await.unwrap_or_else(Problem::into_response)
}
