//! Where each client's allowance was found last.

use std::sync::atomic::{AtomicU8, Ordering};

use super::demand::Demand;
use crate::identity::Secret;
use crate::shard;

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
            0 => self.home(demand),
            known => u16::from(known - 1) % demand.counters.shards(),
        };
        Hint { shard, known, memory }
    }

    /// Allowance was found at that shard.
    pub fn remember(&self, demand: &Demand<'_>, shard: u16) {
        self.memory(self.hash(demand)).store(encoded(shard), Ordering::Relaxed);
    }

    /// The instance's own for each client: all limits of one client start in one place, where their counters share
    /// a slot.
    fn home(&self, demand: &Demand<'_>) -> u16 {
        let client = demand.partition.first().map_or(&[][..], |first| first);
        shard::home(self.secret.hash(client), demand.counters.shards())
    }

    fn hash(&self, demand: &Demand<'_>) -> u64 {
        self.secret.quick_hash(&demand.counters.key(demand.partition, 0))
    }

    fn memory(&self, hash: u64) -> &AtomicU8 {
        let index = usize::try_from(hash % MEMORIES as u64).unwrap_or(0);
        &self.shards[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Counters;
    use crate::{Algorithm, Quota};

    fn counters(name: &str, shards: u16) -> Counters {
        let quota = Quota::per_second(1_000).algorithm(Algorithm::FixedWindow);
        Counters::new("drl", name, &quota, shards).unwrap()
    }

    fn first(hints: &Hints, counters: &Counters, partition: &[&[u8]]) -> u16 {
        hints.first(&Demand { counters, partition, cost: 1 }).shard
    }

    #[test]
    fn all_limits_of_one_client_start_at_one_shard() {
        let (own, each_endpoint) = (counters("client", 8), counters("endpoint", 8));
        let hints = Hints::new(Secret::known([1, 2]));
        let mut homes = [0; 8];
        for client in 0..800_u32 {
            let client = client.to_le_bytes();
            let home = first(&hints, &own, &[&client]);
            assert_eq!(first(&hints, &each_endpoint, &[&client, b"/search"]), home);
            homes[usize::from(home)] += 1;
        }
        assert!(homes.iter().all(|clients| (60..140).contains(clients)), "{homes:?}");
    }

    #[test]
    fn limits_that_are_cut_differently_start_at_one_shard_as_often_as_can_be() {
        let (wide, narrow) = (counters("client", 8), counters("endpoint", 5));
        let hints = Hints::new(Secret::known([1, 2]));
        for client in 0..800_u32 {
            let client = client.to_le_bytes();
            let [home, other] = [&wide, &narrow].map(|counters| first(&hints, counters, &[&client]));
            assert!(home == other || home >= 5, "{home} and {other}");
        }
    }

    #[test]
    fn instances_start_at_shards_of_their_own() {
        let counters = counters("client", 8);
        let at = |instance| first(&Hints::new(Secret::known([instance, 9])), &counters, &[b"alice"]);
        let homes: std::collections::HashSet<u16> = (0..100).map(at).collect();
        assert_eq!(homes.len(), 8);
    }
}
