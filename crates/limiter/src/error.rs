//! Why there is no permission: the limit said no, or nobody could decide.

use std::time::Duration;

use drl_core::QuotaError;
use drl_store::{ErrorClass, StoreError};

/// What can go wrong.
///
/// A denial is a value ([`Decision`](crate::Decision)); only [`acquire`](crate::RateLimiter::acquire), which
/// promises a permit, turns it into [`Error::RateLimitExceeded`]. All other variants mean that no decision
/// could be made.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The limit is reached. Nothing was charged.
    #[error("rate limit `{policy}` exceeded{}", advice(*.retry_after))]
    RateLimitExceeded {
        /// How long until a retry can succeed; `None` if it never can, the cost being above the capacity.
        retry_after: Option<Duration>,
        /// The name of the limit.
        policy: String,
    },
    /// The store is out of reach, not ready, full, or refuses us.
    #[error(transparent)]
    StoreUnavailable {
        /// What the store said.
        source: StoreError,
    },
    /// The store did not answer by the deadline.
    #[error(transparent)]
    Timeout {
        /// Which deadline.
        source: StoreError,
    },
    /// The configuration makes no sense: found before anything is decided.
    #[error("invalid configuration: {reason}")]
    InvalidConfig {
        /// What and where.
        reason: String,
    },
    /// The store's answer cannot be understood, or a key of ours holds something foreign.
    #[error(transparent)]
    Protocol {
        /// What came instead.
        source: StoreError,
    },
}

fn advice(retry_after: Option<Duration>) -> String {
    match retry_after {
        Some(wait) => format!(", retry after {wait:?}"),
        None => ": the cost is above the capacity".to_owned(),
    }
}

impl Error {
    /// Whether the same call can succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimitExceeded { retry_after, .. } => retry_after.is_some(),
            Self::InvalidConfig { .. } => false,
            Self::StoreUnavailable { source } | Self::Timeout { source } | Self::Protocol { source } => {
                source.is_retryable()
            }
        }
    }

    /// Whether the request may have been charged although no decision came back.
    #[must_use]
    pub fn may_have_counted(&self) -> bool {
        match self {
            Self::RateLimitExceeded { .. } | Self::InvalidConfig { .. } => false,
            Self::StoreUnavailable { source } | Self::Timeout { source } | Self::Protocol { source } => {
                source.may_have_counted()
            }
        }
    }

    pub(crate) fn config(reason: impl Into<String>) -> Self {
        Self::InvalidConfig { reason: reason.into() }
    }
}

impl From<StoreError> for Error {
    fn from(source: StoreError) -> Self {
        match source.class() {
            ErrorClass::Unavailable | ErrorClass::Refused => Self::StoreUnavailable { source },
            ErrorClass::Timeout => Self::Timeout { source },
            ErrorClass::Protocol => Self::Protocol { source },
        }
    }
}

impl From<QuotaError> for Error {
    fn from(error: QuotaError) -> Self {
        Self::config(error.to_string())
    }
}
