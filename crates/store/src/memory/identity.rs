//! Who a slot belongs to: a 128-bit keyed hash of the counter's name, instead of the name.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use drl_core::Key;

use super::sip::WordSip;

/// The identity of one counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Id {
    /// Its upper bits choose the stripe.
    high: u64,
    /// Its upper bits choose the place in the stripe's table.
    low: u64,
}

impl Id {
    /// The stripe, of `1 << bits`.
    pub(super) fn stripe(self, bits: u32) -> usize {
        reduce(self.high, 1 << bits)
    }

    /// The place in a table of `capacity` slots.
    pub(super) fn home(self, capacity: usize) -> usize {
        reduce(self.low, capacity)
    }

    #[cfg(test)]
    pub(super) fn from_words(high: u64, low: u64) -> Self {
        Self { high, low }
    }
}

/// Maps a hash to `0..range` by multiply and shift (Lemire 2019, "Fast random integer generation in an
/// interval"): no division, and the range need not be a power of two.
fn reduce(hash: u64, range: usize) -> usize {
    let scaled = (u128::from(hash) * range as u128) >> 64;
    usize::try_from(scaled).unwrap_or(0) // below `range`, so it fits
}

/// The secret of one store. Without it nobody can look for two names with one identity, nor for names
/// that crowd one stripe.
#[derive(Debug)]
pub(super) struct Secret(WordSip);

impl Secret {
    /// A secret from the operating system's randomness (through [`RandomState`], whose keyed hashes of
    /// two constants are as unpredictable as its key).
    pub(super) fn random() -> Self {
        let random = RandomState::new();
        Self(WordSip::new([random.hash_one(0_u64), random.hash_one(1_u64)]))
    }

    #[cfg(test)]
    pub(super) fn fixed() -> Self {
        Self(WordSip::new([1, 2]))
    }

    #[inline]
    pub(super) fn id(&self, key: &Key<'_>) -> Id {
        let mut hasher = self.0;
        key.hash_into(&mut hasher);
        let [high, low] = hasher.finish128();
        Id { high, low }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use drl_core::Keyspace;

    use super::*;

    #[test]
    fn no_two_names_are_one_counter() {
        let secret = Secret::random();
        let spaces = ["fw60s", "tb60s"].map(|quota| Keyspace::new("drl", "per-client", quota));
        let ids: [&[u8]; 8] = [b"", b"\0", b"\0\0", b"a", b"a\0", b"aaaaaaaa", b"aaaaaaa", b"aaaaaaaa\0"];
        let mut partitions: Vec<Vec<&[u8]>> = vec![vec![]];
        partitions.extend(ids.iter().map(|&id| vec![id]));
        partitions.extend(ids.iter().flat_map(|&one| ids.iter().map(move |&other| vec![one, other])));
        let mut seen = HashSet::new();
        for space in &spaces {
            for partition in &partitions {
                for shard in 0..3 {
                    let id = secret.id(&space.key(partition, shard));
                    assert!(seen.insert((id.high, id.low)), "{partition:?} at {shard}");
                }
            }
        }
    }

    #[test]
    fn every_store_has_its_own_secret() {
        let space = Keyspace::new("drl", "per-client", "fw60s");
        let key = space.key(&[b"alice"], 0);
        assert_ne!(Secret::random().id(&key), Secret::random().id(&key));
    }
}
