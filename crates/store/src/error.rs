//! Why a store could not decide. A denial is a verdict, never an error.

use std::time::Duration;

/// The class of an error: what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The store is out of reach, not ready, read-only or full. Nothing was charged, unless
    /// [`StoreError::may_have_counted`] says otherwise.
    Unavailable,
    /// The deadline passed. The call may have been applied.
    Timeout,
    /// The store answered something that cannot be understood, or a key of ours holds something foreign.
    Protocol,
    /// The store refuses who we are or what we ask for: a wrong password, a missing permission.
    Refused,
}

/// The store could not decide.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Out of reach, not ready, read-only.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What the network or the store said.
        reason: String,
        /// Whether the call had left when it failed, so that it may have been applied.
        may_have_counted: bool,
    },
    /// No room: the memory bound is reached by counters that still count. Nothing was charged.
    #[error("the store is full: {reason}")]
    Full {
        /// Which bound was reached.
        reason: String,
    },
    /// The deadline passed before the answer came.
    #[error("the store did not answer within {after:?}")]
    Timeout {
        /// The deadline.
        after: Duration,
        /// Whether the call may have left before the deadline.
        may_have_counted: bool,
    },
    /// An answer that cannot be understood.
    #[error("the store's answer cannot be understood: {reason}")]
    Protocol {
        /// What came instead.
        reason: String,
    },
    /// Wrong credentials, or missing permissions. Nothing was charged.
    #[error("the store refuses: {reason}")]
    Refused {
        /// What the store said.
        reason: String,
    },
}

impl StoreError {
    /// The class of the error.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable { .. } | Self::Full { .. } => ErrorClass::Unavailable,
            Self::Timeout { .. } => ErrorClass::Timeout,
            Self::Protocol { .. } => ErrorClass::Protocol,
            Self::Refused { .. } => ErrorClass::Refused,
        }
    }

    /// Whether the request may have been charged although no answer came. Such a request must never be
    /// sent again by itself: charging twice is not exact.
    #[must_use]
    pub fn may_have_counted(&self) -> bool {
        match self {
            Self::Unavailable { may_have_counted, .. } | Self::Timeout { may_have_counted, .. } => {
                *may_have_counted
            }
            Self::Protocol { .. } => true,
            Self::Full { .. } | Self::Refused { .. } => false,
        }
    }

    /// Whether the same request can succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.class(), ErrorClass::Unavailable | ErrorClass::Timeout)
    }
}
