//! One instance of the limiter, and its callers.

use std::sync::Arc;

use distributed_rate_limiter::{Leases, Quota, RateLimiter, Shards};
use drl_store::{MemoryStore, Store};
use tokio::task::JoinSet;

use crate::caller::{Caller, Request, Round};
use crate::clock::Stamp;
use crate::error::LoadError;
use crate::grid::Schedule;
use crate::keys::{Draws, Names};
use crate::ledger::Ledger;
use crate::settings::{Plan, Settings};
use crate::store_clock::{Offset, StoreClock};
use crate::tally::Counts;

/// Makes limiters on the store.
#[derive(Clone)]
pub(crate) struct Access {
    plan: Plan,
    /// Part of all keys: no two runs share a counter.
    run: String,
    /// What the instances of one process share instead of a server.
    embedded: Option<Arc<dyn Store>>,
}

impl Access {
    pub(crate) fn new(plan: Plan, run: String) -> Self {
        let embedded = plan.settings.is_embedded().then(|| Arc::new(MemoryStore::new()) as Arc<dyn Store>);
        Self { plan, run, embedded }
    }

    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// A limiter with connections of its own. What has the same name has the same counters.
    async fn limiter(&self, name: &str, quota: Quota, kept: Kept) -> Result<RateLimiter, LoadError> {
        let builder = RateLimiter::builder().name(format!("{name}-{}", self.run)).quota(quota);
        let builder = builder.shards(kept.shards).leases(kept.leases);
        let builder = match &self.embedded {
            Some(store) => builder.with_store(Arc::clone(store)),
            None => builder.store(&self.plan.settings.store),
        };
        Ok(builder.build().await?)
    }

    /// The limiter under test.
    async fn instance(&self) -> Result<RateLimiter, LoadError> {
        let Settings { shards, leases, .. } = self.plan.settings;
        self.limiter("bench", self.plan.quota, Kept { shards, leases }).await
    }

    /// A way to read the store's clock.
    pub(crate) async fn store_clock(&self) -> Result<StoreClock, LoadError> {
        // One counter, and every answer the store's own: a reading of its clock.
        let kept = Kept { shards: Shards::Fixed(1), leases: Leases::Off };
        Ok(StoreClock::new(self.limiter("bench-clock", StoreClock::quota(), kept).await?))
    }
}

/// How a limit is kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    shards: Shards,
    leases: Leases,
}

/// An instance, warm if it is to be.
pub(crate) struct Instance {
    plan: Plan,
    number: u16,
    limiter: RateLimiter,
}

impl Instance {
    pub(crate) async fn prepare(access: &Access, number: u16) -> Result<Self, LoadError> {
        let limiter = access.instance().await?;
        // Whatever follows, the connection is there.
        limiter.ping().await?;
        let instance = Self { plan: access.plan.clone(), number, limiter };
        if !instance.plan.settings.warmup.is_zero() {
            instance.warm_up().await?;
        }
        Ok(instance)
    }

    /// Everything but the clients is as it will be later; nobody looks at what is counted.
    async fn warm_up(&self) -> Result<(), LoadError> {
        let (keys, length) = (self.plan.settings.keys, self.plan.settings.warmup);
        let schedule = Schedule::new(&self.plan.promise, Stamp::now(), length, Offset { least: 0, most: 0 });
        let (ledger, progress) = (Arc::new(Ledger::new(keys, schedule)), Arc::default());
        let counts = self.run(&Round { names: Arc::new(Names::warm_up(keys)), ledger, progress }).await?;
        match counts.first_error {
            Some(first) if counts.decisions() == 0 => Err(LoadError::NoDecision { first }),
            _ => Ok(()),
        }
    }

    /// Asks with all callers as the round's schedule says.
    pub(crate) async fn run(&self, round: &Round) -> Result<Counts, LoadError> {
        let settings = &self.plan.settings;
        let mut callers = JoinSet::new();
        for caller in 0..settings.callers {
            // Neighbouring seeds lead to unrelated sequences.
            let seed = settings.seed.wrapping_add(u64::from(self.number) << 32 | u64::from(caller));
            let draws = Draws::new(settings.distribution, settings.keys, seed);
            let request = Request { limiter: self.limiter.clone(), cost: settings.cost };
            callers.spawn(Caller::new(request, round.clone(), draws).run());
        }
        let mut sum = Counts::default();
        while let Some(counts) = callers.join_next().await {
            let lost = |_| LoadError::Instance { index: self.number, reason: "a caller panicked".to_owned() };
            sum.add(counts.map_err(lost)?);
        }
        Ok(sum)
    }
}
