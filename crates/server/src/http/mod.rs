//! The front `http`: JSON in, a decision out.
//!
//! | module | what it holds |
//! |---|---|
//! | [`request`] | raw JSON becomes a checked request, or a refusal that says where it went wrong |
//! | [`reply`] | the members of an answer |
//! | [`fields`] | `RateLimit`, `RateLimit-Policy`, `Retry-After` |
//! | [`status`] | **the** table from outcome to wire code, and the problem types |
//! | [`problem`] | problem bodies (RFC 9457) |

pub(crate) mod admin;
mod amend;
mod auth;
mod batch;
mod body;
mod check;
pub(crate) mod fields;
mod health;
mod json;
mod problem;
mod reply;
mod request;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::{any, get, post};

use crate::server::App;
use problem::Problem;
use status::Refusal;

/// Every route of the front.
pub(crate) fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/check", post(check::check))
        .route("/v1/check/batch", post(batch::check))
        .route("/v1/peek", post(check::peek))
        .route("/v1/refund", post(amend::refund))
        .route("/v1/auth", any(auth::auth))
        // Envoy's `ext_authz` appends the client's path.
        .route("/v1/auth/{*path}", any(auth::auth))
        .route("/json", post(json::call))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        // `body` reads with its own bounds.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

async fn unknown_path(uri: Uri) -> Response {
    Problem::new(Refusal::NotFound, format!("there is nothing at {:.100}", uri.path())).into_response()
}

/// axum adds `Allow`.
async fn wrong_method(method: Method) -> Response {
    let detail = format!("this path does not answer {:.20}; see the Allow header", method.as_str());
    Problem::new(Refusal::Method, detail).into_response()
}
