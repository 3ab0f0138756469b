//! From a request to its ruling: many limits, each spread over shards, kept in a store that may fail.
//!
//! [`RateLimiter`](crate::RateLimiter) is the short form for clients with ids. The engine is for those who
//! bring their own notion of who shares an allowance: the server and the middleware.
//!
//! ```text
//! demands → breaker open? → walk over the shards → store
//!               │                  │ error
//!               └──────────────────┴→ failure policy
//! ```

mod breaker;
mod errand;
mod failure;
mod fallback;
mod group;
mod hints;
mod lanes;
mod limit;
mod open;
mod probe;
mod survey;
mod walk;

use std::sync::{Arc, OnceLock};

use drl_core::check::{Ask, Check};
use drl_core::{Micros, Mode, Quota, Source};
use drl_store::{ErrorClass, MemoryStore, Store, StoreError};
use smallvec::{SmallVec, smallvec};

pub use self::failure::FailurePolicy;
pub use self::limit::{Limit, LimitOptions, Shards};
pub use self::open::EngineOptions;

use self::breaker::{Breaker, Change};
use self::fallback::FallbackLog;
use self::hints::Hints;
use self::lanes::Lanes;
use self::limit::Scope;
use self::walk::{Walk, Walked};
use crate::decision::{Charge, Decision, Receipt, Ruling};
use crate::error::Error;

/// One limit's part in a request.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// The limit.
    pub limit: &'a Limit,
    /// The values that share one allowance: client ids, endpoints. Any bytes.
    pub partition: &'a [&'a [u8]],
    /// What the request costs here. Zero charges nothing.
    pub cost: u64,
}

impl<'a> Demand<'a> {
    fn ask(&self, shard: u16, cost: u64) -> Ask<'a> {
        self.limit.ask(self.partition, shard, cost)
    }
}

/// What to do with the limits of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Charge every limit its cost, or none of them anything.
    Take,
    /// Charge every limit as much as all of them have, up to the cost.
    TakeUpTo,
    /// Say what `Take` would say; charge nothing.
    Peek,
}

impl From<Want> for Mode {
    fn from(want: Want) -> Self {
        match want {
            Want::Take => Self::Take,
            Want::TakeUpTo => Self::TakeUpTo,
            Want::Peek => Self::Peek,
        }
    }
}

/// How much of the answer the caller reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Allowed or not. Only the shard that is charged is asked.
    Verdict,
    /// What is left as well, which all shards know together.
    Full,
}

/// Decides requests against a store. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    prefix: String,
    hints: Hints,
    lanes: Lanes,
    breaker: Breaker,
    log: FallbackLog,
    local: OnceLock<MemoryStore>,
}

impl Engine {
    /// An engine on the store that `url` names; see the crate's documentation for the forms. The connection
    /// is made when it is needed: a store that is down makes decisions fail, not this call.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if the URL or an option in it cannot be understood.
    #[expect(clippy::unused_async, reason = "stores that look around before they start are to come")]
    pub async fn connect(url: &str, options: EngineOptions) -> Result<Self, Error> {
        open::engine(url, options)
    }

    /// An engine on a store of your own. `prefix` keeps deployments apart that share one.
    #[must_use]
    pub fn with_store(store: Arc<dyn Store>, prefix: &str) -> Self {
        Self(Arc::new(Inner {
            store,
            prefix: prefix.to_owned(),
            hints: Hints::new(),
            lanes: Lanes::new(),
            breaker: Breaker::default(),
            log: FallbackLog::default(),
            local: OnceLock::new(),
        }))
    }

    /// A limit kept in this engine's store. The name is part of its counters' keys.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if the quota or an option makes no sense.
    pub fn limit(&self, name: &str, quota: Quota, options: LimitOptions) -> Result<Limit, Error> {
        let scope = Scope { prefix: &self.0.prefix, shared: self.0.store.is_shared() };
        Limit::new(&scope, name, quota, options)
    }

