//! What a counter is called inside a process: a 128-bit keyed hash of its name, instead of the name.
//!
//! Tables that clients can fill are keyed by identities. Who does not know the [`Secret`] can look neither for
//! two names with one identity nor for names that crowd one place of a table.

mod sip;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use self::sip::Sip;
use crate::key::Key;

/// The identity of one counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Id {
    high: u64,
    low: u64,
}

impl Id {
    /// An identity of one's own making, for tests of tables.
    #[must_use]
    pub const fn from_words(high: u64, low: u64) -> Self {
        Self { high, low }
    }

    /// The 128 bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        (self.high as u128) << 64 | self.low as u128
    }

    /// One of `1 << bits` stripes.
    #[inline]
    #[must_use]
    pub fn stripe(self, bits: u32) -> usize {
        reduce(self.high, 1 << bits)
    }

    /// One of `capacity` places in a table, whatever the stripe.
    #[inline]
    #[must_use]
    pub fn home(self, capacity: usize) -> usize {
        reduce(self.low, capacity)
    }

    /// The identity of the same counter at another shard than the first, which is as hard to foresee.
    #[inline]
    fn at_shard(self, shard: u16) -> Self {
        let offset = u64::from(shard).wrapping_mul(SPREAD);
        Self { high: self.high.wrapping_add(offset), low: self.low.wrapping_add(offset) }
    }
}

/// Spreads neighbouring shards over stripes and places: 2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Spreads the bits of a word over all of it: the halves of a product, folded (Steele and Vigna 2021, "Computationally
/// easy, spectrally good multipliers").
#[inline]
fn fold(word: u64) -> u64 {
    let product = u128::from(word) * u128::from(SPREAD);
    let [high, low] = [product >> 64, product & u128::from(u64::MAX)];
    u64::try_from(high ^ low).unwrap_or(0) // 64 bits each, so it fits
}

/// Maps a hash to `0..range` by multiply and shift (Lemire 2019, "Fast random integer generation in an
/// interval"): no division, and the range need not be a power of two.
#[inline]
fn reduce(hash: u64, range: usize) -> usize {
    let scaled = (u128::from(hash) * range as u128) >> 64;
    usize::try_from(scaled).unwrap_or(0) // below `range`, so it fits
}

/// What identities are hashed under.
#[derive(Clone, Debug)]
pub struct Secret([u64; 2]);

impl Secret {
    /// A secret from the operating system's randomness (through [`RandomState`], whose keyed hashes of
    /// two constants are as unpredictable as its key).
    #[must_use]
    pub fn random() -> Self {
        let random = RandomState::new();
        Self([random.hash_one(0_u64), random.hash_one(1_u64)])
    }

    /// A secret that everybody knows, for tests that are to run the same way each time.
    #[must_use]
    pub const fn known(words: [u64; 2]) -> Self {
        Self(words)
    }

    /// The identity of a counter.
    ///
    /// Each keyspace has a key of its own: the secret and the keyspace's id, which is a hash that no client
    /// chooses. So only the partition's values are fed to the hash. Shards need no hashing either: two
    /// identities that are random are no likelier to meet at a known distance than at none.
    #[inline]
    #[must_use]
    pub fn id(&self, key: &Key<'_>) -> Id {
        let space = key.space_id();
        let mut sip = Sip::new([self.0[0] ^ space[0], self.0[1] ^ space[1]]);
        if let Some((first, others)) = key.partition().split_first() {
            sip.part(first);
            for part in others {
                sip.boundary();
                sip.part(part);
            }
        }
        let [high, low] = sip.finish();
        Id { high, low }.at_shard(key.shard())
    }

    /// A hash of the counter's partition in a fifth of the time, for tables where it does no harm if somebody finds
    /// out which clients meet.
    #[inline]
    #[must_use]
    pub fn quick_hash(&self, key: &Key<'_>) -> u64 {
        key.partition().iter().fold(self.0[0] ^ key.space_id()[0], |mut hash, part| {
            let mut rest = *part;
            while let Some((word, others)) = rest.split_first_chunk::<8>() {
                hash = fold(hash ^ u64::from_le_bytes(*word));
                rest = others;
            }
            fold(hash ^ sip::tail(part, rest.len()) ^ (part.len() as u64) << 56)
        })
    }

    /// A hash of one value, whatever the keyspace.
    #[must_use]
    pub(crate) fn hash(&self, value: &[u8]) -> u64 {
        let mut sip = Sip::new(self.0);
        sip.part(value);
        let [hash, _] = sip.finish();
        hash
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::key::Keyspace;

    #[test]
    fn no_two_names_are_one_counter() {
        let secret = Secret::random();
        let spaces = ["fw60s", "tb60s"].map(|quota| Keyspace::new("drl", "per-client", quota));
        let ids: [&[u8]; 9] =
            [b"", b"\0", b"\0\0", b"a", b"a\0", b"aaaaaaaa", b"aaaaaaa", b"aaaaaaaa\0", &[b'a'; 256]];
        let mut partitions: Vec<Vec<&[u8]>> = vec![vec![]];
        partitions.extend(ids.iter().map(|&id| vec![id]));
        partitions.extend(ids.iter().flat_map(|&one| ids.iter().map(move |&other| vec![one, other])));
        let mut seen = HashSet::new();
        for space in &spaces {
            for partition in &partitions {
                for shard in 0..3 {
                    let id = secret.id(&space.key(partition, shard));
                    assert!(seen.insert(id), "{partition:?} at {shard}");
                }
            }
        }
    }

    #[test]
    fn the_end_of_a_value_is_no_byte_that_another_value_could_hold() {
        let (secret, space) = (Secret::random(), Keyspace::new("drl", "per-client", "fw60s"));
        let tail = u64::from_le_bytes(*b"abc\0\0\0\0\x03").to_le_bytes(); // what `abc` is fed as
        assert_ne!(secret.id(&space.key(&[b"abc", b""], 0)), secret.id(&space.key(&[&tail], 0)));
    }

    #[test]
    fn the_shards_of_one_client_are_spread_over_stripes() {
        let (secret, space) = (Secret::random(), Keyspace::new("drl", "per-client", "fw60s"));
        for client in 0..100_u8 {
            let stripes: HashSet<usize> =
                (0..8).map(|shard| secret.id(&space.key(&[&[client]], shard)).stripe(10)).collect();
            assert_eq!(stripes.len(), 8);
        }
    }

    #[test]
    fn quick_hashes_spread_clients_over_any_part_of_their_bits() {
        let (secret, space) = (Secret::known([7, 9]), Keyspace::new("drl", "per-client", "fw60s"));
        let mut counts = [[0_u32; 16]; 3];
        for client in 0..16_000 {
            let id = format!("client-{client:08}");
            let hash = secret.quick_hash(&space.key(&[id.as_bytes()], 0));
            for (count, shift) in counts.iter_mut().zip([0, 32, 60]) {
                count[usize::try_from(hash >> shift & 15).unwrap()] += 1;
            }
        }
        assert!(counts.iter().flatten().all(|&count| (850..1_150).contains(&count)), "{counts:?}");
    }

    #[test]
    fn every_secret_gives_other_identities() {
        let space = Keyspace::new("drl", "per-client", "fw60s");
        let key = space.key(&[b"alice"], 0);
        assert_ne!(Secret::random().id(&key), Secret::random().id(&key));
    }
}
