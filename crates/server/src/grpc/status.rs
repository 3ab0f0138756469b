//! The one table from what happened to what goes over the wire.

use std::fmt;

use axum::http::StatusCode;
use drl_proto::response::Code;
use tonic::Status;

use crate::decider::Outcome;

/// Why a call is not answered with a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Something about the message, and where.
    Malformed(String),
    /// Nobody can decide: the store is out of reach.
    Undecidable,
}

/// The verdict of an outcome, if it has one.
pub(super) fn of_outcome(outcome: Outcome) -> Result<Code, Refusal> {
    match outcome {
        Outcome::Allowed => Ok(Code::Ok),
        // What the policy would have an HTTP client be answered is for Envoy's configuration to say.
        Outcome::Denied(_) => Ok(Code::OverLimit),
        Outcome::Undecidable => Err(Refusal::Undecidable),
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Malformed(_) => Self::invalid_argument(detail),
            Refusal::Undecidable => Self::unavailable(detail),
        }
    }
}

/// A verdict over HTTP (`POST /json`).
pub(crate) fn http(code: Code) -> StatusCode {
    match code {
        Code::Ok | Code::Unknown => StatusCode::OK,
        Code::OverLimit => StatusCode::TOO_MANY_REQUESTS,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(detail) => f.write_str(detail),
            Self::Undecidable => f.write_str("the store cannot decide"),
        }
    }
}
