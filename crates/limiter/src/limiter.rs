//! Clients held to their quotas.

use std::collections::HashMap;
use std::sync::Arc;

use drl_core::{Algorithm, Micros, Quota};
use smallvec::SmallVec;

use crate::builder::{OnLimited, RateLimiterBuilder};
use crate::call::Call;
use crate::decision::Decision;
use crate::engine::{Demand, Engine, Limit, Shards, Want};
use crate::error::Error;
use crate::permit::Permit;

/// Holds each client to one or several quotas, whichever instance serves it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RateLimiter(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) limits: Vec<Limit>,
    pub(crate) tiers: HashMap<String, Vec<Limit>>,
    pub(crate) on_limited: OnLimited,
}

/// A request of one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) client: &'a [u8],
    pub(crate) tier: Option<&'a str>,
    pub(crate) cost: u64,
    pub(crate) want: Want,
}

impl RateLimiter {
    /// At most `requests_per_window` in each aligned window of `time_window_seconds`, exactly: a
    /// [fixed window](Algorithm::FixedWindow) over `min(8, requests_per_window)` counters per client.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a zero limit or window and for a URL that cannot be understood; the
    /// store's error if it does not answer.
    pub async fn new(
        redis_url: &str,
        requests_per_window: u64,
        time_window_seconds: u64,
    ) -> Result<Self, Error> {
        let quota = Quota::new(requests_per_window, Micros::from_secs(time_window_seconds))
            .algorithm(Algorithm::FixedWindow);
        let shards = Shards::Fixed(drl_core::shard::AUTO_SHARDS);
        Self::builder().store(redis_url).quota(quota).shards(shards).build().await
    }

    /// A limiter of your own making.
    pub fn builder() -> RateLimiterBuilder {
        RateLimiterBuilder::default()
    }

    pub(crate) fn from_parts(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Whether the client may make one request now, and if so, charges it. `false` charges nothing.
    ///
    /// # Errors
    /// If no decision could be made.
    pub async fn is_allowed(&self, client_id: &str) -> Result<bool, Error> {
        let request = Request { client: client_id.as_bytes(), tier: None, cost: 1, want: Want::Take };
        let partition = [request.client];
        self.0.engine.admits(&self.demands(&request, &partition)?).await
    }

    /// Decides a request of the client, and says what is left and when to come back:
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use distributed_rate_limiter::RateLimiter;
    /// let limiter = RateLimiter::new("memory://", 100, 60).await?;
    /// let decision = limiter.check("alice").cost(5).await?;
    /// assert_eq!((decision.allowed(), decision.remaining()), (true, 95));
    /// let glimpse = limiter.check("alice").peek().await?;
    /// assert_eq!((glimpse.allowed(), glimpse.remaining()), (true, 95));
    /// # Ok::<(), distributed_rate_limiter::Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A client id is any string of bytes.
    pub fn check<'a>(&'a self, client_id: &'a (impl AsRef<[u8]> + ?Sized)) -> Call<'a> {
        Call::new(self, client_id.as_ref())
    }

    /// A permit for one request of the client. With [`OnLimited::Wait`] it waits for its turn.
    ///
    /// # Errors
    /// [`Error::RateLimitExceeded`] if the limit is reached; else if no decision could be made.
    pub async fn acquire(&self, client_id: &(impl AsRef<[u8]> + ?Sized)) -> Result<Permit, Error> {
        self.check(client_id).acquire().await
    }

    /// Gives back what `decision`, made for the same client, has charged. What has left its window already
    /// does not come back, and nothing is lifted above its limit.
    ///
    /// # Errors
    /// If the store does not answer. The refund may have happened.
    pub async fn refund(
        &self,
        client_id: &(impl AsRef<[u8]> + ?Sized),
        decision: &Decision,
    ) -> Result<(), Error> {
        let tier = decision.receipt.tier.as_deref();
        let request =
            Request { client: client_id.as_ref(), tier, cost: decision.granted(), want: Want::Take };
        let partition = [request.client];
        self.0.engine.refund(&self.demands(&request, &partition)?, decision).await
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        self.0.engine.ping().await
    }

    /// Gives back what this instance has borrowed ([`Leases`](crate::Leases)): to be called before a program
    /// stops. What is not given back is lost to the others for a quarter of a second at the most.
    pub async fn release(&self) {
        self.0.engine.release().await;
    }

    pub(crate) fn on_limited(&self) -> OnLimited {
        self.0.on_limited
    }

    /// Decides a request; the answer speaks for all of its limits.
    pub(crate) async fn decide(&self, request: &Request<'_>) -> Result<Decision, Error> {
        let partition = [request.client];
        let demands = self.demands(request, &partition)?;
        let ruling = self.0.engine.decide(&demands, request.want).await?;
        let mut decision = ruling.into_decisive().ok_or_else(|| Error::config("there is no quota"))?;
        decision.receipt.tier = request.tier.map(Arc::from);
        Ok(decision)
    }

    fn demands<'a>(
        &'a self,
        request: &Request<'_>,
        partition: &'a [&'a [u8]],
    ) -> Result<SmallVec<[Demand<'a>; 2]>, Error> {
        let limits = match request.tier {
            None => &self.0.limits,
            Some(tier) => {
                let unknown = || Error::config(format!("no tier is called `{}`", tier.escape_default()));
                self.0.tiers.get(tier).ok_or_else(unknown)?
            }
        };
        Ok(limits.iter().map(|limit| Demand { limit, partition, cost: request.cost }).collect())
    }
}
