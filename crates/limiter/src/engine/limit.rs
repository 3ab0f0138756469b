//! A limit ready to be asked: a name, a quota cut into shards, and what happens without a store.

use std::sync::Arc;

use drl_core::check::Ask;
use drl_core::engine::{Counters, Leases};
use drl_core::shard::{self, Sharded, Shards};
use drl_core::{Micros, Quota, Rule};

use super::failure::FailurePolicy;
use crate::error::Error;

/// How a limit is kept, beside its quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitOptions {
    /// Over how many counters each client's allowance is spread.
    pub shards: Shards,
    /// Whether instances may borrow in advance.
    pub leases: Leases,
    /// What happens when the store cannot decide.
    pub on_store_failure: FailurePolicy,
}

/// A limit ready to be asked. Made by [`Engine::limit`](super::Engine::limit); cheap to clone.
#[derive(Clone, Debug)]
pub struct Limit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    counters: Counters,
    /// The longest life of a lease; zero if there is none.
    lease: Micros,
    on_store_failure: FailurePolicy,
    local: Rule,
}

/// The deployment a limit belongs to.
pub(super) struct Scope<'a> {
    pub(super) prefix: &'a str,
    pub(super) shared: bool,
}

impl Limit {
    pub(super) fn new(
        scope: &Scope<'_>,
        name: &str,
        quota: Quota,
        options: LimitOptions,
    ) -> Result<Self, Error> {
        let in_limit = |error| Error::config(format!("limit `{name}`: {error}"));
        let rule = quota.rule().map_err(in_limit)?;
        let shards = match options.shards {
            Shards::Auto if scope.shared => shard::auto(&rule),
            Shards::Auto => 1,
            Shards::Fixed(shards @ 1..=shard::MAX_SHARDS) => shards,
            Shards::Fixed(shards) => {
                return Err(Error::config(format!("limit `{name}`: {shards} shards are not 1 to 64")));
            }
        };
        let local = match options.on_store_failure {
            FailurePolicy::Local { instances } => {
                let shares = Sharded::new(rule, instances.get()).map_err(in_limit)?;
                if shares.shards() != instances.get() {
                    let reason = format!("limit `{name}` cannot be divided between {instances} instances");
                    return Err(Error::config(reason));
                }
                *shares.part(shares.shards() - 1)
            }
            _ => rule,
        };
        let counters = Counters::new(scope.prefix, name, &quota, shards).map_err(in_limit)?;
        let lease = match options.leases {
            Leases::Auto => counters.longest_lease(),
            Leases::Off => Micros::ZERO,
        };
        let on_store_failure = options.on_store_failure;
        Ok(Self(Arc::new(Inner { name: name.into(), counters, lease, on_store_failure, local })))
    }

    /// The limit's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether the other is this very limit, or a clone of it.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The most it admits at once, over all shards.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.0.counters.capacity()
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// The longest life of a lease; zero if nothing is to be borrowed.
    pub(super) fn lease(&self) -> Micros {
        self.0.lease
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.0.name)
    }

    pub(super) fn on_store_failure(&self) -> FailurePolicy {
        self.0.on_store_failure
    }

    /// The question to this instance's own counter, while the store is out of reach.
    pub(super) fn ask_local<'a>(&'a self, partition: &'a [&'a [u8]], cost: u64) -> Ask<'a> {
        let key = self.0.counters.key(partition, 0);
        Ask { key, rule: self.0.counters.phased(self.0.local, &key), cost }
    }
}
