//! A limit that a request meets.

use std::borrow::Cow;
use std::sync::Arc;

use distributed_rate_limiter::engine::{Demand, Limit};
use distributed_rate_limiter::{Decision, Quota};
use drl_core::Micros;
use drl_core::policy::{OnLimited, OnStoreFailure, Partition};

use super::answer::Word;
use crate::envoy::{Denied, Mode};
use crate::metrics::{PolicyCounters, Verdict};

/// How a rule speaks, whatever its limit is.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    pub(super) name: Arc<str>,
    pub(super) mode: Mode,
    pub(super) rejection: OnLimited,
    pub(super) on_store_failure: OnStoreFailure,
    pub(super) counters: PolicyCounters,
    pub(super) denied: Denied,
}

impl Voice {
    /// Whether it counts and reports only.
    pub(super) fn is_shadow(&self) -> bool {
        self.mode == Mode::Shadow
    }

    /// Counts a word as this one's, if it is.
    pub(super) fn count(&self, word: &Word) {
        if !Arc::ptr_eq(&self.name, &word.name) {
            return;
        }
        let verdict = match (word.allows(), word.shadow) {
            (true, _) => Verdict::Allowed,
            (false, false) => Verdict::Denied,
            (false, true) => Verdict::WouldDeny,
        };
        self.counters.count(verdict, word.source);
    }
}

/// A limit that one part of a request meets, and the allowance it draws on.
#[derive(Debug)]
pub(super) struct Met<'b> {
    pub(super) part: usize,
    pub(super) cost: u64,
    pub(super) voice: Cow<'b, Voice>,
    pub(super) limit: Cow<'b, Limit>,
    pub(super) quota: Quota,
    pub(super) partition: Partition<'b>,
}

impl Met<'_> {
    pub(super) fn demand(&self) -> Demand<'_> {
        Demand { limit: &self.limit, partition: &self.partition, cost: self.cost }
    }

    /// Whether it is the same counter, which can be charged once only in a decision.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        // The tiers of a policy, and overrides that differ in their limit only, share counters.
        let shares =
            || self.limit.name() == other.limit.name() && self.quota.identity() == other.quota.identity();
        self.partition == other.partition && (self.limit.is_same_as(&other.limit) || shares())
    }

    pub(super) fn word(&self, decision: &Decision) -> Word {
        // Of a quota of nothing there is nothing left, whatever its counter has.
        let most = if self.quota.limit() == 0 { 0 } else { u64::MAX };
        Word {
            part: self.part,
            name: Arc::clone(&self.voice.name),
            shadow: self.voice.is_shadow(),
            limit: self.quota.limit(),
            capacity: decision.limit().min(most),
            window: self.quota.window(),
            remaining: decision.remaining().min(most),
            retry: decision.retry(),
            reset_after: Micros::from(decision.reset_after()),
            delay: Micros::from(decision.delay()),
            source: decision.source(),
        }
    }
}
