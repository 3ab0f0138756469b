//! What is answered when the store cannot decide.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drl_core::check::Check;
use drl_core::{Micros, Mode, Retry, Source, Verdict};
use drl_store::{MemoryStore, Store, StoreError};
use smallvec::SmallVec;

use super::{Demand, Engine, FailurePolicy, Want, first};
use crate::decision::{Decision, Receipt, Ruling};
use crate::error::Error;

/// What a denial under `Closed` advises: the store is probed several times in that time.
const ADVICE: Micros = Micros::SECOND;
/// The most counters kept in this process during an outage.
const LOCAL_KEYS: u64 = 100_000;
/// How often fallback decisions are logged at most.
const SAMPLE: Duration = Duration::from_secs(1);

impl Engine {
    /// Applies the failure policies of the demands. All or nothing holds here too: any `Error` is the
    /// caller's, any `Closed` denies, and the `Local` ones are decided together.
    pub(super) fn fall_back(
        &self,
        demands: &[Demand<'_>],
        want: Want,
        error: StoreError,
    ) -> Result<Ruling, Error> {
        let policy = |demand: &Demand<'_>| demand.limit.on_store_failure();
        if demands.iter().any(|demand| policy(demand) == FailurePolicy::Error) {
            return Err(error.into());
        }
        let closed = demands.iter().any(|demand| policy(demand) == FailurePolicy::Closed);
        let local = self.decide_locally(demands, if closed { Want::Peek } else { want })?;
        let allowed = !closed && local.allowed;
        self.0.log.count(&error, allowed);
        let granted = |demand: &Demand<'_>| match want {
            _ if !allowed => 0,
            Want::Peek => 0,
            Want::TakeUpTo if !local.outcomes.is_empty() => local.granted,
            Want::Take | Want::TakeUpTo => demand.cost,
        };
        let mut outcomes = local.outcomes.iter();
        let decisions = demands.iter().map(|demand| {
            let outcome = match policy(demand) {
                FailurePolicy::Local { .. } => outcomes.next(),
                _ => None,
            };
            let retry = match policy(demand) {
                FailurePolicy::Closed => Retry::After(ADVICE),
                _ => outcome.map_or(Retry::Now, |outcome| outcome.retry),
            };
            Decision {
                policy: demand.limit.shared_name(),
                limit: demand.limit.capacity(),
                allowed,
                granted: granted(demand),
                remaining: outcome.map_or(0, |outcome| outcome.remaining),
                retry,
                reset_after: outcome.map_or(Micros::ZERO, |outcome| outcome.reset_after),
                delay: outcome.map_or(Micros::ZERO, |outcome| outcome.delay),
                source: Source::Fallback,
                receipt: Receipt::default(),
            }
        });
        Ok(Ruling { allowed, decisions: decisions.collect() })
    }

    fn decide_locally(&self, demands: &[Demand<'_>], want: Want) -> Result<Verdict, Error> {
        let asks: SmallVec<[_; 2]> = demands
            .iter()
            .filter(|demand| matches!(demand.limit.on_store_failure(), FailurePolicy::Local { .. }))
            .map(|demand| demand.limit.ask_local(demand.partition, demand.cost))
            .collect();
        let local = self.0.local.get_or_init(|| MemoryStore::builder().max_keys(LOCAL_KEYS).build());
        let batch = [Check { asks, mode: mode(want) }];
        match local.decide(&batch) {
            drl_store::Answer::Ready(answers) => Ok(first(answers)?),
            drl_store::Answer::Pending(_) => {
                Err(StoreError::Protocol { reason: "the embedded store is never pending".to_owned() }.into())
            }
        }
    }
}

fn mode(want: Want) -> Mode {
    match want {
        Want::Take => Mode::Take,
        Want::TakeUpTo => Mode::TakeUpTo,
        Want::Peek => Mode::Peek,
    }
}

/// Logs fallback decisions, sampled: the first one, then one line a second with what was left out.
#[derive(Debug)]
pub(super) struct FallbackLog {
    since: Instant,
    /// Milliseconds from `since` until the next line may be written.
    next: AtomicU64,
    allowed: AtomicU64,
    denied: AtomicU64,
}

impl Default for FallbackLog {
    fn default() -> Self {
        let (next, allowed, denied) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { since: Instant::now(), next, allowed, denied }
    }
}

impl FallbackLog {
    fn count(&self, error: &StoreError, allowed: bool) {
        (if allowed { &self.allowed } else { &self.denied }).fetch_add(1, Ordering::Relaxed);
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let next = self.next.load(Ordering::Relaxed);
        let later = now + u64::try_from(SAMPLE.as_millis()).unwrap_or(0);
        if now >= next
            && self.next.compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            let (allowed, denied) =
                (self.allowed.swap(0, Ordering::Relaxed), self.denied.swap(0, Ordering::Relaxed));
            tracing::warn!(%error, allowed, denied, "decided without the store");
        }
    }
}
