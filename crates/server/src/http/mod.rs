//! The front `http`: JSON in, a decision out.
//!
//! | module | what it holds |
//! |---|---|
//! | [`request`] | raw JSON becomes a checked request, or a refusal that says where it went wrong |
//! | [`reply`] | the members of an answer |
//! | [`fields`] | `RateLimit`, `RateLimit-Policy`, `Retry-After` |
//! | [`status`] | **the** table from outcome to wire code, and the problem types |
//! | [`problem`] | problem bodies (RFC 9457) |
//! | [`route`] | paths and what answers there |
//! | [`openapi`] | the same, for machines |

pub(crate) mod admin;
mod amend;
mod auth;
mod batch;
mod body;
mod check;
mod deadline;
pub(crate) mod fields;
mod health;
mod json;
mod openapi;
mod problem;
mod reply;
mod request;
mod route;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware;
use axum::response::Response;
use axum::routing::{any, get, post};

use crate::server::App;
use problem::Problem;
use route::Route;
use status::Refusal;

/// What answers at the front's address.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let keep = middleware::from_fn_with_state(app.longest(), deadline::keep);
    route::router(table()).layer(keep).with_state(app)
}

/// Every route of the front.
fn table() -> Vec<Route> {
    vec![
        Route::new("/v1/check", post(check::check)),
        Route::new("/v1/check/batch", post(batch::check)),
        Route::new("/v1/peek", post(check::peek)),
        Route::new("/v1/refund", post(amend::refund)),
        Route::new("/v1/auth", any(auth::auth)),
        // Envoy's `ext_authz` appends the client's path.
        Route::new("/v1/auth/{*path}", any(auth::auth)),
        Route::new("/json", post(json::call)),
        Route::new("/openapi.json", get(openapi::document)),
        Route::new("/healthz", get(health::alive)),
        Route::new("/readyz", get(health::ready)),
    ]
}

async fn unknown_path(uri: Uri) -> Response {
    Problem::new(Refusal::NotFound, format!("there is nothing at {:.100}", uri.path())).into_response()
}

/// axum adds `Allow`.
async fn wrong_method(method: Method) -> Response {
    let detail = format!("this path does not answer {:.20}; see the Allow header", method.as_str());
    Problem::new(Refusal::Method, detail).into_response()
}
