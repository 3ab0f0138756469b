//! What a front asks.

use distributed_rate_limiter::Quota;
use distributed_rate_limiter::engine::Want;
use drl_core::policy::Attributes;
use smallvec::{SmallVec, smallvec};

/// A question: may this go on?
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Whose policies; a domain without any limits nothing.
    pub domain: &'a str,
    /// What is decided together: all of it goes on, or nothing. Envoy's descriptors; one part otherwise.
    pub parts: Parts<'a>,
    /// Whether to charge.
    pub intent: Intent,
}

/// The parts of a request.
pub type Parts<'a> = SmallVec<[Part<'a>; 1]>;

/// One description of the request, held against the policies by itself.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// What the request says about itself.
    pub attributes: Attributes<'a>,
    /// What it costs in every policy it meets. Zero charges nothing.
    pub cost: u64,
    /// The quota to hold it to, whatever the policies say; all attributes together are its partition. Its
    /// limit may be 0: then nothing is admitted.
    pub quota: Option<Quota>,
}

impl<'a> Request<'a> {
    /// A request with one description.
    #[must_use]
    pub fn new(domain: &'a str, attributes: Attributes<'a>, cost: u64) -> Self {
        let parts = smallvec![Part { attributes, cost, quota: None }];
        Self { domain, parts, intent: Intent::Check }
    }

    /// The same with another intent.
    #[must_use]
    pub fn with(self, intent: Intent) -> Self {
        Self { intent, ..self }
    }
}

/// Whether a request is to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Charge it if it is allowed.
    Check,
    /// Say what `Check` would say, charge nothing and wait for nothing.
    Peek,
}

impl From<Intent> for Want {
    fn from(intent: Intent) -> Self {
        match intent {
            Intent::Check => Self::Take,
            Intent::Peek => Self::Peek,
        }
    }
}
