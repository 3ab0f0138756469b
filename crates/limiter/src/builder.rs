//! A limiter of your own making.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use drl_core::{Algorithm, Quota};
use drl_store::Store;

use crate::engine::{Engine, EngineOptions, FailurePolicy, Leases, Limit, LimitOptions, Shards};
use crate::error::Error;
use crate::limiter::{Inner, RateLimiter};

/// What [`RateLimiter::acquire`] does when the limit is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLimited {
    /// Answers at once with [`Error::RateLimitExceeded`].
    #[default]
    Reject,
    /// Waits for its turn and tries again, for this long in all; a longer wait is answered at once.
    Wait(Duration),
}

/// Builds a [`RateLimiter`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use distributed_rate_limiter::{Algorithm, FailurePolicy, Quota, RateLimiter};
///
/// let limiter = RateLimiter::builder()
///     .store("memory://")
///     .quota(Quota::per_second(10).algorithm(Algorithm::SlidingWindowLog))
///     .quota(Quota::per_hour(1_000))
///     .tier("pro", [Quota::per_second(100), Quota::per_hour(50_000)])
///     .on_store_failure(FailurePolicy::Open)
///     .build()
///     .await?;
/// assert!(limiter.check("alice").tier("pro").cost(50).await?.allowed());
/// # Ok::<(), distributed_rate_limiter::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct RateLimiterBuilder {
    url: Option<String>,
    store: Option<Arc<dyn Store>>,
    quotas: Vec<Quota>,
    tiers: HashMap<String, Vec<Quota>>,
    algorithm: Option<Algorithm>,
    name: Option<String>,
    limit_options: LimitOptions,
    engine_options: EngineOptions,
    on_limited: OnLimited,
}

impl RateLimiterBuilder {
    /// Where the counters live: a URL. `memory://` unless said otherwise.
    pub fn store(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Where the counters live: a store of your own, shared with whoever else has it.
    pub fn with_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds a quota. A request must fit all of them, and is charged to all of them or to none.
    pub fn quota(mut self, quota: Quota) -> Self {
        self.quotas.push(quota);
        self
    }

    /// The algorithm of every quota added so far and later, of tiers too, instead of each one's own.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Other quotas for the clients of a tier, for [`Call::tier`](crate::Call::tier). Where they have the
    /// algorithm and window of the default ones they share counters with them, so that a client who
    /// changes tier keeps what was used.
    pub fn tier(mut self, name: impl Into<String>, quotas: impl IntoIterator<Item = Quota>) -> Self {
        self.tiers.insert(name.into(), quotas.into_iter().collect());
        self
    }

    /// The limiter's name: part of its keys, and of its decisions. `limit` unless said otherwise.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Over how many counters each client's allowance is spread.
    pub fn shards(mut self, shards: Shards) -> Self {
        self.limit_options.shards = shards;
        self
    }

    /// Whether instances may borrow a client's tokens in advance and spend them without asking the store:
    /// [`Leases::Auto`] unless said otherwise.
    pub fn leases(mut self, leases: Leases) -> Self {
        self.limit_options.leases = leases;
        self
    }

    /// What happens when the store cannot decide.
    pub fn on_store_failure(mut self, policy: FailurePolicy) -> Self {
        self.limit_options.on_store_failure = policy;
        self
    }

    /// What [`RateLimiter::acquire`] does when the limit is reached.
    pub fn on_limited(mut self, on_limited: OnLimited) -> Self {
        self.on_limited = on_limited;
        self
    }

    /// Keeps deployments apart that share a store; `drl` unless said otherwise.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.engine_options.prefix = Some(prefix.into());
        self
    }

    /// The deadline of a store call, connecting included; 50 ms unless said otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.engine_options.timeout = Some(timeout);
        self
    }

    /// Checks everything and makes the limiter. Where requests cannot be answered without the store
    /// ([`FailurePolicy::Error`] and `Closed`), it has to answer once first.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for what makes no sense; the store's error if it does not answer.
    pub async fn build(self) -> Result<RateLimiter, Error> {
        let engine = match &self.store {
            Some(_) if self.url.is_some() => {
                return Err(Error::config("two stores: a URL and one of your own"));
            }
            Some(store) => {
                let prefix = self.engine_options.prefix.as_deref().unwrap_or("drl");
                Engine::with_store(Arc::clone(store), prefix)
            }
            None => {
                let url = self.url.as_deref().unwrap_or("memory://");
                Engine::connect(url, self.engine_options.clone()).await?
            }
        };
        let limits = self.limits(&engine, &self.quotas)?;
        let tier = |(name, quotas): (&String, &Vec<Quota>)| {
            self.limits(&engine, quotas).map(|limits| (name.clone(), limits))
        };
        let tiers = self.tiers.iter().map(tier).collect::<Result<_, _>>()?;
        if !self.limit_options.on_store_failure.serves() {
            engine.ping().await?;
        }
        Ok(RateLimiter::from_parts(Inner { engine, limits, tiers, on_limited: self.on_limited }))
    }

    fn limits(&self, engine: &Engine, quotas: &[Quota]) -> Result<Vec<Limit>, Error> {
        if quotas.is_empty() {
            return Err(Error::config("there is no quota"));
        }
        let name = self.name.as_deref().unwrap_or("limit");
        let limit = |(index, &quota): (usize, &Quota)| {
            let quota = self.algorithm.map_or(quota, |algorithm| quota.algorithm(algorithm));
            // Two quotas of one identity would share a counter; the number keeps them apart.
            let alike = quotas[..index].iter().filter(|other| other.window() == quota.window()).count();
            let name = if alike == 0 { name.to_owned() } else { format!("{name}-{}", alike + 1) };
            engine.limit(&name, quota, self.limit_options)
        };
        quotas.iter().enumerate().map(limit).collect()
    }
}

impl std::fmt::Debug for RateLimiterBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("RateLimiterBuilder").field("quotas", &self.quotas).finish_non_exhaustive()
    }
}
