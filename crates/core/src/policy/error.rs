//! Why a policy cannot be kept.

use std::fmt;
use std::time::Duration;

use super::attributes::Attributes;
use super::definition::Policy;
use super::terms::Action;
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
    /// More attributes than a request can have, so nothing could match.
    TooManyAttributes,
    /// An attribute without a name.
    NamelessAttribute,
    /// No value is listed for this attribute, so nothing could match.
    EmptyCondition(String),
    /// This client is there twice.
    DuplicateClient(String),
    /// Quotas of clients in a policy that does not tell clients apart.
    ClientsOfNobody,
    /// Not an address block.
    Block(String),
    /// An address with more bits than its prefix.
    BlockBits {
        /// The block as it was written.
        written: String,
        /// The block with that prefix that the address is in.
        meant: String,
    },
    /// Not a number of bits that tells IPv6 addresses apart.
    Ipv6Prefix(u64),
    /// A key that says nothing for policies of this kind.
    Idle {
        /// The key as policy files have it.
        key: &'static str,
        /// What the policy does.
        action: Action,
    },
    /// Waiting where nobody ever gets in.
    WaitInVain,
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
            Self::TooManyAttributes => {
                write!(f, "no request has more than {} attributes", Attributes::MOST)
            }
            Self::NamelessAttribute => f.write_str("an attribute needs a name"),
            Self::EmptyCondition(name) => {
                write!(f, "no value is listed for {name:?}, so nothing could ever match")
            }
            Self::DuplicateClient(name) => write!(f, "the client {name:?} is there twice"),
            Self::ClientsOfNobody => {
                f.write_str("`clients` needs `per`: its first attribute says which client a request is from")
            }
            Self::Block(text) => {
                write!(f, "{text:?} is not an address block such as 10.0.0.0/8 or 2001:db8::/32")
            }
            Self::BlockBits { written, meant } => {
                write!(f, "`{written}` says more than its prefix holds; did you mean `{meant}`?")
            }
            Self::Ipv6Prefix(bits) => write!(f, "a prefix of {bits} bits is not between 1 and 128"),
            Self::Idle { key, action } => write!(f, "`{key}` cannot go with `action: {action}`"),
            Self::WaitInVain => f.write_str("waiting is in vain where `action: deny` refuses for good"),
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
