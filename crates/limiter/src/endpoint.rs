//! Limits that come with each call: per client and endpoint, and per client over all endpoints.

use drl_core::check::{Ask, Check};
use drl_core::{Algorithm, Keyspace, Mode, Quota, Rule};
use smallvec::smallvec;

use crate::engine::{Engine, EngineOptions};
use crate::error::Error;

/// Holds each client to a number of requests within the last second: to each endpoint, and over all of
/// them. The limits come with the call. Cheap to clone.
///
/// It is a [sliding window log](Algorithm::SlidingWindowLog) of one second. Its keys expire 2 s after
/// their last use. Limits up to 1,024 are kept exactly; above, a request leaves the window up to 1 ms late.
///
/// Since the limits may differ from call to call, there is no fixed way to split them: each client has one
/// counter per endpoint and one over all, in one slot, so that both are decided in one step.
#[derive(Clone, Debug)]
pub struct EndpointRateLimiter {
    engine: Engine,
    endpoint: Keyspace,
    total: Keyspace,
}

impl EndpointRateLimiter {
    /// A limiter on the store that `redis_url` names.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if the URL cannot be understood; the store's error if it does not answer.
    pub async fn new(redis_url: &str) -> Result<Self, Error> {
        let engine = Engine::connect(redis_url, EngineOptions::default()).await?;
        engine.ping().await?;
        Ok(Self::with_engine(engine))
    }

    /// A limiter on an engine of your own.
    #[must_use]
    pub fn with_engine(engine: Engine) -> Self {
        let identity = quota(1).identity();
        let endpoint = Keyspace::new(engine.prefix(), "endpoint", &identity);
        let total = Keyspace::new(engine.prefix(), "endpoints", &identity);
        Self { engine, endpoint, total }
    }

    /// Whether the client may call the endpoint now: if within the last second it made fewer than `capacity`
    /// requests to this endpoint **and** fewer than `rate_per_second` over all endpoints. Charges both, or
    /// neither.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a zero limit; else if no decision could be made.
    pub async fn is_allowed(
        &self,
        client_id: &str,
        api_endpoint: &str,
        capacity: usize,
        rate_per_second: usize,
    ) -> Result<bool, Error> {
        let per_endpoint = rule("capacity", capacity)?;
        let per_client = rule("rate_per_second", rate_per_second)?;
        let partition = [client_id.as_bytes(), api_endpoint.as_bytes()];
        let asks = smallvec![
            Ask { key: self.endpoint.key(&partition, 0), rule: per_endpoint, cost: 1 },
            Ask { key: self.total.key(&partition[..1], 0), rule: per_client, cost: 1 },
        ];
        self.engine.decide_check(Check { asks, mode: Mode::Take }).await
    }
}

fn quota(limit: u64) -> Quota {
    Quota::per_second(limit).algorithm(Algorithm::SlidingWindowLog)
}

/// Limits beyond what is counted exactly mean the same as the largest one.
fn rule(name: &str, limit: usize) -> Result<Rule, Error> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).min(Quota::MAX_LIMIT);
    quota(limit).rule().map_err(|error| Error::config(format!("{name}: {error}")))
}
