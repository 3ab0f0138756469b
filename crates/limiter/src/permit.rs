//! Permission, once given.

use crate::decision::Decision;

/// The permission to go on. Dropping it gives nothing back: a rate limit counts starts, not ends.
/// [`RateLimiter::refund`](crate::RateLimiter::refund) with its [`decision`](Self::decision) does.
#[derive(Clone, Debug)]
pub struct Permit {
    decision: Decision,
}

impl Permit {
    pub(crate) fn new(decision: Decision) -> Self {
        Self { decision }
    }

    /// The decision that gave the permission.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}
