//! What a request asks of an instance: limits, each over all of its shards.

use smallvec::{SmallVec, smallvec};

use crate::algorithm::Rule;
use crate::check::{Ask, Check, Mode};
use crate::decision::{Leased, Outcome, Retry};
use crate::identity::Secret;
use crate::key::{Key, Keyspace};
use crate::quota::{Quota, QuotaError};
use crate::shard::Sharded;
use crate::time::{Micros, Timestamp};

/// The counters of one limit: how they are named, and the rule that each shard is held to.
#[derive(Clone, Debug)]
pub struct Counters {
    space: Keyspace,
    sharded: Sharded,
    spread: bool,
}

/// One limit's part in a request.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// The limit.
    pub counters: &'a Counters,
    /// The values that share one allowance: client ids, endpoints. Any bytes.
    pub partition: &'a [&'a [u8]],
    /// What the request costs here. Zero charges nothing.
    pub cost: u64,
}

/// Costs charged at shards.
pub type Picks = SmallVec<[(u16, u64); 1]>;

/// What one demand came to, over all of its shards.
#[derive(Clone, Debug)]
pub struct Found {
    /// What all shards say together.
    pub outcome: Outcome,
    /// Where the cost was charged; empty if nothing was.
    pub picks: Picks,
}

/// What a request came to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whether it may go on.
    pub allowed: bool,
    /// What was charged to each limit.
    pub granted: u64,
    /// When, on the store's clock; of tokens that were borrowed, the last moment at which they could be spent.
    pub at: Timestamp,
    /// One for each demand; none where the caller only asked whether.
    pub found: Vec<Found>,
    /// Whether it was paid with borrowed tokens.
    pub borrowed: bool,
}

/// Borrowed tokens: the same number of every demand, each from one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loan {
    /// How many, and for how long.
    pub leased: Leased,
    /// When, on the store's clock.
    pub at: Timestamp,
    /// For each demand the shard that lent.
    pub shards: SmallVec<[u16; 2]>,
}

/// Borrowed tokens that were not spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unspent {
    /// How many.
    pub tokens: u64,
    /// The last moment at which they could have been.
    pub last: Timestamp,
    /// For each demand the shard that lent.
    pub shards: SmallVec<[u16; 2]>,
}

impl Counters {
    /// The counters of the limit `name` under `prefix`, over that many shards, or fewer where a part would be
    /// empty.
    ///
    /// # Errors
    /// If the quota makes no sense, or a shard's part of it.
    pub fn new(prefix: &str, name: &str, quota: &Quota, shards: u16) -> Result<Self, QuotaError> {
        let space = Keyspace::new(prefix, name, &quota.identity());
        Ok(Self { space, sharded: Sharded::new(quota.rule()?, shards)?, spread: quota.is_spread() })
    }

    /// The rule before it was cut.
    #[must_use]
    pub fn whole(&self) -> &Rule {
        self.sharded.whole()
    }

    /// The most it admits at once, over all shards.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.whole().capacity()
    }

    /// How many shards there are.
    #[inline]
    #[must_use]
    pub fn shards(&self) -> u16 {
        self.sharded.shards()
    }

    /// The rule of one shard.
    #[inline]
    #[must_use]
    pub fn part(&self, shard: u16) -> &Rule {
        self.sharded.part(shard)
    }

    /// Whether admitted requests wait for their turn.
    #[must_use]
    pub fn is_queue(&self) -> bool {
        matches!(self.whole(), Rule::Bucket(bucket) if bucket.is_queue())
    }

    /// The longest life of a lease: zero if nothing is lent.
    #[must_use]
    pub fn longest_lease(&self) -> Micros {
        let smallest = self.part(self.shards() - 1).longest_lease();
        if self.is_queue() { Micros::ZERO } else { smallest.min(self.part(0).longest_lease()) }
    }

    /// The name of one counter.
    #[inline]
    #[must_use]
    pub fn key<'a>(&'a self, partition: &'a [&'a [u8]], shard: u16) -> Key<'a> {
        self.space.key(partition, shard)
    }

    /// The rule as it holds for that counter: a client's fixed windows may start at a time of their own.
    #[must_use]
    pub fn phased(&self, rule: Rule, key: &Key<'_>) -> Rule {
        match rule {
            Rule::FixedWindow(rule) if self.spread => {
                Rule::FixedWindow(rule.with_phase(key.partition_hash()))
            }
            rule => rule,
        }
    }
}

