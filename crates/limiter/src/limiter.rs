//! Clients held to their quotas.

use std::collections::HashMap;
use std::sync::Arc;

use drl_core::engine::Answer;
use drl_core::{Algorithm, Micros, Quota};
use drl_store::StoreError;
use smallvec::SmallVec;

use crate::asking::Asking;
use crate::builder::{OnLimited, RateLimiterBuilder};
use crate::call::Call;
use crate::decision::Decision;
use crate::engine::{AtOnce, Demand, Engine, Lead, Limit, Shards, Want};
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
    #[inline]
    pub fn is_allowed<'a>(&'a self, client_id: &'a str) -> Asking<'a> {
        Asking::new(self, client_id.as_bytes())
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
        let partition = [client_id.as_ref()];
        let demands = demands(self.limits(tier)?, &partition, decision.granted());
        self.0.engine.refund(&demands, decision).await
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

    /// What the store in this process says to one request of the client.
    #[inline]
    pub(crate) fn here(&self, client: &[u8]) -> Option<bool> {
        let [limit] = self.0.limits.as_slice() else { return None };
        self.0.engine.here(&[Demand { limit, partition: &[client], cost: 1 }])
    }

    /// What the books of this instance say.
    #[inline]
    pub(crate) fn by_the_books(&self, client: &[u8]) -> AtOnce<'_> {
        let (engine, partition) = (&self.0.engine, [client]);
        match self.0.limits.as_slice() {
            [limit] => engine.by_the_books(&[Demand { limit, partition: &partition, cost: 1 }]), // mostly
            limits => engine.by_the_books(&demands(limits, &partition, 1)),
        }
    }

    /// What comes of it where the store is to be asked.
    pub(crate) async fn ask(&self, client: &[u8], lead: Option<Box<Lead<'_>>>) -> Result<bool, Error> {
        let partition = [client];
        self.0.engine.admits_in_full(&demands(&self.0.limits, &partition, 1), lead).await
    }

    /// What an answer says.
    pub(crate) fn heard(&self, client: &[u8], answer: Result<Answer, StoreError>) -> Result<bool, Error> {
        self.0.engine.heard(&demands(&self.0.limits, &[client], 1), answer)
    }

    pub(crate) fn on_limited(&self) -> OnLimited {
        self.0.on_limited
    }

    /// Decides a request; the answer speaks for all of its limits.
    pub(crate) async fn decide(&self, request: &Request<'_>) -> Result<Decision, Error> {
        let partition = [request.client];
        let demands = demands(self.limits(request.tier)?, &partition, request.cost);
        let ruling = self.0.engine.decide(&demands, request.want).await?;
        let mut decision = ruling.into_decisive().ok_or_else(|| Error::config("there is no quota"))?;
        decision.receipt.tier = request.tier.map(Arc::from);
        Ok(decision)
    }

    fn limits(&self, tier: Option<&str>) -> Result<&[Limit], Error> {
        let unknown = |tier: &str| Error::config(format!("no tier is called `{}`", tier.escape_default()));
        match tier {
            None => Ok(&self.0.limits),
            Some(tier) => self.0.tiers.get(tier).map(Vec::as_slice).ok_or_else(|| unknown(tier)),
        }
    }
}

fn demands<'a>(limits: &'a [Limit], partition: &'a [&'a [u8]], cost: u64) -> SmallVec<[Demand<'a>; 2]> {
    limits.iter().map(|limit| Demand { limit, partition, cost }).collect()
}
