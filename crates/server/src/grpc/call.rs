//! A message in, a message out.

use drl_proto::{RateLimitRequest, RateLimitResponse};

use super::status::Refusal;
use super::{question, reply};
use crate::http::fields;
use crate::metrics::FrontName;
use crate::server::App;

/// Decides what a message asks.
///
/// # Errors
/// Why there is no decision.
pub(crate) async fn call(
    app: &App,
    front: FrontName,
    mut message: RateLimitRequest,
) -> Result<RateLimitResponse, Refusal> {
    question::name_repeats(&mut message);
    let request = question::request(&message)?;
    let answer = app.decide(front, &request).await.map_err(|error| {
        tracing::debug!(%error, "undecided");
        Refusal::Undecidable
    })?;
    // Entries stay out of the log: they name clients.
    tracing::debug!(domain = request.domain, outcome = ?answer.outcome, "decided");
    let mut fields = fields::of(&answer);
    if app.legacy() == fields::Legacy::Sent {
        fields.extend(fields::legacy(&answer));
    }
    reply::response(&answer, request.parts.len(), fields)
}
