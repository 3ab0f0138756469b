//! The policies of one domain with their limits made.

use std::sync::Arc;

use distributed_rate_limiter::engine::{Engine, Limit, LimitOptions};
use distributed_rate_limiter::{Error, FailurePolicy};
use drl_core::policy::{Attributes, OnStoreFailure, Policies, Policy};
use smallvec::SmallVec;

use super::Met;

/// Policies and, in the same order, what deciding them takes.
#[derive(Debug)]
pub(super) struct Domain {
    policies: Policies,
    ready: Vec<Ready>,
}

/// A policy's limits.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) name: Arc<str>,
    /// One for each of [`Policy::quotas`].
    pub(super) limits: Vec<Limit>,
}

impl Domain {
    pub(super) fn new(engine: &Engine, policies: Policies) -> Result<Self, Error> {
        let ready = policies.list().iter().map(|policy| Ready::new(engine, policies.domain(), policy));
        Ok(Self { ready: ready.collect::<Result<_, Error>>()?, policies })
    }

    pub(super) fn policies(&self) -> &[Policy] {
        self.policies.list()
    }

    /// The policies that the request meets, in the order written.
    pub(super) fn meet<'p, 'r>(&'p self, attributes: &Attributes<'r>) -> SmallVec<[Met<'p, 'r>; 4]> {
        let meet = |at: usize| {
            let (policy, ready) = (self.policies.list().get(at)?, self.ready.get(at)?);
            let partition = policy.partition(attributes)?;
            Some(Met { ready, policy, quota: policy.quota_for(attributes), partition })
        };
        self.policies.matching(attributes).into_iter().filter_map(meet).collect()
    }
}

impl Ready {
    fn new(engine: &Engine, domain: &str, policy: &Policy) -> Result<Self, Error> {
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
        Ok(Self { name: policy.name().into(), limits: limits.collect::<Result<_, Error>>()? })
    }
}
