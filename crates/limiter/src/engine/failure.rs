//! What happens when the store cannot decide.

use std::num::NonZeroU16;

/// What a limit does when the store cannot decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// The caller gets the error.
    #[default]
    Error,
    /// The request goes on. Nothing is counted, so the limit does not hold meanwhile.
    Open,
    /// The request is denied.
    Closed,
    /// A counter inside this process decides, over this instance's share of the limit: with the true
    /// number of instances the limit holds during the outage too (counted from zero at its start).
    Local {
        /// How many instances share the limit.
        instances: NonZeroU16,
    },
}

impl FailurePolicy {
    /// `Local` for a single instance: the whole limit.
    pub const LOCAL: Self = Self::Local { instances: NonZeroU16::MIN };

    /// Whether requests are answered without the store.
    #[must_use]
    pub fn serves(self) -> bool {
        matches!(self, Self::Open | Self::Local { .. })
    }
}
