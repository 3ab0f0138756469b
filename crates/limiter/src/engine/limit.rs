//! A limit ready to be asked: a name, a quota cut into shards, and what happens without a store.

use std::sync::Arc;

use drl_core::algorithm::FixedWindow;
use drl_core::check::Ask;
use drl_core::shard::{self, Sharded};
use drl_core::{Key, Keyspace, Quota, Rule};

use super::failure::FailurePolicy;
use crate::error::Error;

/// Over how many counters each client's allowance is spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shards {
    /// Up to 8 in a store that instances share, fewer for small bursts (see [`shard::auto`]); one in the
    /// embedded store.
    #[default]
    Auto,
    /// This many, 1 to 64, or fewer where a part would be empty.
    Fixed(u16),
}

/// How a limit is kept, beside its quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitOptions {
    /// Over how many counters each client's allowance is spread.
    pub shards: Shards,
    /// What happens when the store cannot decide.
    pub on_store_failure: FailurePolicy,
}

/// A limit ready to be asked. Made by [`Engine::limit`](super::Engine::limit); cheap to clone.
#[derive(Clone, Debug)]
pub struct Limit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    space: Keyspace,
    sharded: Sharded,
    spread: bool,
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
        Ok(Self(Arc::new(Inner {
            name: name.into(),
            space: Keyspace::new(scope.prefix, name, &quota.identity()),
            sharded: Sharded::new(rule, shards).map_err(in_limit)?,
            spread: quota.is_spread(),
            on_store_failure: options.on_store_failure,
            local,
        })))
    }

    /// The limit's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The most it admits at once, over all shards.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.0.sharded.whole().capacity()
    }

    pub(super) fn is_queue(&self) -> bool {
        matches!(self.0.sharded.whole(), Rule::Bucket(bucket) if bucket.is_queue())
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.0.name)
    }

    pub(super) fn shards(&self) -> u16 {
        self.0.sharded.shards()
    }

    pub(super) fn part(&self, shard: u16) -> &Rule {
        self.0.sharded.part(shard)
    }

    pub(super) fn on_store_failure(&self) -> FailurePolicy {
        self.0.on_store_failure
    }

    pub(super) fn key<'a>(&'a self, partition: &'a [&'a [u8]], shard: u16) -> Key<'a> {
        self.0.space.key(partition, shard)
    }

    /// The question to one shard.
    pub(super) fn ask<'a>(&'a self, partition: &'a [&'a [u8]], shard: u16, cost: u64) -> Ask<'a> {
        let key = self.key(partition, shard);
        Ask { key, rule: self.phased(*self.part(shard), key), cost }
    }

    /// The question to this instance's own counter, while the store is out of reach.
    pub(super) fn ask_local<'a>(&'a self, partition: &'a [&'a [u8]], cost: u64) -> Ask<'a> {
        let key = self.key(partition, 0);
        Ask { key, rule: self.phased(self.0.local, key), cost }
    }

    fn phased(&self, rule: Rule, key: Key<'_>) -> Rule {
        match rule {
            Rule::FixedWindow(rule) if self.0.spread => {
                Rule::FixedWindow(FixedWindow::with_phase(rule, key.partition_hash()))
            }
            rule => rule,
        }
    }
}
