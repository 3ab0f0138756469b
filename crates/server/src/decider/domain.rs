//! The policies of one domain with their limits made.

use std::borrow::Cow;
use std::sync::Arc;

use distributed_rate_limiter::engine::{Engine, Limit, LimitOptions};
use distributed_rate_limiter::{Error, FailurePolicy, Quota};
use drl_core::policy::{Action, Allowance, Attributes, OnStoreFailure, Policies, Policy, Spellings};
use smallvec::SmallVec;

use super::list::Listed;
use super::meeting::Meeting;
use super::met::{Met, Voice};
use super::request::Part;
use crate::envoy::{Denied, Mode};
use crate::metrics::{self, PolicyCounters};

/// Policies and, in the same order, what deciding them takes.
#[derive(Debug)]
pub(super) struct Domain {
    policies: Policies,
    ready: Vec<Ready>,
}

/// A policy's limits.
#[derive(Debug)]
struct Ready {
    voice: Voice,
    /// One for each of [`Policy::quotas`].
    limits: Vec<Priced>,
}

/// A quota and the limit that keeps it.
#[derive(Debug)]
struct Priced {
    quota: Quota,
    limit: Limit,
}

/// The parts of a request.
pub(super) type Facets<'r, 'p> = SmallVec<[Facet<'r, 'p>; 1]>;

/// A part of a request as the policies see it.
#[derive(Debug)]
pub(super) struct Facet<'r, 'p> {
    part: &'r Part<'p>,
    attributes: Attributes<'r>,
    spellings: Spellings,
}

impl Domain {
    pub(super) fn new(
        engine: &Engine,
        policies: Policies,
        counters: &metrics::Policies,
    ) -> Result<Self, Error> {
        let domain = policies.domain();
        let ready = policies.list().iter().map(|policy| {
            let counters = counters.counters(domain, policy.name());
            Ready::new(engine, domain, policy, counters)
        });
        let ready = ready.collect::<Result<_, Error>>()?;
        Ok(Self { ready, policies })
    }

    /// The names of the policies that cannot do without a store.
    pub(super) fn needing_the_store(&self) -> impl Iterator<Item = &str> {
        let waiting = self.policies.list().iter().filter(|policy| {
            policy.action() == Action::Limit && !policy.is_shadow() && needs_the_store(policy.failure_mode())
        });
        waiting.map(Policy::name)
    }

    /// The parts of a request, with the tiers that operators have put the clients into.
    pub(super) fn facets<'r, 'p>(
        &self,
        parts: &'r [Part<'p>],
        tiers: &'r [Option<Arc<str>>],
    ) -> Facets<'r, 'p> {
        let facet = |(part, tier): (&'r Part<'p>, &'r Option<Arc<str>>)| {
            let attributes = part.attributes.with_default(Policy::TIER, tier.as_deref().map(str::as_bytes));
            Facet { part, spellings: self.policies.spellings(&attributes), attributes }
        };
        parts.iter().zip(tiers).map(facet).collect()
    }

    /// What the policies have for one part. One that brings a quota along has none of theirs.
    pub(super) fn add<'b>(&'b self, meeting: &mut Meeting<'b>, part: usize, facet: &'b Facet<'_, '_>) {
        for at in self.policies.matching(&facet.attributes) {
            let found = self.policies.list().get(at).zip(self.ready.get(at));
            let Some((policy, ready)) = found else { continue };
            match (policy.action(), facet.part.quota) {
                (Action::Limit, Some(_)) => {}
                (Action::Limit, None) => {
                    let allowance = policy.allowance(&facet.attributes, &facet.spellings);
                    let met = allowance.and_then(|allowance| ready.met(part, facet.part.cost, allowance));
                    met.into_iter().for_each(|met| meeting.add(met));
                }
                (action, _) => meeting.list(Listed { part, voice: &ready.voice, action }),
            }
        }
    }
}

impl Ready {
    fn new(engine: &Engine, domain: &str, policy: &Policy, counters: PolicyCounters) -> Result<Self, Error> {
        // A domain has no slash, so no two domains' policies share a counter. All tiers of a policy do (as
        // far as their windows are the same), and so do clients with a quota of their own: who changes tier keeps
        // what was used.
        let name = format!("{domain}/{}", policy.name());
        let options = LimitOptions {
            shards: policy.shard_count(),
            leases: policy.lease_mode(),
            on_store_failure: failure_policy(policy.failure_mode()),
        };
        let limits = policy
            .quotas()
            .iter()
            .map(|&quota| Ok(Priced { quota, limit: engine.limit(&name, quota, options)? }));
        let voice = Voice {
            name: policy.name().into(),
            mode: if policy.is_shadow() { Mode::Shadow } else { Mode::Enforce },
            denied: Denied::Nothing,
            rejection: policy.rejection(),
            on_store_failure: policy.failure_mode(),
            counters,
        };
        Ok(Self { voice, limits: limits.collect::<Result<_, Error>>()? })
    }

    fn met<'b>(&'b self, part: usize, cost: u64, allowance: Allowance<'b>) -> Option<Met<'b>> {
        let Priced { quota, limit } = self.limits.get(allowance.quota)?;
        let (voice, limit) = (Cow::Borrowed(&self.voice), Cow::Borrowed(limit));
        Some(Met { part, cost, voice, limit, quota: *quota, partition: allowance.partition })
    }
}

/// Whether nothing is served without the store.
pub(super) fn needs_the_store(mode: OnStoreFailure) -> bool {
    matches!(mode, OnStoreFailure::Error | OnStoreFailure::Closed)
}

pub(super) fn failure_policy(mode: OnStoreFailure) -> FailurePolicy {
    match mode {
        OnStoreFailure::Error => FailurePolicy::Error,
        OnStoreFailure::Open => FailurePolicy::Open,
        OnStoreFailure::Closed => FailurePolicy::Closed,
        OnStoreFailure::Local => FailurePolicy::LOCAL,
    }
}
