//! The front `admin`: what operators see and change.
//!
//! | path | what it does |
//! |---|---|
//! | `GET /metrics` | everything that is counted, for Prometheus |
//! | `GET /v1/policies` | what is in force, and from which version of the files and of the changes on |
//! | `PATCH /v1/policies/{name}` | changes a policy on every instance ([`policies`]) |
//! | `GET`, `PUT`, `DELETE /v1/clients/{id}/tier` | the client directory ([`clients`]) |
//! | `POST /v1/reset` | forgets what was counted ([`reset`]) |
//! | `GET /healthz`, `GET /readyz` | as on the front `http` |

mod clients;
mod guard;
mod policies;
mod reset;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};

use super::{health, unknown_path, wrong_method};
use crate::metrics::CONTENT_TYPE;
use crate::server::App;

pub(crate) use guard::Guard;

/// Every route of the front.
pub(crate) fn routes(app: Arc<App>, guard: Guard) -> Router {
    let tier = get(clients::tier).put(clients::put).delete(clients::remove);
    Router::new()
        .route("/v1/policies", get(policies::list))
        .route("/v1/policies/{*name}", patch(policies::patch))
        .route("/v1/clients/{id}/tier", tier)
        .route("/v1/reset", post(reset::reset))
        .route("/metrics", get(metrics))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Arc::new(guard), guard::check))
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], app.metrics().text(app.live().holdings())).into_response()
}
