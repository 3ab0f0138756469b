//! Where each client's allowance was found last.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU8, Ordering};

use super::Demand;

/// How many memories there are; clients whose hashes meet share one. A wrong hint costs a round trip,
/// never a wrong decision.
const MEMORIES: usize = 1 << 14;

/// Remembers, per client and limit, at which shard to ask first. Bounded: 16 KiB.
#[derive(Debug)]
pub(super) struct Hints {
    /// `0` is unknown, else the shard plus one.
    shards: Box<[AtomicU8]>,
    /// Random per instance, so that instances start at different shards.
    hasher: RandomState,
}

impl Hints {
    pub(super) fn new() -> Self {
        Self { shards: (0..MEMORIES).map(|_| AtomicU8::new(0)).collect(), hasher: RandomState::new() }
    }

    /// The shard to ask first: the remembered one, else the home shard.
    pub(super) fn first(&self, demand: &Demand<'_>) -> u16 {
        let hash = self.hash(demand);
        match self.memory(hash).load(Ordering::Relaxed) {
            0 => u16::try_from((hash >> 32) % u64::from(demand.limit.shards())).unwrap_or(0),
            known => u16::from(known - 1) % demand.limit.shards(),
        }
    }

    pub(super) fn remember(&self, demand: &Demand<'_>, shard: u16) {
        let known = u8::try_from(shard + 1).unwrap_or(0);
        self.memory(self.hash(demand)).store(known, Ordering::Relaxed);
    }

    fn hash(&self, demand: &Demand<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        demand.limit.key(demand.partition, 0).hash_into(&mut hasher);
        hasher.finish()
    }

    fn memory(&self, hash: u64) -> &AtomicU8 {
        let index = usize::try_from(hash % MEMORIES as u64).unwrap_or(0);
        &self.shards[index]
    }
}
