//! `GET`, `PUT` and `DELETE /v1/clients/{id}/tier`: which tier a client is in, for all instances.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::http::check::unstored;
use crate::http::problem::Problem;
use crate::http::status::Refusal;
use crate::http::{body, request};
use crate::live::ChangeError;
use crate::server::App;

/// The longest name of a tier.
const LONGEST: usize = 128;
/// The longest client id in the directory, which every instance holds in memory.
const LONGEST_CLIENT: usize = 1_024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"tier\":\"pro\"}")]
struct Put {
    tier: String,
}

#[derive(Debug, Serialize)]
struct Tier<'a> {
    client: &'a str,
    tier: Option<&'a str>,
}

pub(super) async fn tier(State(app): State<Arc<App>>, Path(client): Path<String>) -> Response {
    respond(&app, &client)
}

pub(super) async fn put(
    State(app): State<Arc<App>>,
    Path(client): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let changed = async {
        let bytes = body::read(&app, &headers, body).await?;
        let Put { tier } = serde_json::from_slice(&bytes).map_err(|error| request::malformed(&error))?;
        if tier.is_empty() || tier.len() > LONGEST || client.len() > LONGEST_CLIENT {
            let detail = format!(
                "a tier has 1 to {LONGEST} bytes, a client of the directory at most {LONGEST_CLIENT}"
            );
            return Err(Problem::new(Refusal::Invalid, detail));
        }
        set(&app, &client, Some(tier)).await
    };
    changed.await.unwrap_or_else(Problem::into_response)
}

pub(super) async fn remove(State(app): State<Arc<App>>, Path(client): Path<String>) -> Response {
    set(&app, &client, None).await.unwrap_or_else(Problem::into_response)
}

async fn set(app: &App, client: &str, tier: Option<String>) -> Result<Response, Problem> {
    match app.live().set_tier(client.to_owned(), tier).await {
        Ok(()) => Ok(respond(app, client)),
        Err(ChangeError::Store(error)) => Err(unstored(&error)),
        Err(ChangeError::Unknown | ChangeError::Invalid(_)) => {
            Err(Problem::new(Refusal::Invalid, "not a change"))
        }
    }
}

fn respond(app: &App, client: &str) -> Response {
    let tier = app.live().tier(client.as_bytes());
    Json(Tier { client, tier: tier.as_deref() }).into_response()
}
