//! `GET|POST /v1/auth`: a proxy asks whether to pass a request on (forward-auth).

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use drl_core::policy::Attributes;
use serde::Deserialize;

use super::check::undecidable;
use super::problem::Problem;
use super::status::Refusal;
use super::{fields, reply};
use crate::decider::{Outcome, Request};
use crate::forward::Forwarded;
use crate::metrics::FrontName;
use crate::server::App;
use crate::web::Peer;

/// What can be said in the query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    /// Whose policies, if not the configured ones.
    domain: Option<String>,
    /// The status of a denial: nginx passes 401 and 403 on, nothing else.
    deny_status: Option<u16>,
    cost: Option<u64>,
}

pub(super) async fn auth(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    request: axum::extract::Request,
) -> Response {
    let (asked, _body) = request.into_parts();
    let answer = async {
        let Query(options) =
            Query::<Options>::try_from_uri(&asked.uri).map_err(|error| malformed(error.body_text()))?;
        let denied = options.deny_status.map(denial).transpose()?;
        let appended = path.map(|Path(path)| format!("/{path}"));
        let peer = asked.extensions.get::<Peer>().and_then(|peer| peer.0).map(|peer| peer.ip());
        let request =
            Forwarded { headers: &asked.headers, method: &asked.method, appended: appended.as_deref(), peer };
        let now = app.live().now();
        let extraction = &now.config.auth;
        let found = extraction.attributes(request);
        let attributes = Attributes::new(found.iter().map(|(name, value)| (*name, value.as_slice())))
            .map_err(|error| malformed(error.to_string()))?;
        let domain = options.domain.as_deref().unwrap_or(&extraction.domain);
        let request = Request::new(domain, attributes, options.cost.unwrap_or(1));
        let answer = app.decide(FrontName::Http, &request).await.map_err(|error| undecidable(&error))?;
        tracing::debug!(domain, outcome = ?answer.outcome, "decided");
        let legacy = app.legacy(FrontName::Http);
        Ok(match (answer.outcome, denied) {
            (Outcome::Allowed, _) => (StatusCode::NO_CONTENT, fields::of(&answer, legacy)).into_response(),
            (Outcome::Denied(_), Some(status)) => reply::respond_as(&answer, status, legacy),
            _ => reply::respond(&answer, legacy),
        })
    };
    answer.await.unwrap_or_else(Problem::into_response)
}

fn malformed(detail: String) -> Problem {
    Problem::new(Refusal::Malformed, detail)
}

fn denial(status: u16) -> Result<StatusCode, Problem> {
    let error = || malformed(format!("deny_status is an error status (400 to 599), not {status}"));
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| status.as_u16() >= 400 && status.as_u16() < 600)
        .ok_or_else(error)
}
