//! One question about one client.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use drl_core::Retry;

use crate::builder::OnLimited;
use crate::decision::Decision;
use crate::engine::Want;
use crate::error::Error;
use crate::limiter::{RateLimiter, Request};
use crate::permit::Permit;

/// A question to a [`RateLimiter`]: await it as it is, or say more first.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is decided until this is awaited"]
pub struct Call<'a> {
    limiter: &'a RateLimiter,
    request: Request<'a>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(limiter: &'a RateLimiter, client: &'a [u8]) -> Self {
        Self { limiter, request: Request { client, tier: None, cost: 1, want: Want::Take } }
    }

    /// What the request costs: 1 unless said otherwise. Zero charges nothing and is always allowed.
    pub fn cost(mut self, cost: u64) -> Self {
        self.request.cost = cost;
        self
    }

    /// Holds the client to a tier's quotas instead of the default ones.
    pub fn tier(mut self, tier: &'a str) -> Self {
        self.request.tier = Some(tier);
        self
    }

    /// Only says whether the cost would be allowed now; charges nothing.
    pub fn peek(mut self) -> Self {
        self.request.want = Want::Peek;
        self
    }

    /// Takes as much as there is, up to `most`: [`Decision::granted`] says how much that was.
    pub fn up_to(mut self, most: u64) -> Self {
        self.request.cost = most;
        self.request.want = Want::TakeUpTo;
        self
    }

    /// Turns the answer into a permit: see [`RateLimiter::acquire`].
    ///
    /// # Errors
    /// [`Error::RateLimitExceeded`] if the limit is reached; else if no decision could be made.
    pub async fn acquire(self) -> Result<Permit, Error> {
        let mut patience = match self.limiter.on_limited() {
            OnLimited::Reject => Duration::ZERO,
            OnLimited::Wait(bound) => bound,
        };
        loop {
            let decision = self.limiter.decide(&self.request).await?;
            if decision.allowed() {
                if !decision.delay().is_zero() {
                    tokio::time::sleep(decision.delay()).await;
                }
                return Ok(Permit::new(decision));
            }
            match decision.retry() {
                Retry::After(wait) if Duration::from(wait) <= patience && !patience.is_zero() => {
                    let wait = Duration::from(wait);
                    tokio::time::sleep(wait).await;
                    patience -= wait;
                }
                _ => return Err(decision.into_error()),
            }
        }
    }
}

impl<'a> IntoFuture for Call<'a> {
    type Output = Result<Decision, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.limiter.decide(&self.request).await })
    }
}