    /// Decides all demands together: all of them are charged, or none.
    ///
    /// # Errors
    /// If the store cannot decide and a limit's [`FailurePolicy`] is `Error`.
    pub async fn decide(&self, demands: &[Demand<'_>], want: Want) -> Result<Ruling, Error> {
        let walked = match want {
            Want::Take => self.take(demands, Detail::Full).await,
            Want::TakeUpTo | Want::Peek => {
                let walked = self.walk(demands, want).await;
                walked.map(|walked| (walked, Source::Store))
            }
        };
        match walked {
            Ok((walked, source)) => Ok(ruling(demands, walked, source)),
            Err(error) => self.fall_back(demands, want, error),
        }
    }

    /// The same for callers who only ask whether: the least work for the store.
    ///
    /// # Errors
    /// As [`Engine::decide`].
    pub async fn admits(&self, demands: &[Demand<'_>]) -> Result<bool, Error> {
        let admitted = match demands {
            [demand] if !self.0.store.is_shared() => self.admits_one(demand).await,
            _ => self.take(demands, Detail::Verdict).await.map(|(walked, _)| walked.allowed),
        };
        match admitted {
            Ok(admitted) => Ok(admitted),
            Err(error) => Ok(self.fall_back(demands, Want::Take, error)?.allowed),
        }
    }

    /// Gives back what `decision`, made for the same demands, has charged. Nothing comes back that has left
    /// its window already, nor what no store has charged.
    ///
    /// # Errors
    /// If the store does not answer. The refund may have happened.
    pub async fn refund(&self, demands: &[Demand<'_>], decision: &Decision) -> Result<(), Error> {
        let refund = |charge: &Charge| {
            let demand = demands.get(charge.demand)?;
            let mode = Mode::Refund(decision.receipt.at);
            Some(Check { asks: smallvec![demand.ask(charge.shard, charge.cost)], mode })
        };
        let batch: Vec<Check<'_>> = decision.receipt.charges.iter().filter_map(refund).collect();
        if batch.is_empty() {
            return Ok(());
        }
        self.guarded()?;
        let answers = self.0.store.decide(&batch).wait().await;
        self.0.lanes.forget(self.0.lanes.name(demands));
        for answer in answers {
            self.0.noted(answer)?;
        }
        Ok(())
    }

    /// Decides one check of bare counters, for limits that come with the call.
    pub(crate) async fn decide_check(&self, check: Check<'_>) -> Result<bool, Error> {
        self.guarded()?;
        let batch = [check];
        let answer = walk::first(self.0.store.decide(&batch).wait().await);
        Ok(self.0.noted(answer)?.allowed)
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(probe::ping(self.0.store.as_ref()).await?)
    }

    /// Whether instances share this engine's counters.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.0.store.is_shared()
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.0.prefix
    }

    async fn admits_one(&self, demand: &Demand<'_>) -> Result<bool, StoreError> {
        self.guarded()?;
        let demands = std::slice::from_ref(demand);
        let walk =
            Walk { store: self.0.store.as_ref(), hints: &self.0.hints, demands, detail: Detail::Verdict };
        self.0.noted(walk.admits(demand).await)
    }

    async fn walk(&self, demands: &[Demand<'_>], want: Want) -> Result<Walked, StoreError> {
        self.guarded()?;
        self.0.walk(demands, want, Detail::Full).await
    }

    /// Refuses at once while the breaker is open.
    fn guarded(&self) -> Result<(), StoreError> {
        if self.0.breaker.is_open() {
            let reason = "circuit breaker open, waiting for the store to come back".to_owned();
            return Err(StoreError::Unavailable { reason, may_have_counted: false });
        }
        Ok(())
    }
}

impl Inner {
    async fn walk(
        self: &Arc<Self>,
        demands: &[Demand<'_>],
        want: Want,
        detail: Detail,
    ) -> Result<Walked, StoreError> {
        let walk = Walk { store: self.store.as_ref(), hints: &self.hints, demands, detail };
        self.noted(walk.decide(want).await)
    }

    /// Tells the breaker how a store call went.
    fn noted<T>(self: &Arc<Self>, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match &result {
            Ok(_) => self.breaker.succeeded(),
            Err(error @ StoreError::Full { .. }) => tracing::debug!(%error, "store full"),
            Err(error) if error.class() == ErrorClass::Protocol => {
                tracing::warn!(%error, "the store's answer cannot be understood");
            }
            Err(error) => {
                if self.breaker.failed() == Change::Opened {
                    tracing::warn!(%error, "store lost: circuit breaker open");
                    probe::start(self);
                }
            }
        }
        result
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

fn ruling(demands: &[Demand<'_>], walked: Walked, source: Source) -> Ruling {
    let Walked { allowed, granted, at, found } = walked;
    let decisions = demands.iter().zip(found).enumerate().map(|(index, (demand, found))| {
        let charges: SmallVec<[Charge; 1]> =
            found.picks.iter().map(|&(shard, cost)| Charge { demand: index, shard, cost }).collect();
        Decision {
            policy: demand.limit.shared_name(),
            limit: demand.limit.capacity(),
            allowed,
            granted: charges.iter().map(|charge| charge.cost).sum::<u64>().min(granted),
            remaining: found.outcome.remaining,
            retry: found.outcome.retry,
            reset_after: found.outcome.reset_after,
            delay: if allowed { found.outcome.delay } else { Micros::ZERO },
            source,
            receipt: Receipt { at, tier: None, charges },
        }
    });
    Ruling { allowed, decisions: decisions.collect::<SmallVec<[Decision; 2]>>() }
}
