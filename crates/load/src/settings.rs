//! What the user asks for, and its checked form.

use std::time::Duration;

use drl_core::engine::Leases;
use drl_core::shard::Shards;
use drl_core::{Algorithm, Quota};
use serde::{Deserialize, Serialize};

use crate::error::LoadError;
use crate::judge::Promise;
use crate::keys::Distribution;

/// What is asked for, as it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The store's URL.
    pub store: String,
    /// How many limiters, each with connections of its own.
    pub instances: u16,
    /// Whether each instance is a process.
    pub processes: bool,
    /// Callers of each instance.
    pub callers: u32,
    /// Clients.
    pub keys: u32,
    /// How often each client asks.
    pub distribution: Distribution,
    /// As in `100/minute`.
    pub limit: String,
    /// The bucket's capacity, where it is not the limit.
    pub burst: Option<u64>,
    /// As in policy files.
    pub algorithm: String,
    /// Over how many counters a client's allowance is spread.
    #[serde(with = "text")]
    pub shards: Shards,
    /// Whether allowance may be borrowed in advance.
    #[serde(with = "text")]
    pub leases: Leases,
    /// What each request costs.
    pub cost: u64,
    /// How long to ask.
    pub duration: Duration,
    /// How long to ask before that, on other counters, without counting.
    pub warmup: Duration,
    /// The same seed, the same sequence of clients for each caller.
    pub seed: u64,
}

/// Settings that make sense.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) quota: Quota,
    pub(crate) promise: Promise,
}

impl Settings {
    const MOST_INSTANCES: u16 = 256;
    const MOST_CALLERS: u32 = 100_000;
    const MOST_KEYS: u32 = 10_000_000;
    const SHORTEST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(86_400);

    /// Whether the counters live in one process's memory.
    pub(crate) fn is_embedded(&self) -> bool {
        self.store == "memory:" || self.store.starts_with("memory://")
    }

    /// The store's URL without what may be secret in it: credentials and options.
    pub(crate) fn store_shown(&self) -> String {
        let bare = self.store.split('?').next().unwrap_or_default();
        match (bare.split_once("://"), bare.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => format!("{scheme}://{place}"),
            _ => bare.to_owned(),
        }
    }

    pub(crate) fn check(self) -> Result<Plan, LoadError> {
        within("--instances", self.instances, Self::MOST_INSTANCES)?;
        within("--callers", self.callers, Self::MOST_CALLERS)?;
        within("--keys", self.keys, Self::MOST_KEYS)?;
        if !(Self::SHORTEST..=Self::LONGEST).contains(&self.duration) {
            return Err(LoadError::setting("--duration", "not between 10 ms and a day"));
        }
        if self.warmup > Self::LONGEST {
            return Err(LoadError::setting("--warmup", "longer than a day"));
        }
        if self.processes && self.is_embedded() {
            let reason = "memory:// lives in one process: name a --store that processes can share";
            return Err(LoadError::setting("--processes", reason));
        }
        let algorithm = self.algorithm.parse().map_err(|error| LoadError::setting("--algorithm", error))?;
        let quota: Quota = self.limit.parse().map_err(|error| LoadError::setting("--limit", error))?;
        let quota = quota.algorithm(algorithm);
        let quota = self.burst.map_or(quota, |burst| quota.burst(burst));
        let setting = if self.burst.is_some() { "--limit and --burst" } else { "--limit" };
        let rule = quota.rule().map_err(|error| LoadError::setting(setting, error))?;
        if self.cost == 0 || self.cost > rule.capacity() {
            let reason = format!("not 1 to {}, the most that is admitted at once", rule.capacity());
            return Err(LoadError::setting("--cost", reason));
        }
        let promise = promise(algorithm, &quota, rule.capacity());
        Ok(Plan { settings: self, quota, promise })
    }
}

fn within<N: Into<u64> + Copy>(setting: &'static str, number: N, most: N) -> Result<(), LoadError> {
    if (1..=most.into()).contains(&number.into()) {
        return Ok(());
    }
    Err(LoadError::setting(setting, format!("not 1 to {}", most.into())))
}

fn promise(algorithm: Algorithm, quota: &Quota, capacity: u64) -> Promise {
    let (limit, window) = (quota.limit(), quota.window());
    match algorithm {
        Algorithm::FixedWindow => Promise::FixedWindow { limit, window },
        Algorithm::SlidingWindowLog => Promise::EveryInterval { limit, window },
        Algorithm::SlidingWindow => Promise::Estimate { limit, window },
        Algorithm::TokenBucket | Algorithm::LeakyBucket | Algorithm::LeakyBucketQueue => {
            Promise::Bucket { burst: capacity, tokens: limit, per: window }
        }
    }
}

/// As it is written on the command line.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
