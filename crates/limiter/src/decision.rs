//! The answer to a request.

use std::sync::Arc;
use std::time::Duration;

use drl_core::{Micros, Retry, Source, Timestamp};
use smallvec::SmallVec;

use crate::error::Error;

/// What one limit decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub(crate) policy: Arc<str>,
    pub(crate) limit: u64,
    pub(crate) allowed: bool,
    pub(crate) granted: u64,
    pub(crate) remaining: u64,
    pub(crate) retry: Retry,
    pub(crate) reset_after: Micros,
    pub(crate) delay: Micros,
    pub(crate) source: Source,
    pub(crate) receipt: Receipt,
}

/// What a request has charged, where and when, so that it can be given back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) at: Timestamp,
    /// Whether it was paid with borrowed tokens.
    pub(crate) borrowed: bool,
    pub(crate) tier: Option<Arc<str>>,
    pub(crate) charges: SmallVec<[Charge; 1]>,
}

/// A cost charged at one shard of one of a request's demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) demand: usize,
    pub(crate) shard: u16,
    pub(crate) cost: u64,
}

impl Decision {
    /// Whether the request may go on. Of several limits, whether all of them let it.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.allowed
    }

    /// The most this limit admits at once.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// What was left after the decision. Never more than there was.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// When a retry can succeed.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// How long until a retry can succeed: zero if the request was allowed, `None` if it never can.
    ///
    /// A retry exactly then is admitted if nobody else takes the room, one earlier is not. The exception:
    /// a cost above 1 that only several shards together can hold may fit a little earlier.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.retry {
            Retry::Now => Some(Duration::ZERO),
            Retry::After(wait) => Some(wait.into()),
            Retry::Never => None,
        }
    }

    /// How long until the limit is untouched again, if nobody asks.
    #[must_use]
    pub fn reset_after(&self) -> Duration {
        self.reset_after.into()
    }

    /// How long to wait before going on: a leaky bucket as queue spaces what it admits. Zero otherwise.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.delay.into()
    }

    /// The cost that was charged: less than asked for after `up_to`, zero after a denial or a peek.
    #[must_use]
    pub fn granted(&self) -> u64 {
        self.granted
    }

    /// The limit's name.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Who decided.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    pub(crate) fn into_error(self) -> Error {
        let retry_after = self.retry_after();
        Error::RateLimitExceeded { retry_after, policy: self.policy.as_ref().to_owned() }
    }
}

/// What all limits of a request decided together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    pub(crate) allowed: bool,
    pub(crate) decisions: SmallVec<[Decision; 2]>,
}

impl Ruling {
    /// Whether the request may go on.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.allowed
    }

    /// One decision per demand, in their order. `Decision::retry` tells which of them stood in the way.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// The decision that matters most to the caller: of those that denied, the one that takes longest;
    /// otherwise the one with the least left. `None` if nothing was demanded.
    #[must_use]
    pub fn decisive(&self) -> Option<&Decision> {
        self.decisions.iter().min_by_key(|decision| {
            let patience = match decision.retry {
                Retry::Never => 0,
                Retry::After(wait) => u64::MAX - wait.0,
                Retry::Now => u64::MAX,
            };
            (patience, decision.remaining)
        })
    }

    /// When all limits let the request pass.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.decisions.iter().fold(Retry::Now, |retry, decision| retry.later(decision.retry))
    }

    /// The decisive decision, answering for all of them: its `retry` is that of the whole request, and it
    /// holds the receipt for everything that was charged.
    pub(crate) fn into_decisive(self) -> Option<Decision> {
        let mut decision = self.decisive()?.clone();
        decision.retry = self.retry();
        decision.receipt.charges =
            self.decisions.iter().flat_map(|decision| decision.receipt.charges.iter().copied()).collect();
        Some(decision)
    }
}
