//! The one table from what happened to what goes over the wire.

use axum::http::StatusCode;
use drl_core::policy::OnLimited;

use crate::decider::Outcome;

/// Why a request is not answered with a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Refusal {
    /// Not JSON, or not the members this call takes.
    Malformed,
    /// No such path.
    NotFound,
    /// Not with this method.
    Method,
    /// The body did not come in time.
    TooSlow,
    /// The body is too long.
    TooLarge,
    /// Not JSON by its own account.
    MediaType,
    /// Nobody can decide: the store is out of reach.
    Undecidable,
    /// Understood, and it makes no sense.
    Invalid,
    /// Nobody has said who asks.
    Unauthorized,
    /// Whoever asks may not.
    Forbidden,
    /// Draining, or the store is needed and out of reach.
    NotReady,
    /// There was no answer in time.
    Late,
}

/// The status of an outcome.
pub(in crate::http) fn of_outcome(outcome: Outcome) -> StatusCode {
    match outcome {
        Outcome::Allowed => StatusCode::OK,
        Outcome::Denied(OnLimited::Status(status)) => {
            StatusCode::from_u16(status).unwrap_or(StatusCode::TOO_MANY_REQUESTS)
        }
        Outcome::Denied(OnLimited::Reject | OnLimited::Wait(_)) => StatusCode::TOO_MANY_REQUESTS,
        Outcome::Undecidable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The status of a refusal.
pub(in crate::http) fn of_refusal(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::Malformed => StatusCode::BAD_REQUEST,
        Refusal::NotFound => StatusCode::NOT_FOUND,
        Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refusal::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Unauthorized => StatusCode::UNAUTHORIZED,
        Refusal::Forbidden => StatusCode::FORBIDDEN,
        Refusal::Undecidable | Refusal::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Late => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// What kind of problem it is, for machines (`type`) and people (`title`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Kind {
    pub(in crate::http) uri: &'static str,
    pub(in crate::http) title: &'static str,
}

/// draft-ietf-httpapi-ratelimit-headers, "Problem Types".
pub(in crate::http) const QUOTA_EXCEEDED: Kind = Kind {
    uri: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    title: "Request cannot be satisfied as assigned quota has been exceeded",
};
/// The same draft.
pub(in crate::http) const REDUCED_CAPACITY: Kind = Kind {
    uri: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
    title: "Request cannot be satisfied due to temporary server capacity constraints",
};

/// The kind of an outcome that is a problem.
pub(in crate::http) fn kind_of_outcome(outcome: Outcome) -> Kind {
    match outcome {
        Outcome::Allowed | Outcome::Denied(_) => QUOTA_EXCEEDED,
        Outcome::Undecidable => REDUCED_CAPACITY,
    }
}

/// The kind of a refusal: that of its status (RFC 9457, 4.2.1) unless a type is registered.
pub(in crate::http) fn kind_of_refusal(refusal: Refusal) -> Kind {
    match refusal {
        Refusal::Undecidable => REDUCED_CAPACITY,
        other => {
            let title = of_refusal(other).canonical_reason().unwrap_or("Error");
            Kind { uri: "about:blank", title }
        }
    }
}
