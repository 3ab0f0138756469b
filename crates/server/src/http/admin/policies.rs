//! `GET /v1/policies` and `PATCH /v1/policies/{name}`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use drl_core::Quota;
use drl_core::policy::{Axis, Policies, Policy};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::check::unstored;
use crate::http::problem::Problem;
use crate::http::status::Refusal;
use crate::http::{body, request};
use crate::live::{ChangeError, Now, PolicyId};
use crate::server::App;

/// What is in force.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    /// Which files, and how many changes of the directory: `FILES+CHANGES`. Equal on instances that enforce the
    /// same.
    version: &'a str,
    policies: Vec<Listed<'a>>,
}

#[derive(Debug, Serialize)]
struct Listed<'a> {
    domain: &'a str,
    name: &'a str,
    action: &'static str,
    per: Vec<&'a str>,
    limit: u64,
    window_ms: u64,
    capacity: u64,
    algorithm: &'static str,
    shadow: bool,
    /// What operators have changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<&'a Map<String, Value>>,
    /// Why that is not in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
}

impl<'a> Listing<'a> {
    fn new(now: &'a Now, only: Option<&PolicyId>) -> Self {
        let all = now
            .config
            .domains
            .iter()
            .flat_map(|policies| policies.list().iter().map(move |policy| (policies.domain(), policy)));
        let wanted = all.filter(|(domain, policy)| {
            only.is_none_or(|id| id.domain == *domain && id.policy == policy.name())
        });
        Self {
            version: &now.version,
            policies: wanted.map(|(domain, policy)| Listed::new(now, domain, policy)).collect(),
        }
    }
}

impl<'a> Listed<'a> {
    fn new(now: &'a Now, domain: &'a str, policy: &'a Policy) -> Self {
        let id = PolicyId { domain: domain.to_owned(), policy: policy.name().to_owned() };
        let quota = policy.quotas().first();
        Self {
            domain,
            name: policy.name(),
            action: policy.action().as_str(),
            per: policy.axes().iter().map(Axis::attribute).collect(),
            limit: quota.map_or(0, Quota::limit),
            window_ms: quota.map_or(0, |quota| quota.window().as_millis_ceil()),
            capacity: quota.and_then(|quota| quota.rule().ok()).map_or(0, |rule| rule.capacity()),
            algorithm: quota.map_or("none", |quota| quota.kind().as_str()),
            shadow: policy.is_shadow(),
            changed: now.changes.get(&id),
            refused: now.refused.iter().find(|refused| refused.id == id).map(|refused| &*refused.reason),
        }
    }
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Response {
    Json(Listing::new(&app.live().now(), None)).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    domain: Option<String>,
}

pub(super) async fn patch(
    State(app): State<Arc<App>>,
    Path(policy): Path<String>,
    place: Query<Where>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let domain = place.0.domain.unwrap_or_else(|| Policies::DEFAULT_DOMAIN.to_owned());
    let id = PolicyId { domain, policy };
    let changed = async {
        let bytes = body::read(&app, &headers, body).await?;
        let change = serde_json::from_slice(&bytes).map_err(|error| request::malformed(&error))?;
        app.live().patch(id.clone(), change).await.map_err(|error| refused(&id, error))?;
        Ok(Json(Listing::new(&app.live().now(), Some(&id))).into_response())
    };
    changed.await.unwrap_or_else(Problem::into_response)
}

fn refused(id: &PolicyId, error: ChangeError) -> Problem {
    match error {
        ChangeError::Unknown => Problem::new(Refusal::NotFound, format!("there is no policy {id}")),
        ChangeError::Invalid(error) => Problem::new(Refusal::Invalid, error.to_string()),
        ChangeError::Store(error) => unstored(&error),
    }
}
