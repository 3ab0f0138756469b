//! `POST /v1/refund`: gives back what a request has cost.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use drl_core::Micros;

use super::check::undecidable;
use super::problem::Problem;
use super::reply::Reply;
use super::{body, fields, request};
use crate::decider::Intent;
use crate::metrics::FrontName;
use crate::server::App;

/// Answers what is left afterwards: 200, with the members of a peek.
pub(super) async fn refund(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    let refunded = async {
        let bytes = body::read(&app, &headers, body).await?;
        let refund = request::Refund::parse(&bytes)?;
        let request = refund.what().request(Intent::Peek)?;
        let failed = |error| undecidable(&error);
        let ago = Micros::from_millis(refund.age_ms());
        app.live().decider().give_back(&request, ago).await.map_err(failed)?;
        let left = app.decide(FrontName::Http, &request).await.map_err(failed)?;
        let fields = fields::of(&left, app.legacy(FrontName::Http));
        Ok((fields, Json(Reply::new(&left))).into_response())
    };
    refunded.await.unwrap_or_else(Problem::into_response)
}
