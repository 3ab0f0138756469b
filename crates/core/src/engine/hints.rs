//! Where each client's allowance was found last.

use std::sync::atomic::{AtomicU8, Ordering};

use super::demand::Demand;
use crate::identity::Secret;

/// How many memories there are; clients whose hashes meet share one. A wrong hint costs a round trip,
/// never a wrong decision.
const MEMORIES: usize = 1 << 14;

/// Remembers, per client and limit, at which shard to ask first. Bounded: 16 KiB.
#[derive(Debug)]
pub struct Hints {
    /// `0` is unknown, else the shard plus one.
    shards: Box<[AtomicU8]>,
    /// The instance's own, so that instances start at different shards.
    secret: Secret,
}

/// What is remembered of one demand.
#[derive(Debug)]
pub struct Hint<'a> {
    /// Where to ask first.
    pub shard: u16,
    known: u8,
    memory: &'a AtomicU8,
}

impl Hint<'_> {
    /// Allowance is to be looked for at that shard next time. Without a second hash, and without a write where nothing changes: the memory's cache line stays
    /// with every core.
    pub fn remember(&self, shard: u16) {
        if self.known != encoded(shard) {
            self.memory.store(encoded(shard), Ordering::Relaxed);
        }
    }
}

fn encoded(shard: u16) -> u8 {
    u8::try_from(shard + 1).unwrap_or(0)
}

impl Hints {
    /// No memories yet.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self { shards: (0..MEMORIES).map(|_| AtomicU8::new(0)).collect(), secret }
    }

    /// Where to ask first: at the remembered shard, else at the home shard.
    pub fn first(&self, demand: &Demand<'_>) -> Hint<'_> {
        let hash = self.hash(demand);
        let memory = self.memory(hash);
        let known = memory.load(Ordering::Relaxed);
        let shard = match known {
            0 => u16::try_from((hash >> 32) % u64::from(demand.counters.shards())).unwrap_or(0),
            known => u16::from(known - 1) % demand.counters.shards(),
        };
        Hint { shard, known, memory }
    }

    /// Allowance was found at that shard.
    pub fn remember(&self, demand: &Demand<'_>, shard: u16) {
        self.memory(self.hash(demand)).store(encoded(shard), Ordering::Relaxed);
    }

    fn hash(&self, demand: &Demand<'_>) -> u64 {
        self.secret.quick_hash(&demand.counters.key(demand.partition, 0))
    }

    fn memory(&self, hash: u64) -> &AtomicU8 {
        let index = usize::try_from(hash % MEMORIES as u64).unwrap_or(0);
        &self.shards[index]
    }
}
