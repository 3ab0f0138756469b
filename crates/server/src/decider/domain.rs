//! The policies of one domain with their limits made.

use std::borrow::Cow;

use distributed_rate_limiter::engine::{Engine, Limit, LimitOptions};
use distributed_rate_limiter::{Error, FailurePolicy};
use drl_core::policy::{OnStoreFailure, Policies, Policy};

use super::met::{Met, Voice};
use super::overrides;
use super::request::Part;
use crate::metrics::{self, PolicyCounters};

/// Policies and, in the same order, what deciding them takes.
#[derive(Debug)]
pub(super) struct Domain {
    policies: Policies,
    ready: Vec<Ready>,
    /// Of limits that come with requests.
    overriding: Voice,
}

/// A policy's limits.
#[derive(Debug)]
struct Ready {
    voice: Voice,
    /// One for each of [`Policy::quotas`].
    limits: Vec<Limit>,
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
        let overriding = overrides::voice(counters.counters(domain, overrides::NAME));
        Ok(Self { ready, overriding, policies })
    }

    /// How limits that come with requests speak.
    pub(super) fn overriding(&self) -> &Voice {
        &self.overriding
    }

    pub(super) fn policies(&self) -> &[Policy] {
        self.policies.list()
    }

    /// What this part of a request meets, in the order written.
    pub(super) fn meet<'b, 'r, 'p>(
        &'b self,
        at: usize,
        part: &Part<'p>,
        tier: Option<&'r str>,
    ) -> impl Iterator<Item = Met<'b, 'r>> + use<'b, 'r>
    where
        'p: 'r,
    {
        let attributes = part.attributes.with_default(Policy::TIER, tier.map(str::as_bytes));
        let cost = part.cost;
        self.policies.matching(&attributes).into_iter().filter_map(move |policy| {
            let (policy, ready) = (self.policies.list().get(policy)?, self.ready.get(policy)?);
            let quota = policy.quota_for(&attributes);
            Some(Met {
                part: at,
                cost,
                voice: Cow::Borrowed(&ready.voice),
                limit: Cow::Borrowed(ready.limits.get(quota)?),
                quota: *policy.quotas().get(quota)?,
                partition: policy.partition(&attributes)?,
            })
        })
    }
}

impl Ready {
    fn new(engine: &Engine, domain: &str, policy: &Policy, counters: PolicyCounters) -> Result<Self, Error> {
        // A domain has no slash, so no two domains' policies share a counter. All tiers of a policy do (as
        // far as their windows are the same): who changes tier keeps what was used.
        let name = format!("{domain}/{}", policy.name());
        let options = LimitOptions {
            shards: policy.shard_count(),
            leases: policy.lease_mode(),
            on_store_failure: match policy.failure_mode() {
                OnStoreFailure::Error => FailurePolicy::Error,
                OnStoreFailure::Open => FailurePolicy::Open,
                OnStoreFailure::Closed => FailurePolicy::Closed,
                OnStoreFailure::Local => FailurePolicy::LOCAL,
            },
        };
        let limits = policy.quotas().iter().map(|quota| engine.limit(&name, *quota, options));
        let voice = Voice {
            name: policy.name().into(),
            shadow: policy.is_shadow(),
            rejection: policy.rejection(),
            on_store_failure: policy.failure_mode(),
            counters,
        };
        Ok(Self { voice, limits: limits.collect::<Result<_, Error>>()? })
    }
}
