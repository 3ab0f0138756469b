//! From a request to its ruling: many limits, each spread over shards, kept in a store that may fail.
//!
//! [`RateLimiter`](crate::RateLimiter) is the short form for clients with ids. The engine is for those who
//! bring their own notion of who shares an allowance: the server and the middleware.
//!
//! ```text
//! demands → borrowed tokens? remembered denial? → breaker open? → walk over the shards → store
//!                                                     │                  │ error
//!                                                     └──────────────────┴→ failure policy
//! ```

mod amend;
mod at_once;
mod books;
mod breaker;
mod errand;
mod failure;
mod fallback;
mod group;
mod limit;
mod open;
mod probe;
mod returns;
mod ticket;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use drl_core::check::Check;
use drl_core::engine::{Answer, Departure, Detail, Haul, Hints, Step, Walk};
use drl_core::identity::Secret;
use drl_core::{Micros, Mode, Quota, Retry, Source, Verdict};
use drl_store::{Answers, ErrorClass, MemoryStore, Store, StoreError};
use smallvec::SmallVec;

pub use self::failure::FailurePolicy;
pub use self::limit::{Limit, LimitOptions};
pub use self::open::{EngineOptions, open};
pub use drl_core::engine::{Holdings, Leases, Want};
pub use drl_core::shard::Shards;
pub use drl_store::directory::{Entry, Mark, Page};

pub(crate) use self::at_once::AtOnce;
use self::books::Books;
use self::breaker::{Breaker, Change};
use self::fallback::FallbackLog;
pub(crate) use self::group::Lead;
use self::limit::Scope;
pub(crate) use self::ticket::Coming;
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

/// Demands as the core knows them.
type Counted<'a> = [drl_core::engine::Demand<'a>];

impl<'a> Demand<'a> {
    /// As the core knows it.
    #[inline]
    fn counted(&self) -> drl_core::engine::Demand<'a> {
        let Self { limit, partition, cost } = *self;
        drl_core::engine::Demand { counters: limit.counters(), partition, cost }
    }
}

fn counted<'a>(demands: &[Demand<'a>]) -> SmallVec<[drl_core::engine::Demand<'a>; 2]> {
    demands.iter().map(Demand::counted).collect()
}

