//! How a counter is named.
//!
//! ```text
//! {drl|alice|3}per-endpoint|sl1s,/search
//!  │   │     │  │            │    └ the other values of the partition, each after a `,`
//!  │   │     │  │            └ quota identity: algorithm and window
//!  │   │     │  └ the limit's name
//!  │   │     └ shard
//!  │   └ the first value of the partition: the client, mostly
//!  └ prefix of this deployment
//! ```
//!
//! The part in braces is the hash tag of Redis Cluster: all limits of one client at one shard live in one
//! slot, so that "per client" and "per client and endpoint" are decided in one atomic step. A client id is any byte string. Bytes with a meaning here (and all unprintable ones) are
//! percent-encoded, ids above [`Keyspace::LONGEST_ID`] bytes become `#` and a 128-bit BLAKE3 hash, and an
//! empty id is `%`: no two lists of values have the same name, and nobody chooses their own slot.

use std::fmt::Write as _;

/// What the counters of one limit have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Keyspace {
    head: String,
    tail: String,
    id: [u64; 2],
}

/// The name of one counter.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    space: &'a Keyspace,
    partition: &'a [&'a [u8]],
    shard: u16,
}

impl Keyspace {
    /// Longer client ids are replaced by a hash, the same on every instance.
    pub const LONGEST_ID: usize = 128;

    /// The counters of the limit `name` with that quota identity, under `prefix`.
    #[must_use]
    pub fn new(prefix: &str, name: &str, quota_identity: &str) -> Self {
        let mut head = String::from("{");
        escape(prefix.as_bytes(), &mut head);
        head.push('|');
        let mut tail = String::from("}");
        escape(name.as_bytes(), &mut tail);
        tail.push('|');
        tail.push_str(quota_identity);
        let hash = hash128(format!("{head}{tail}").as_bytes());
        let half = |from: usize| u64::from_le_bytes(std::array::from_fn(|index| hash[from + index]));
        let id = [half(0), half(8)];
        Self { head, tail, id }
    }

    /// The counter of `partition` at `shard`.
    #[must_use]
    pub fn key<'a>(&'a self, partition: &'a [&'a [u8]], shard: u16) -> Key<'a> {
        Key { space: self, partition, shard }
    }
}

impl<'a> Key<'a> {
    /// The same counter at another shard.
    #[must_use]
    pub fn at_shard(self, shard: u16) -> Self {
        Self { shard, ..self }
    }

    /// The values that share this counter's allowance.
    #[must_use]
    pub fn partition(&self) -> &'a [&'a [u8]] {
        self.partition
    }

    /// The keyspace's name, hashed.
    pub(crate) fn space_id(&self) -> [u64; 2] {
        self.space.id
    }

    pub(crate) fn shard(&self) -> u16 {
        self.shard
    }

    /// Appends the name as stores outside the process know it.
    pub fn render(&self, out: &mut String) {
        let (first, others) = self.partition.split_first().unzip();
        out.push_str(&self.space.head);
        if let Some(first) = first {
            escape(first, out);
        }
        let shard = self.shard;
        let _ = write!(out, "|{shard}"); // writing to a String cannot fail
        out.push_str(&self.space.tail);
        for part in others.into_iter().flatten() {
            out.push(',');
            escape(part, out);
        }
    }

    /// A hash of the partition alone, the same on every instance: where a client's windows start, which
    /// shard it tries first.
    #[must_use]
    pub fn partition_hash(&self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        for part in self.partition {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let bytes = hasher.finalize();
        u64::from_le_bytes(std::array::from_fn(|index| bytes.as_bytes()[index]))
    }
}

fn hash128(bytes: &[u8]) -> [u8; 16] {
    let hash = blake3::hash(bytes);
    std::array::from_fn(|index| hash.as_bytes()[index])
}

fn escape(id: &[u8], out: &mut String) {
    if id.is_empty() {
        out.push('%');
    } else if id.len() > Keyspace::LONGEST_ID {
        out.push('#');
        for byte in hash128(id) {
            let _ = write!(out, "{byte:02x}"); // writing to a String cannot fail
        }
    } else {
        for &byte in id {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' | b':' | b'/' => {
                    out.push(char::from(byte));
                }
                _ => {
                    let _ = write!(out, "%{byte:02X}"); // writing to a String cannot fail
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(partition: &[&[u8]]) -> String {
        let space = Keyspace::new("drl", "per-client", "fw60s");
        let mut out = String::new();
        space.key(partition, 3).render(&mut out);
        out
    }

    #[test]
    fn a_key_reads_as_documented() {
        assert_eq!(render(&[b"alice"]), "{drl|alice|3}per-client|fw60s");
        assert_eq!(render(&[b"alice", b"/search"]), "{drl|alice|3}per-client|fw60s,/search");
        assert_eq!(render(&[]), "{drl||3}per-client|fw60s");
        assert_eq!(render(&[b""]), "{drl|%|3}per-client|fw60s");
    }

    #[test]
    fn nobody_chooses_a_slot_or_reaches_another_client() {
        assert_eq!(render(&[b"a}b{c|0"]), "{drl|a%7Db%7Bc%7C0|3}per-client|fw60s");
        assert_ne!(render(&[b"a,b"]), render(&[b"a", b"b"]));
        assert_ne!(render(&[b"a", b"b_c"]), render(&[b"a_b", b"c"]));
        assert_ne!(render(&[b"%41"]), render(&[b"A"]));
        assert_ne!(render(&[b"", b"a"]), render(&[b"a", b""]));
        assert_ne!(render(&[]), render(&[b""]));
    }

    #[test]
    fn long_ids_are_hashed() {
        let long = vec![b'x'; 1 << 20];
        let key = render(&[&long]);
        assert!(key.len() < 80, "{key}");
        assert_ne!(key, render(&[&long[1..]]));
        let hex = key.split(['#', '|']).nth(2).unwrap();
        assert_ne!(key, render(&[format!("#{hex}").as_bytes()]));
    }
}
