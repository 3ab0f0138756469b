//! One policy, checked.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::attributes::Attributes;
use super::axis::{Axis, Spellings};
use super::condition::Condition;
use super::error::PolicyError;
use super::terms::{Action, Enforcement, OnLimited, OnStoreFailure};
use crate::engine::Leases;
use crate::quota::Quota;
use crate::shard::{MAX_SHARDS, Shards};

/// The values that share one allowance: those of the attributes a policy counts by.
pub type Partition<'a> = SmallVec<[&'a [u8]; 2]>;

/// Which quota a value has. Fixed keys: the operator writes the names, so nobody can flood the table.
type Named = HashMap<Box<[u8]>, usize, BuildHasherDefault<DefaultHasher>>;

/// What a request draws on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance<'a> {
    /// Which of [`Policy::quotas`] holds for it.
    pub quota: usize,
    /// The values that share the allowance.
    pub partition: Partition<'a>,
}

/// The requests it is for, the limit they are held to (or that they are let pass or refused at once), and what
/// happens when it says no.
///
/// ```
/// use drl_core::Quota;
/// use drl_core::policy::{Attributes, Condition, Pattern, Policy, Spellings};
///
/// let policy = Policy::new("search", Quota::per_minute(100))?
///     .matching(Condition::new("endpoint", [Pattern::new("/search/*")])?)?
///     .per(["client"])?
///     .tier("pro", Quota::per_minute(600))?
///     .clients([("bob".to_owned(), Quota::per_minute(5))])?;
/// let request = [("client", &b"alice"[..]), ("endpoint", b"/search/x"), ("tier", b"pro")];
/// let attributes = Attributes::new(request)?;
/// assert!(policy.matches(&attributes));
/// let spellings = Spellings::default(); // nothing is counted by address
/// let allowance = policy.allowance(&attributes, &spellings).unwrap();
/// assert_eq!(policy.quotas()[allowance.quota].limit(), 600);
/// assert_eq!(*allowance.partition, [b"alice"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    name: String,
    conditions: Vec<Condition>,
    per: Vec<Axis>,
    action: Action,
    /// The policy's own quota first. None, if it counts nothing.
    quotas: Vec<Quota>,
    tiers: Arc<Named>,
    clients: Arc<Named>,
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
        let policy = Self::with(name, Action::Limit, vec![quota])?;
        quota.rule()?;
        Ok(policy)
    }

    /// A policy that lets every request pass, whatever limits say.
    ///
    /// # Errors
    /// If the name cannot be one.
    pub fn allow(name: &str) -> Result<Self, PolicyError> {
        Self::with(name, Action::Allow, Vec::new())
    }

    /// A policy that refuses every request.
    ///
    /// # Errors
    /// If the name cannot be one.
    pub fn deny(name: &str) -> Result<Self, PolicyError> {
        Self::with(name, Action::Deny, Vec::new())
    }

    fn with(name: &str, action: Action, quotas: Vec<Quota>) -> Result<Self, PolicyError> {
        if !is_name(name) {
            return Err(PolicyError::Name(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            conditions: Vec::new(),
            per: Vec::new(),
            action,
            quotas,
            tiers: Arc::default(),
            clients: Arc::default(),
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
    /// If there is a condition for this attribute already, or more than a request has attributes.
    pub fn matching(mut self, condition: Condition) -> Result<Self, PolicyError> {
        if self.conditions.len() == Attributes::MOST {
            return Err(PolicyError::TooManyAttributes);
        }
        if self.conditions.iter().any(|other| other.attribute() == condition.attribute()) {
            return Err(PolicyError::DuplicateAttribute(condition.attribute().to_owned()));
        }
        self.conditions.push(condition);
        Ok(self)
    }

    /// Counts apart what differs in these attributes, which a request must have to match.
    ///
    /// # Errors
    /// If an attribute is there twice or has no name, there are more than a request has, or the policy counts
    /// nothing.
    pub fn per<A: Into<Axis>>(mut self, axes: impl IntoIterator<Item = A>) -> Result<Self, PolicyError> {
        self.counts("per")?;
        for axis in axes.into_iter().map(Into::into) {
            if axis.attribute().is_empty() {
                return Err(PolicyError::NamelessAttribute);
            }
            if self.per.iter().any(|other| other.attribute() == axis.attribute()) {
                return Err(PolicyError::DuplicateAttribute(axis.attribute().to_owned()));
            }
            if self.per.len() == Attributes::MOST {
                return Err(PolicyError::TooManyAttributes);
            }
            self.per.push(axis);
        }
        Ok(self)
    }

    /// The quota of requests whose attribute [`Policy::TIER`] has this value.
    ///
    /// # Errors
    /// As [`Policy::tiers`].
    pub fn tier(self, name: &str, quota: Quota) -> Result<Self, PolicyError> {
        self.tiers([(name.to_owned(), quota)])
    }

    /// The quotas of requests by the value of their attribute [`Policy::TIER`].
    ///
    /// # Errors
    /// If a tier is there already, its quota cannot be kept, or the policy counts nothing.
    pub fn tiers(mut self, tiers: impl IntoIterator<Item = (String, Quota)>) -> Result<Self, PolicyError> {
        self.counts("tiers")?;
        let table = Arc::make_mut(&mut self.tiers);
        let mut quotas = Quotas::after(&mut self.quotas);
        for (name, quota) in tiers {
            if table.insert(name.as_bytes().into(), quotas.place(quota)?).is_some() {
                return Err(PolicyError::DuplicateTier(name));
            }
        }
        Ok(self)
    }

    /// The quotas of single clients, whatever their tier: by the value of the first attribute that the policy
    /// counts by.
    ///
    /// # Errors
    /// If a client is there already, its quota cannot be kept, or the policy counts by no attribute or nothing.
    pub fn clients(
        mut self,
        clients: impl IntoIterator<Item = (String, Quota)>,
    ) -> Result<Self, PolicyError> {
        self.counts("clients")?;
        let Some(axis) = self.per.first() else { return Err(PolicyError::ClientsOfNobody) };
        let table = Arc::make_mut(&mut self.clients);
        let mut quotas = Quotas::after(&mut self.quotas);
        for (name, quota) in clients {
            let counted = axis.spelling(name.as_bytes());
            let value = counted.as_deref().unwrap_or(&name).as_bytes();
            if table.insert(value.into(), quotas.place(quota)?).is_some() {
                return Err(PolicyError::DuplicateClient(name));
            }
        }
        Ok(self)
    }

    fn counts(&self, key: &'static str) -> Result<(), PolicyError> {
        match self.action {
            Action::Limit => Ok(()),
            action => Err(PolicyError::Idle { key, action }),
        }
    }

    /// Whether its word counts.
    #[must_use]
    pub fn enforcement(self, enforcement: Enforcement) -> Self {
        Self { enforcement, ..self }
    }

    /// What a denied request is answered.
    ///
    /// # Errors
    /// If a status is not an error status, a wait is none, too long or in vain, or nobody is denied.
    pub fn on_limited(self, on_limited: OnLimited) -> Result<Self, PolicyError> {
        match on_limited {
            _ if self.action == Action::Allow => {
                Err(PolicyError::Idle { key: "on_limited", action: self.action })
            }
            OnLimited::Wait(_) if self.action == Action::Deny => Err(PolicyError::WaitInVain),
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

    /// What it does with the requests that it matches.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// The attributes whose values share one allowance.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.per
    }

    /// Every quota of the policy; all of them can be kept. The first is its own, the others are those of
    /// its tiers and clients. A policy that counts nothing has none.
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
        self.per.iter().all(|axis| attributes.get(axis.attribute()).is_some())
            && self.conditions.iter().all(|condition| condition.matches(attributes))
    }

    /// What a request draws on: the quota of its client if that has one of its own, else that of its tier, else
    /// the policy's own. `None` if an attribute is missing or the policy counts nothing.
    #[must_use]
    pub fn allowance<'s, 'a: 's>(
        &self,
        attributes: &Attributes<'a>,
        spellings: &'s Spellings,
    ) -> Option<Allowance<'s>> {
        let partition: Option<Partition<'s>> =
            self.per.iter().map(|axis| axis.value(attributes, spellings)).collect();
        let partition = partition.filter(|_| !self.quotas.is_empty())?;
        let client = partition.first().and_then(|client| self.clients.get(*client)).copied();
        let quota = client.or_else(|| self.tier_of(attributes)).unwrap_or(0);
        Some(Allowance { quota, partition })
    }

    fn tier_of(&self, attributes: &Attributes<'_>) -> Option<usize> {
        self.tiers.get(attributes.get(Self::TIER)?).copied()
    }
}

/// Quotas being added to a policy's. Those that are alike have one place, since every place is a limit to be made:
/// a hundred thousand clients have few different ones.
struct Quotas<'p> {
    list: &'p mut Vec<Quota>,
    places: HashMap<Quota, usize>,
}

impl<'p> Quotas<'p> {
    fn after(list: &'p mut Vec<Quota>) -> Self {
        Self { list, places: HashMap::new() }
    }

    fn place(&mut self, quota: Quota) -> Result<usize, PolicyError> {
        quota.rule()?;
        Ok(*self.places.entry(quota).or_insert_with(|| {
            self.list.push(quota);
            self.list.len() - 1
        }))
    }
}

/// Names are what needs no escaping in keys, metrics, headers and paths.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~@:/".contains(c);
    (1..=128).contains(&name.len()) && name.chars().all(plain)
}
