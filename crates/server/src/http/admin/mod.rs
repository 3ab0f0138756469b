//! The front `admin`: what operators see and change.
//!
//! | path | what it does |
//! |---|---|
//! | `GET /metrics` | everything that is counted, for Prometheus |
//! | `GET /v1/policies` | what is in force, and from which version of the files and of the changes on |
//! | `PATCH /v1/policies/{name}` | changes a policy on every instance ([`policies`]) |
//! | `GET`, `PUT`, `DELETE /v1/clients/{id}/tier` | the client directory ([`clients`]) |
//! | `POST /v1/reset` | forgets what was counted ([`reset`]) |
//! | `GET /openapi.json`, `GET /healthz`, `GET /readyz` | as on the front `http` |

mod clients;
mod guard;
mod policies;
mod reset;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};

use super::route::{self, Route};
use super::{health, openapi};
use crate::metrics::CONTENT_TYPE;
use crate::server::App;

pub(crate) use guard::Guard;

/// What answers at the front's address.
pub(crate) fn routes(app: Arc<App>, guard: Guard) -> Router {
    route::router(table())
        .layer(middleware::from_fn_with_state(Arc::new(guard), guard::check))
        .with_state(app)
}

/// Every route of the front.
pub(super) fn table() -> Vec<Route> {
    let tier = get(clients::tier).put(clients::put).delete(clients::remove);
    vec![
        Route::new("/v1/policies", get(policies::list)),
        Route::new("/v1/policies/{*name}", patch(policies::patch)),
        Route::new("/v1/clients/{id}/tier", tier),
        Route::new("/v1/reset", post(reset::reset)),
        Route::new("/metrics", get(metrics)),
        Route::new("/openapi.json", get(openapi::document)),
        Route::new("/healthz", get(health::alive)),
        Route::new("/readyz", get(health::ready)),
    ]
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], app.metrics().text(app.live().holdings())).into_response()
}
