//! A message in, a message out.

use distributed_rate_limiter::Error;
use drl_core::Micros;
use drl_proto::{RateLimitRequest, RateLimitResponse};

use super::question::Question;
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
    message: RateLimitRequest,
) -> Result<RateLimitResponse, Refusal> {
    let names = question::names(&message);
    let Question { take: request, give_back } = question::question(&message, &names)?;
    let undecided = |error: Error| {
        tracing::debug!(%error, "undecided");
        Refusal::Undecidable
    };
    if let Some(hits) = give_back {
        // Nobody says when they were charged: just now.
        app.live().decider().give_back(&hits, Micros::ZERO).await.map_err(undecided)?;
    }
    let answer = app.decide(front, &request).await.map_err(undecided)?;
    // Entries stay out of the log: they name clients.
    tracing::debug!(domain = request.domain, outcome = ?answer.outcome, "decided");
    let fields = fields::of(&answer, app.legacy(front));
    reply::response(&answer, request.parts.len(), fields)
}