/// Decides requests against a store. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    /// Whether instances share the store's counters.
    shared: bool,
    prefix: String,
    hints: Hints,
    books: Books,
    /// Whether somebody sees to it that leases are returned.
    watched: AtomicBool,
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
        let (store, prefix) = open(url, &options)?;
        Ok(Self::with_store(store, &prefix))
    }

    /// An engine on a store of your own. `prefix` keeps deployments apart that share one.
    #[must_use]
    pub fn with_store(store: Arc<dyn Store>, prefix: &str) -> Self {
        Self(Arc::new(Inner {
            shared: store.is_shared(),
            store,
            prefix: prefix.to_owned(),
            hints: Hints::new(Secret::random()),
            books: Books::new(Secret::random()),
            watched: AtomicBool::new(false),
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
        let scope = Scope { prefix: &self.0.prefix, shared: self.0.shared };
        Limit::new(&scope, name, quota, options)
    }

    /// Decides all demands together: all of them are charged, or none.
    ///
    /// # Errors
    /// If the store cannot decide and a limit's [`FailurePolicy`] is `Error`.
    pub async fn decide(&self, demands: &[Demand<'_>], want: Want) -> Result<Ruling, Error> {
        let decided = match want {
            Want::Take => self.take(demands, Detail::Full).await,
            Want::TakeUpTo => self.take_up_to(demands).await.map(|answer| (answer, Source::Store)),
            Want::Peek => self.peek(demands).await.map(|answer| (answer, Source::Store)),
        };
        match decided {
            Ok((answer, source)) => Ok(ruling(demands, answer, source)),
            Err(error) => self.fall_back(demands, want, error),
        }
    }

    /// Gives back what `decision`, made for the same demands, has charged. Nothing comes back that has left
    /// its window already, nor what no store has charged.
    ///
    /// # Errors
    /// If the store does not answer. The refund may have happened.
    pub async fn refund(&self, demands: &[Demand<'_>], decision: &Decision) -> Result<(), Error> {
        let (name, demands) = (self.0.books.name(demands), counted(demands));
        let Receipt { at, borrowed, .. } = decision.receipt;
        let mode = if borrowed { Mode::Return(at) } else { Mode::Refund(at) };
        let refund =
            |charge: &Charge| Some(demands.get(charge.demand)?.give_back(charge.shard, charge.cost, mode));
        let batch: Vec<Check<'_>> = decision.receipt.charges.iter().filter_map(refund).collect();
        if batch.is_empty() {
            return Ok(());
        }
        self.guarded()?;
        let answers = self.0.store.decide(&batch).wait().await;
        self.0.books.forget(name);
        for answer in answers {
            self.0.noted(answer)?;
        }
        Ok(())
    }

    /// Decides one check of bare counters, for limits that come with the call.
    pub(crate) async fn decide_check(&self, check: Check<'_>) -> Result<bool, Error> {
        self.guarded()?;
        let batch = [check];
        let answer = first(self.0.store.decide(&batch).wait().await);
        Ok(self.0.noted(answer)?.allowed)
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(probe::ping(self.0.store.as_ref()).await?)
    }

    /// How much this instance keeps in memory, the counters of an embedded store included.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        let held = self.0.books.holdings();
        Holdings { names: held.names + self.0.store.counters_here(), ..held }
    }

    /// Whether instances share this engine's counters.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.0.shared
    }

    /// What operators have changed since `since`.
    ///
    /// # Errors
    /// If the store does not answer, or keeps no directory.
    pub async fn read_directory(&self, since: Mark) -> Result<Page, Error> {
        let directory = self.0.store.directory().ok_or_else(no_directory)?;
        Ok(directory.read(&self.0.prefix, since).await?)
    }

    /// Writes into the directory that all instances follow: all entries or none.
    ///
    /// # Errors
    /// If the store does not answer (it may have written), or keeps no directory.
    pub async fn write_directory(&self, entries: &[Entry]) -> Result<(), Error> {
        let directory = self.0.store.directory().ok_or_else(no_directory)?;
        Ok(directory.write(&self.0.prefix, entries).await?)
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// Gives back what this instance has borrowed: to be called before a program stops. What is not given back
    /// is lost to the others for a quarter of a second at the most.
    pub async fn release(&self) {
        let returns = self.0.books.give_up();
        self.0.give_back_unspent(returns).await;
    }

    /// What is borrowed goes back first, so that the store decides with all there is.
    async fn take_up_to(&self, demands: &[Demand<'_>]) -> Result<Answer, StoreError> {
        self.guarded()?;
        let unspent = self.0.books.surrender(self.0.books.name(demands));
        let departure = Departure { unspent, ..Departure::default() };
        let haul = self.0.walk(&counted(demands), (Want::TakeUpTo, Detail::Full), &departure).await?;
        Ok(haul.into_answer())
    }

    /// What the store would say, and what is borrowed.
    async fn peek(&self, demands: &[Demand<'_>]) -> Result<Answer, StoreError> {
        self.guarded()?;
        let haul = self.0.walk(&counted(demands), (Want::Peek, Detail::Full), &Departure::default()).await?;
        let at_hand = self.0.books.at_hand(self.0.books.name(demands));
        let mut answer = haul.into_answer();
        for (found, demand) in answer.found.iter_mut().zip(demands) {
            found.outcome.remaining += at_hand;
            if at_hand > 0 && found.outcome.remaining >= demand.cost {
                found.outcome.retry = Retry::Now;
            }
        }
        answer.allowed = answer.retry().is_now();
        Ok(answer)
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
    /// From shard to shard, call by call.
    async fn walk(
        self: &Arc<Self>,
        demands: &Counted<'_>,
        (want, detail): (Want, Detail),
        departure: &Departure,
    ) -> Result<Haul, StoreError> {
        let mut walk = Walk::new(demands, want, detail);
        let mut batch = walk.start(&self.hints, departure);
        loop {
            let answers = self.store.decide(&batch).wait().await;
            let complete = if answers.len() == batch.len() { Ok(answers) } else { Err(unanswered()) };
            let step = complete.and_then(|answers| walk.resume(&self.hints, answers));
            match self.noted(step)? {
                Step::Ask(next) => batch = next,
                Step::Done(haul) => return Ok(haul),
            }
        }
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

/// The only answer of a batch of one.
fn first(mut answers: Answers) -> Result<Verdict, StoreError> {
    answers.pop().unwrap_or_else(|| Err(unanswered()))
}

fn no_directory() -> Error {
    Error::config("this store keeps no directory")
}

fn unanswered() -> StoreError {
    StoreError::Protocol { reason: "fewer answers than questions".to_owned() }
}

fn ruling(demands: &[Demand<'_>], answer: Answer, source: Source) -> Ruling {
    let Answer { allowed, granted, at, found, borrowed } = answer;
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
            receipt: Receipt { at, borrowed, tier: None, charges },
        }
    });
    Ruling { allowed, decisions: decisions.collect::<SmallVec<[Decision; 2]>>() }
}
