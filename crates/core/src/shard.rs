//! One allowance split over many counters.
//!
//! No client's allowance lives in one central counter: it is cut into shards whose limits add up to the
//! limit **exactly**, so what the shards admit together can never be above it.

use std::fmt;
use std::str::FromStr;

use crate::algorithm::Rule;
use crate::quota::QuotaError;

/// The most counters one allowance is split over.
pub const MAX_SHARDS: u16 = 64;
/// What `auto` uses for stores outside the process, where the limit is large enough.
pub const AUTO_SHARDS: u16 = 8;
/// The burst that `auto` leaves each shard of a bucket: a shard that is full stops refilling, and what
/// is left over of a token in each is out of reach, so small bursts are not cut up.
const AUTO_BURST: u64 = 8;

/// Over how many counters each client's allowance is spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Shards {
    /// Up to 8 in a store that instances share, fewer for small bursts (see [`auto`]); one in the embedded
    /// store.
    #[default]
    Auto,
    /// This many, 1 to 64, or fewer where a part would be empty.
    Fixed(u16),
}

impl FromStr for Shards {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(shards @ 1..=MAX_SHARDS) => Ok(Self::Fixed(shards)),
            _ => Err(format!("neither `auto` nor 1 to {MAX_SHARDS}")),
        }
    }
}

impl fmt::Display for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(shards) => shards.fmt(f),
        }
    }
}

/// A limit cut into shards. Each shard has its own rule; the rules differ by one token at the most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharded {
    whole: Rule,
    /// The rules of the larger and of the smaller shards, in this order.
    parts: [Rule; 2],
    larger: u16,
    shards: u16,
}

/// How many shards `auto` gives a rule in a store outside the process.
#[must_use]
pub fn auto(rule: &Rule) -> u16 {
    let wanted = match rule {
        Rule::Bucket(bucket) if bucket.is_queue() => 1,
        Rule::Bucket(bucket) => bucket.capacity() / AUTO_BURST,
        _ => rule.capacity(),
    };
    u16::try_from(wanted).unwrap_or(u16::MAX).clamp(1, AUTO_SHARDS)
}

/// Where to look first for what that hash stands for: at one shard as likely as at another, and over more shards
/// at the same one or at one of those that are new. So limits that are cut differently have the same home as often
/// as can be. (Lamping and Veach 2014, "A fast, minimal memory, consistent hash algorithm")
pub(crate) fn home(mut hash: u64, shards: u16) -> u16 {
    let (mut home, mut next) = (0, 0);
    while next < u64::from(shards) {
        home = next;
        hash = hash.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((home + 1) << 31) / ((hash >> 33) + 1);
    }
    u16::try_from(home).unwrap_or(0) // below `shards`, so it fits
}

impl Sharded {
    /// Cuts `rule` into `shards` parts, or fewer where a part would be empty. A queue is never cut: its
    /// spacing is the point.
    ///
    /// # Errors
    /// If a part's rate is too slow for the arithmetic.
    pub fn new(rule: Rule, shards: u16) -> Result<Self, QuotaError> {
        let most = match rule {
            Rule::Bucket(bucket) if bucket.is_queue() => 1,
            _ => rule.capacity(),
        };
        let shards = u64::from(shards.clamp(1, MAX_SHARDS)).min(most);
        let (share, larger) = (rule.capacity() / shards, rule.capacity() % shards);
        let part = |capacity: u64| -> Result<Rule, QuotaError> {
            Ok(match rule {
                _ if shards == 1 => rule,
                Rule::FixedWindow(rule) => Rule::FixedWindow(rule.with_limit(capacity)),
                Rule::SlidingLog(rule) => Rule::SlidingLog(rule.with_limit(capacity)),
                Rule::SlidingWindow(rule) => Rule::SlidingWindow(rule.with_limit(capacity)),
                Rule::Bucket(rule) => Rule::Bucket(rule.part(shards, capacity)?),
            })
        };
        Ok(Self {
            whole: rule,
            parts: [part(share + u64::from(larger > 0))?, part(share)?],
            larger: u16::try_from(larger).unwrap_or(0),
            shards: u16::try_from(shards).unwrap_or(1),
        })
    }

    /// The limit before it was cut.
    #[must_use]
    pub fn whole(&self) -> &Rule {
        &self.whole
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// The rule of one shard.
    #[must_use]
    pub fn part(&self, shard: u16) -> &Rule {
        &self.parts[usize::from(shard >= self.larger)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Quota};

    #[test]
    fn the_shards_add_up_to_the_limit_exactly() {
        for algorithm in Algorithm::ALL {
            for limit in [1, 2, 7, 8, 9, 63, 64, 100, 1_000, 599_999_999] {
                for shards in [1, 2, 3, 8, 64] {
                    let rule = Quota::per_minute(limit).algorithm(algorithm).rule().unwrap();
                    let sharded = Sharded::new(rule, shards).unwrap();
                    let sum: u64 = (0..sharded.shards()).map(|shard| sharded.part(shard).capacity()).sum();
                    assert_eq!(sum, rule.capacity(), "{algorithm} {limit} over {shards}");
                    assert!((0..sharded.shards()).all(|shard| sharded.part(shard).capacity() > 0));
                }
            }
        }
    }

    #[test]
    fn the_shards_of_a_bucket_share_its_rate() {
        let Rule::Bucket(whole) = Quota::per_minute(100).rule().unwrap() else { panic!("a bucket") };
        let sharded = Sharded::new(Rule::Bucket(whole), 8).unwrap();
        let Rule::Bucket(part) = sharded.part(0) else { panic!("a bucket") };
        let (rate, whole) = (part.rate(), whole.rate());
        assert_eq!(rate.per * 8 * whole.every, whole.per * rate.every);
    }

    #[test]
    fn homes_are_spread_evenly_and_stay_where_they_are_over_more_shards() {
        let hash = |client: u64| client.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for shards in 1..=MAX_SHARDS {
            let mut clients = vec![0; usize::from(shards)];
            for client in 0..64_000 {
                let at = home(hash(client), shards);
                clients[usize::from(at)] += 1;
                let before = home(hash(client), shards.max(2) - 1);
                assert!(shards == 1 || at == before || at == shards - 1);
            }
            let fair = 64_000 / i32::from(shards);
            assert!(clients.iter().all(|count| (fair * 4 / 5..=fair * 6 / 5).contains(count)), "{clients:?}");
        }
    }

    #[test]
    fn auto_leaves_small_buckets_whole() {
        let shards = |quota: Quota| auto(&quota.rule().unwrap());
        assert_eq!(shards(Quota::per_minute(100)), 8);
        assert_eq!(shards(Quota::per_minute(100).burst(20)), 2);
        assert_eq!(shards(Quota::per_minute(5)), 1);
        assert_eq!(shards(Quota::per_minute(5).algorithm(Algorithm::FixedWindow)), 5);
        assert_eq!(shards(Quota::per_minute(100).algorithm(Algorithm::LeakyBucketQueue)), 1);
    }
}
