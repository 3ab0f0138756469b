//! One policy, checked.

use std::time::Duration;

use smallvec::SmallVec;

use super::attributes::Attributes;
use super::error::PolicyError;
use super::pattern::Condition;
use crate::engine::Leases;
use crate::quota::Quota;
use crate::shard::{MAX_SHARDS, Shards};

/// The values that share one allowance: those of the attributes a policy counts by.
pub type Partition<'a> = SmallVec<[&'a [u8]; 2]>;

/// Whether a policy's word counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Enforcement {
    /// A request over the limit is denied.
    #[default]
    Enforce,
    /// Counted and reported; never changes a verdict.
    Shadow,
}

/// What a denied request is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnLimited {
    /// The front's usual refusal (HTTP: 429).
    #[default]
    Reject,
    /// A refusal with this HTTP status.
    Status(u16),
    /// Wait up to so long for room, then refuse.
    Wait(Duration),
}

/// What happens while the store cannot decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnStoreFailure {
    /// The request fails: nobody knows whether it fits.
    #[default]
    Error,
    /// The request passes.
    Open,
    /// The request is refused.
    Closed,
    /// An in-process limiter holds this instance's share of the limit.
    Local,
}

/// A limit, the requests it is for, and what happens when it says no.
///
/// ```
/// use drl_core::Quota;
/// use drl_core::policy::{Attributes, Condition, Pattern, Policy};
///
/// let policy = Policy::new("search", Quota::per_minute(100))?
///     .matching(Condition::new("endpoint", [Pattern::new("/search/*")])?)?
///     .per(["client"])?
///     .tier("pro", Quota::per_minute(600))?;
/// let request = [("client", &b"alice"[..]), ("endpoint", b"/search/x"), ("tier", b"pro")];
/// let attributes = Attributes::new(request)?;
/// assert!(policy.matches(&attributes));
/// assert_eq!(policy.quotas()[policy.quota_for(&attributes)].limit(), 600);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    name: String,
    conditions: Vec<Condition>,
    per: Vec<String>,
    /// The policy's own quota, then those of the tiers.
    quotas: Vec<Quota>,
    tiers: Vec<String>,
    enforcement: Enforcement,
    on_limited: OnLimited,
    on_store_failure: OnStoreFailure,
    shards: Shards,
    leases: Leases,
}

impl Policy {
    /// The longest that a request may be kept waiting for room.
    pub const LONGEST_WAIT: Duration = Duration::from_secs(30);
    /// The attribute that chooses the tier.
    pub const TIER: &'static str = "tier";

    /// A policy that matches every request and counts them all together.
    ///
    /// # Errors
    /// If the name cannot be one, or the quota cannot be kept.
    pub fn new(name: &str, quota: Quota) -> Result<Self, PolicyError> {
        if !is_name(name) {
            return Err(PolicyError::Name(name.to_owned()));
        }
        quota.rule()?;
        Ok(Self {
            name: name.to_owned(),
            conditions: Vec::new(),
            per: Vec::new(),
            quotas: vec![quota],
            tiers: Vec::new(),
            enforcement: Enforcement::default(),
            on_limited: OnLimited::default(),
            on_store_failure: OnStoreFailure::default(),
            shards: Shards::default(),
            leases: Leases::default(),
        })
    }

    /// Only requests that meet this condition, beside those already there.
    ///
    /// # Errors
    /// If there is a condition for this attribute already.
    pub fn matching(mut self, condition: Condition) -> Result<Self, PolicyError> {
        if self.conditions.iter().any(|other| other.attribute() == condition.attribute()) {
            return Err(PolicyError::DuplicateAttribute(condition.attribute().to_owned()));
        }
        self.conditions.push(condition);
        Ok(self)
    }

    /// Counts apart what differs in these attributes, which a request must have to match.
    ///
    /// # Errors
    /// If an attribute is there twice or has no name.
    pub fn per<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Result<Self, PolicyError> {
        for name in names.into_iter().map(Into::into) {
            if name.is_empty() {
                return Err(PolicyError::NamelessAttribute);
            }
            if self.per.contains(&name) {
                return Err(PolicyError::DuplicateAttribute(name));
            }
            self.per.push(name);
        }
        Ok(self)
    }

