//! What is known at once: by a store in this process, or by the books of one that is shared. No future, no line,
//! mostly one look into one table.
//!
//! Nothing of this is kept while a request waits: a thousand that wait hold a ticket each, and not what they
//! were made of, which is out of the cache by the time they are told.

use drl_core::Admission;
use drl_core::engine::{Answer, Detail, Known, Request, Turn};
use drl_store::StoreError;

use super::books::{Waiting, Whether, lease};
use super::group::{Lead, common_cost};
use super::ticket::Coming;
use super::{Demand, Engine, Want, counted};
use crate::error::Error;

/// What comes at once of a request that only asks whether.
pub(crate) enum AtOnce<'a> {
    /// It is decided.
    Known(bool),
    /// The answer comes with a call for several.
    Waits(Coming),
    /// The store is to be asked; if there is a line, by whoever leads it.
    Asks(Option<Box<Lead<'a>>>),
}

impl Engine {
    /// [`Engine::decide`] for callers who only ask whether: the least work for the store.
    ///
    /// # Errors
    /// As [`Engine::decide`].
    pub async fn admits(&self, demands: &[Demand<'_>]) -> Result<bool, Error> {
        if let Some(admitted) = self.here(demands) {
            return Ok(admitted);
        }
        match self.by_the_books(demands) {
            AtOnce::Known(admitted) => Ok(admitted),
            AtOnce::Waits(answer) => self.heard(demands, answer.await),
            AtOnce::Asks(lead) => self.admits_in_full(demands, lead).await,
        }
    }

    /// [`Engine::admits`] where the store is to be asked.
    pub(crate) async fn admits_in_full(
        &self,
        demands: &[Demand<'_>],
        lead: Option<Box<Lead<'_>>>,
    ) -> Result<bool, Error> {
        let answer = match lead {
            Some(lead) => lead.fly(&counted(demands), Detail::Verdict).await,
            None => self.take(demands, Detail::Verdict).await.map(|(answer, _)| answer),
        };
        self.heard(demands, answer)
    }

    /// What the answer says; or what the failure policies of the demands say, where there is none.
    pub(crate) fn heard(
        &self,
        demands: &[Demand<'_>],
        answer: Result<Answer, StoreError>,
    ) -> Result<bool, Error> {
        match answer {
            Ok(answer) => Ok(answer.allowed),
            Err(error) => Ok(self.fall_back(demands, Want::Take, error)?.allowed),
        }
    }

    /// What the books of this instance say to all demands: borrowed tokens, a remembered denial, a place in line.
    pub(crate) fn by_the_books(&self, demands: &[Demand<'_>]) -> AtOnce<'_> {
        let Some(cost) = common_cost(demands).filter(|_| self.0.shared) else { return AtOnce::Asks(None) };
        let name = self.0.books.name(demands);
        let request = Request { name, cost, lease: lease(demands), told: false };
        let mut waiting = Waiting { demands, answer: None };
        let whether = if self.0.breaker.is_open() {
            self.0.books.recall(&request).map(Whether::Known)
        } else {
            Some(self.0.books.admit(&request, &mut waiting))
        };
        match whether {
            Some(Whether::Known(Known::Paid(None))) => AtOnce::Known(true),
            Some(Whether::Known(Known::Paid(Some(renewal)))) => {
                self.0.dispatch(name, *renewal);
                AtOnce::Known(true)
            }
            Some(Whether::Known(Known::Denied)) => AtOnce::Known(false),
            Some(Whether::Undecided(Turn::Lead(departure))) => {
                AtOnce::Asks(Some(Box::new(Lead::new(&self.0, name, departure))))
            }
            Some(Whether::Undecided(Turn::Wait)) => waiting.answer.map_or(AtOnce::Asks(None), AtOnce::Waits),
            Some(Whether::Undecided(Turn::Overloaded)) | None => AtOnce::Asks(None),
        }
    }

    /// Whether all demands can have their costs, by the store in this process, if the shard that comes first
    /// settles it.
    #[inline]
    pub(crate) fn here(&self, demands: &[Demand<'_>]) -> Option<bool> {
        let [demand] = demands else { return None };
        if self.0.shared || self.0.breaker.is_open() {
            return None;
        }
        let demand = demand.counted();
        let shards = demand.counters.shards();
        if shards > 1 {
            return self.here_at_a_shard(&demand);
        }
        let Admission { allowed, .. } = self.0.store.admit(&demand.ask(0, demand.cost))?;
        self.0.breaker.succeeded();
        Some(allowed)
    }

    #[inline(never)] // with a hash of its own, and not in the way of those who have one counter
    fn here_at_a_shard(&self, demand: &drl_core::engine::Demand<'_>) -> Option<bool> {
        let (hint, shards) = (self.0.hints.first(demand), demand.counters.shards());
        let Admission { allowed, exhausted } = self.0.store.admit(&demand.ask(hint.shard, demand.cost))?;
        self.0.breaker.succeeded();
        if allowed {
            hint.remember(if exhausted { (hint.shard + 1) % shards } else { hint.shard });
        }
        allowed.then_some(true)
    }
}
