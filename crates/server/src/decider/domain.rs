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
use super::overrides::{self, Held, Overrides};
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
        let overriding = overrides::voice(counters.counters(domain, overrides::NAME));
        Ok(Self { ready, overriding, policies })
    }

    pub(super) fn policies(&self) -> &[Policy] {
        self.policies.list()
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

    /// What the parts of a request meet, in the order written.
    ///
    /// # Errors
    /// If nobody can keep a quota that the request brings along.
    pub(super) fn meet<'b>(
        &'b self,
        facets: &'b [Facet<'_, '_>],
        overrides: &Overrides,
    ) -> Result<Meeting<'b>, Error> {
        let mut meeting = Meeting::default();
        for (at, facet) in facets.iter().enumerate() {
            self.add(&mut meeting, at, facet);
            if let Some(quota) = facet.part.quota {
                let held = Held { voice: &self.overriding, at, part: facet.part };
                meeting.add(overrides.meet(self.policies.domain(), held, quota)?);
            }
        }
        Ok(meeting)
    }

    /// What the policies have for one part. One that brings a quota along has none of theirs.
    fn add<'b>(&'b self, meeting: &mut Meeting<'b>, part: usize, facet: &'b Facet<'_, '_>) {
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
            on_store_failure: match policy.failure_mode() {
                OnStoreFailure::Error => FailurePolicy::Error,
                OnStoreFailure::Open => FailurePolicy::Open,
                OnStoreFailure::Closed => FailurePolicy::Closed,
                OnStoreFailure::Local => FailurePolicy::LOCAL,
            },
        };
        let limits = policy
            .quotas()
            .iter()
            .map(|&quota| Ok(Priced { quota, limit: engine.limit(&name, quota, options)? }));
        let voice = Voice {
            name: policy.name().into(),
            shadow: policy.is_shadow(),
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