    /// The quota of requests whose attribute [`Policy::TIER`] has this value.
    ///
    /// # Errors
    /// If the tier is there already, or its quota cannot be kept.
    pub fn tier(mut self, name: &str, quota: Quota) -> Result<Self, PolicyError> {
        if self.tiers.iter().any(|tier| tier == name) {
            return Err(PolicyError::DuplicateTier(name.to_owned()));
        }
        quota.rule()?;
        self.tiers.push(name.to_owned());
        self.quotas.push(quota);
        Ok(self)
    }

    /// Whether its word counts.
    #[must_use]
    pub fn enforcement(self, enforcement: Enforcement) -> Self {
        Self { enforcement, ..self }
    }

    /// What a denied request is answered.
    ///
    /// # Errors
    /// If a status is not an error status, or a wait is none or too long.
    pub fn on_limited(self, on_limited: OnLimited) -> Result<Self, PolicyError> {
        match on_limited {
            OnLimited::Status(status) if !(400..=599).contains(&status) => {
                Err(PolicyError::Status(u64::from(status)))
            }
            OnLimited::Wait(wait) if wait < Duration::from_millis(1) || wait > Self::LONGEST_WAIT => {
                Err(PolicyError::Wait(wait))
            }
            _ => Ok(Self { on_limited, ..self }),
        }
    }

    /// What happens while the store cannot decide.
    #[must_use]
    pub fn on_store_failure(self, on_store_failure: OnStoreFailure) -> Self {
        Self { on_store_failure, ..self }
    }

    /// Over how many counters a client's allowance is spread.
    ///
    /// # Errors
    /// If it is none, or more than [`MAX_SHARDS`].
    pub fn shards(self, shards: Shards) -> Result<Self, PolicyError> {
        match shards {
            Shards::Fixed(count) if !(1..=MAX_SHARDS).contains(&count) => {
                Err(PolicyError::Shards(u64::from(count)))
            }
            _ => Ok(Self { shards, ..self }),
        }
    }

    /// Whether instances may borrow in advance.
    #[must_use]
    pub fn leases(self, leases: Leases) -> Self {
        Self { leases, ..self }
    }
}

/// What a policy says.
impl Policy {
    /// The name, unique in its domain.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a request must have.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// The attributes whose values share one allowance.
    #[must_use]
    pub fn partition_attributes(&self) -> &[String] {
        &self.per
    }

    /// Every quota of the policy; all of them can be kept. The first is its own, the others are those of
    /// its tiers.
    #[must_use]
    pub fn quotas(&self) -> &[Quota] {
        &self.quotas
    }

    /// Whether its word counts.
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.enforcement == Enforcement::Shadow
    }

    /// What a denied request is answered.
    #[must_use]
    pub fn rejection(&self) -> OnLimited {
        self.on_limited
    }

    /// What happens while the store cannot decide.
    #[must_use]
    pub fn failure_mode(&self) -> OnStoreFailure {
        self.on_store_failure
    }

    /// Over how many counters a client's allowance is spread.
    #[must_use]
    pub fn shard_count(&self) -> Shards {
        self.shards
    }

    /// Whether instances may borrow in advance.
    #[must_use]
    pub fn lease_mode(&self) -> Leases {
        self.leases
    }

    /// Whether the policy is for this request.
    #[must_use]
    pub fn matches(&self, attributes: &Attributes<'_>) -> bool {
        self.per.iter().all(|name| attributes.get(name).is_some())
            && self.conditions.iter().all(|condition| condition.matches(attributes))
    }

    /// Which of [`Policy::quotas`] holds for this request: that of its tier, or the policy's own for a
    /// request without a tier or with one that the policy does not know.
    #[must_use]
    pub fn quota_for(&self, attributes: &Attributes<'_>) -> usize {
        let tier = attributes.get(Self::TIER);
        let known = |tier: &[u8]| self.tiers.iter().position(|name| name.as_bytes() == tier);
        tier.and_then(known).map_or(0, |tier| tier + 1)
    }

    /// The values whose allowance this request draws on; `None` if one is missing.
    #[must_use]
    pub fn partition<'a>(&self, attributes: &Attributes<'a>) -> Option<Partition<'a>> {
        self.per.iter().map(|name| attributes.get(name)).collect()
    }
}

/// Names are what needs no escaping in keys, metrics, headers and paths.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~@:/".contains(c);
    (1..=128).contains(&name.len()) && name.chars().all(plain)
}
