//! `GET /healthz` and `GET /readyz`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::problem::Problem;
use super::status::Refusal;
use crate::server::App;

/// Alive as long as it can say so. Asks nobody.
pub(in crate::http) async fn alive() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

/// Whether requests should be sent here.
pub(in crate::http) async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.is_draining() {
        return Problem::new(Refusal::NotReady, "draining").into_response();
    }
    match app.live().decider().ready().await {
        Ok(()) => Json(json!({ "status": "ready", "version": app.live().now().version })).into_response(),
        Err(unready) => Problem::new(Refusal::NotReady, unready.to_string()).into_response(),
    }
}
