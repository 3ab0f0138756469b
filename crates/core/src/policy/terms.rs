//! The words of a policy.

use std::fmt;
use std::time::Duration;

/// What a policy does with the requests that it matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action {
    /// Holds them to a limit.
    #[default]
    Limit,
    /// Lets them pass, uncounted by any policy.
    Allow,
    /// Refuses them, whatever other policies say.
    Deny,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Limit, Self::Allow, Self::Deny];

    /// The name used in policy files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a policy's word counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Enforcement {
    /// A request over the limit is denied.
    #[default]
    Enforce,
    /// Counted and reported; never changes a verdict.
    Shadow,
}

/// What a denied request is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnLimited {
    /// The front's usual refusal (HTTP: 429).
    #[default]
    Reject,
    /// A refusal with this HTTP status.
    Status(u16),
    /// Wait up to so long for room, then refuse.
    Wait(Duration),
}

/// What happens while the store cannot decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnStoreFailure {
    /// The request fails: nobody knows whether it fits.
    #[default]
    Error,
    /// The request passes.
    Open,
    /// The request is refused.
    Closed,
    /// An in-process limiter holds this instance's share of the limit.
    Local,
}
