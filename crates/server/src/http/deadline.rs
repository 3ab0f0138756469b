//! How long a request may take until its answer begins.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::problem::Problem;
use super::status::Refusal;

pub(in crate::http) async fn keep(State(longest): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(longest, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => {
            let detail = format!("no answer within {longest:?}; the request may have been counted");
            Problem::new(Refusal::Late, detail).into_response()
        }
    }
}
