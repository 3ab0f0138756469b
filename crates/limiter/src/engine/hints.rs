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
    seed: u64,
}

/// What is remembered of one demand.
#[derive(Debug)]
pub(super) struct Hint<'a> {
    pub(super) shard: u16,
    known: u8,
    memory: &'a AtomicU8,
}

impl Hint<'_> {
    /// Without a second hash, and without a write where nothing changes: the memory's cache line stays
    /// with every core.
    pub(super) fn remember(&self, shard: u16) {
        if self.known != encoded(shard) {
            self.memory.store(encoded(shard), Ordering::Relaxed);
        }
    }
}

fn encoded(shard: u16) -> u8 {
    u8::try_from(shard + 1).unwrap_or(0)
}

impl Hints {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..MEMORIES).map(|_| AtomicU8::new(0)).collect(),
            seed: RandomState::new().hash_one(0_u64),
        }
    }

    /// Where to ask first: at the remembered shard, else at the home shard.
    pub(super) fn first(&self, demand: &Demand<'_>) -> Hint<'_> {
        let hash = self.hash(demand);
        let memory = self.memory(hash);
        let known = memory.load(Ordering::Relaxed);
        let shard = match known {
            0 => u16::try_from((hash >> 32) % u64::from(demand.limit.shards())).unwrap_or(0),
            known => u16::from(known - 1) % demand.limit.shards(),
        };
        Hint { shard, known, memory }
    }

    pub(super) fn remember(&self, demand: &Demand<'_>, shard: u16) {
        self.memory(self.hash(demand)).store(encoded(shard), Ordering::Relaxed);
    }

    fn hash(&self, demand: &Demand<'_>) -> u64 {
        let mut hasher = Mixer(self.seed);
        demand.limit.key(demand.partition, 0).hash_into(&mut hasher);
        hasher.finish()
    }

    fn memory(&self, hash: u64) -> &AtomicU8 {
        let index = usize::try_from(hash % MEMORIES as u64).unwrap_or(0);
        &self.shards[index]
    }
}

/// A hash that is quick and no more: whoever makes two clients meet costs them round trips, which any
/// two of many clients may cost each other. (The standard hasher takes 400 instructions for a short key.)
struct Mixer(u64);

impl Mixer {
    /// Odd, with its bits spread evenly: 2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4).
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
}

impl Hasher for Mixer {
    fn write(&mut self, part: &[u8]) {
        for chunk in part.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let product = (self.0 ^ word).wrapping_mul(Self::FACTOR);
        self.0 = product ^ (product >> 32);
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
