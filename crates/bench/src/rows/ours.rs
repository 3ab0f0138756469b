//! Our sides of the embedded rows.

use anyhow::Result;
use distributed_rate_limiter::RateLimiter;
use drl_core::check::Ask;
use drl_core::{Keyspace, Rule};
use drl_store::{MemoryStore, Store as _};
use tokio::runtime::{Builder, Runtime};

use super::quota::Bounds;
use crate::contest::Tally;

/// The embedded store asked directly, without async.
pub(crate) struct Embedded {
    store: MemoryStore,
    space: Keyspace,
    rule: Rule,
}

impl Embedded {
    pub(crate) fn new(bounds: Bounds) -> Result<Self> {
        let quota = bounds.quota();
        let space = Keyspace::new("drl", "bench", &quota.identity());
        Ok(Self { store: MemoryStore::new(), space, rule: quota.rule()? })
    }

    /// A full store counts as "denied", which no row with room for its keys expects.
    pub(crate) fn admits(&self, client: &str) -> bool {
        let partition = [client.as_bytes()];
        let ask = Ask { key: self.space.key(&partition, 0), rule: self.rule, cost: 1 };
        self.store.admit(&ask).is_some_and(|admission| admission.allowed)
    }
}

/// The library, from its front door.
#[derive(Clone)]
pub(crate) struct Library(RateLimiter);

impl Library {
    /// A token bucket.
    pub(crate) fn new(bounds: Bounds) -> Result<Self> {
        let limiter = RateLimiter::builder().store("memory://").quota(bounds.quota());
        Ok(Self(runtime()?.block_on(limiter.build())?))
    }

    /// A fixed window, spread over 8 counters per client: `RateLimiter::new`.
    pub(crate) fn plain(requests_per_hour: u64) -> Result<Self> {
        Ok(Self(runtime()?.block_on(RateLimiter::new("memory://", requests_per_hour, 3_600))?))
    }

    /// Asks for all of them, one after the other, on this thread.
    pub(crate) fn decide<'a>(&self, clients: impl Iterator<Item = &'a String>) -> Result<Tally> {
        runtime()?.block_on(async {
            let mut tally = Tally::default();
            for client in clients {
                tally.count(self.0.is_allowed(client).await?);
            }
            Ok(tally)
        })
    }
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_time().build()?)
}
