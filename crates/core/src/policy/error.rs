//! Why a policy cannot be kept.

use std::fmt;
use std::time::Duration;

use super::definition::Policy;
use crate::quota::QuotaError;
use crate::shard::MAX_SHARDS;

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not a name a policy can have.
    Name(String),
    /// Not a name a domain can have.
    Domain(String),
    /// Two policies of one domain have this name.
    DuplicateName(String),
    /// The limit, or that of a tier, cannot be kept.
    Quota(QuotaError),
    /// This tier is there twice.
    DuplicateTier(String),
    /// This attribute is named twice in `match` or twice in `per`.
    DuplicateAttribute(String),
    /// An attribute without a name.
    NamelessAttribute,
    /// No value is listed for this attribute, so nothing could match.
    EmptyCondition(String),
    /// A number of shards that cannot be had.
    Shards(u64),
    /// A status that does not say no.
    Status(u64),
    /// A wait that is no wait, or too long.
    Wait(Duration),
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: &str = "1 to 128 letters, digits or -._~@:";
        match self {
            Self::Name(name) => write!(f, "{name:?} cannot name a policy: use {NAMES}/"),
            Self::Domain(name) => write!(f, "{name:?} cannot name a domain: use {NAMES}"),
            Self::DuplicateName(name) => write!(f, "there are two policies named {name:?}"),
            Self::Quota(error) => fmt::Display::fmt(error, f),
            Self::DuplicateTier(name) => write!(f, "the tier {name:?} is there twice"),
            Self::DuplicateAttribute(name) => write!(f, "the attribute {name:?} is there twice"),
            Self::NamelessAttribute => f.write_str("an attribute needs a name"),
            Self::EmptyCondition(name) => {
                write!(f, "no value is listed for {name:?}, so nothing could ever match")
            }
            Self::Shards(count) => write!(f, "{count} shards are not between 1 and {MAX_SHARDS}"),
            Self::Status(status) => write!(f, "{status} is not an error status (400 to 599)"),
            Self::Wait(wait) => {
                write!(f, "a wait of {wait:?} is not between 1 ms and {:?}", Policy::LONGEST_WAIT)
            }
        }
    }
}

impl std::error::Error for PolicyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Quota(error) => Some(error),
            _ => None,
        }
    }
}

impl From<QuotaError> for PolicyError {
    fn from(error: QuotaError) -> Self {
        Self::Quota(error)
    }
}