impl<'a> Demand<'a> {
    /// The question to one shard.
    #[inline]
    #[must_use]
    pub fn ask(&self, shard: u16, cost: u64) -> Ask<'a> {
        let (key, rule) = (self.counters.key(self.partition, shard), self.counters.part(shard));
        if self.counters.spread {
            return Ask { key, rule: self.counters.phased(*rule, &key), cost };
        }
        Ask { key, rule: *rule, cost } // copied once: a copy of a copy waits for the first to be written
    }

    /// Gives back what was charged at a shard.
    #[must_use]
    pub fn give_back(&self, shard: u16, cost: u64, mode: Mode) -> Check<'a> {
        Check { asks: smallvec![self.ask(shard, cost)], mode }
    }
}

impl Answer {
    /// When all demands fit.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.found.iter().fold(Retry::Now, |retry, found| retry.later(found.outcome.retry))
    }

    /// What has to be asked so that what it was charged comes back.
    pub fn undo<'a>(&self, demands: &'a [Demand<'a>]) -> impl Iterator<Item = Check<'a>> {
        let mode = if self.borrowed { Mode::Return(self.at) } else { Mode::Refund(self.at) };
        demands.iter().zip(&self.found).flat_map(move |(demand, found)| {
            found.picks.iter().map(move |&(shard, cost)| demand.give_back(shard, cost, mode))
        })
    }
}

impl Unspent {
    /// What has to be asked so that the tokens come back.
    pub fn checks<'a>(&self, demands: &'a [Demand<'a>]) -> impl Iterator<Item = Check<'a>> {
        let (tokens, mode) = (self.tokens, Mode::Return(self.last));
        demands
            .iter()
            .zip(self.shards.clone())
            .map(move |(demand, shard)| demand.give_back(shard, tokens, mode))
    }
}

/// The two halves of a name, each as random as the other.
pub(super) fn halves(name: u128) -> [u64; 2] {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0); // 64 bits, so it fits
    [half(name >> 64), half(name)]
}

/// A factor that is odd and spreads its bits: 2^128 divided by the golden ratio (Knuth, TAOCP 3, 6.4).
const SPREAD: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;

/// The name of everything that is demanded together, under a secret that no client knows. Who is held to
/// another limit on the same counters, be it only to another rate, has another name.
#[inline]
#[must_use]
pub fn name<'a>(demands: impl IntoIterator<Item = Demand<'a>>, secret: &Secret) -> u128 {
    demands.into_iter().fold(0, |name: u128, demand| {
        let id = secret.id(&demand.counters.key(demand.partition, 0)).bits();
        let salted = id.wrapping_add(terms(demand.counters.whole()).wrapping_mul(SPREAD));
        name.rotate_left(41).wrapping_add(salted)
    })
}

/// What a limit comes to, of those whose counters have the same name: capacities have 33 bits, and a rate has 26 and
/// 52.
#[inline]
fn terms(rule: &Rule) -> u128 {
    let capacity = u128::from(rule.capacity());
    match rule {
        Rule::Bucket(bucket) => {
            let rate = bucket.rate();
            capacity | u128::from(rate.per) << 33 | u128::from(rate.every) << 59
        }
        _ => capacity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(quota: Quota) -> u128 {
        let counters = Counters::new("test", "limit", &quota, 1).unwrap();
        name([Demand { counters: &counters, partition: &[b"client"], cost: 1 }], &Secret::known([7, 7]))
    }

    #[test]
    fn who_is_held_to_another_rate_or_burst_on_the_same_counter_shares_nothing() {
        let quota = Quota::per_minute(30).burst(16);
        assert_eq!(named(quota), named(Quota::per_minute(30).burst(16)));
        assert_ne!(
            named(quota),
            named(Quota::per_minute(60).burst(16)),
            "a denial at 30 a minute is none at 60"
        );
        assert_ne!(named(quota), named(quota.burst(17)));
    }
}
