//! The [engine's state machines](drl_core::engine), driven: who comes first makes the store call; who comes
//! meanwhile shares the next one; what was borrowed is spent without one.
//!
//! Requests that wait cost no task. The one who leads makes its own call in its own task, so an idle lane
//! adds nothing; if others have come in the meantime, one task is spawned for all flights until nobody is
//! left. A request that goes away while it waits is found out when its part is handed to it: the part goes
//! back. A leader that goes away in the middle of its call leaves the call as it is (it may have counted) and
//! the others to the next flight.

use std::sync::Arc;

use drl_core::Source;
use drl_core::check::Check;
use drl_core::engine::{Answer, Asked, Departure, Detail, Haul, Request, Trip, Turn, Want};
use drl_store::StoreError;

use super::books::{Charter, Waiting, lease};
use super::{Counted, Demand, Engine, Inner, counted};

impl Engine {
    /// Decides a taking request: by what this instance knows, or together with others where there are any.
    pub(super) async fn take(
        &self,
        demands: &[Demand<'_>],
        detail: Detail,
    ) -> Result<(Answer, Source), StoreError> {
        let Some(cost) = common_cost(demands).filter(|_| self.0.shared) else {
            self.guarded()?;
            let haul = self.0.walk(&counted(demands), (Want::Take, detail), &Departure::default()).await?;
            return Ok((haul.into_answer(), Source::Store));
        };
        let name = self.0.books.name(demands);
        let told = detail == Detail::Full;
        let request = Request { name, cost, lease: lease(demands), told };
        let mut waiting = Waiting { demands, answer: None };
        let asked = match self.guarded() {
            Ok(()) => self.0.books.ask(&request, &mut waiting),
            Err(open) => self.0.books.decide(&request).ok_or(open)?,
        };
        let turn = match asked {
            Asked::Decided { answer, renewal } => {
                renewal.into_iter().for_each(|flight| self.0.dispatch(name, *flight));
                let source = if answer.borrowed { Source::Lease } else { Source::DenialMemory };
                return Ok((answer, source));
            }
            Asked::Undecided(turn) => turn,
        };
        match (turn, waiting.answer) {
            (Turn::Lead(departure), _) => {
                let lead = Lead::new(&self.0, name, departure);
                Ok((lead.fly(&counted(demands), detail).await?, Source::Store))
            }
            (Turn::Wait, Some(answer)) => {
                let answer = answer.await?;
                let source = if answer.borrowed { Source::Lease } else { Source::Store };
                Ok((answer, source))
            }
            (Turn::Wait | Turn::Overloaded, _) => Err(StoreError::Unavailable {
                reason: "overloaded: too many requests wait for the same limit".to_owned(),
                may_have_counted: false,
            }),
        }
    }
}

/// Requests can share a call if each of their limits is asked for the same, and none is told to wait its turn.
pub(super) fn common_cost(demands: &[Demand<'_>]) -> Option<u64> {
    let cost = demands.first()?.cost;
    let alike = |demand: &Demand<'_>| demand.cost == cost && !demand.limit.counters().is_queue();
    (cost > 0 && demands.iter().all(alike)).then_some(cost)
}

/// The store call of the one who leads. Whoever leads sees to those who wait, also when it is dropped in the
/// middle of its call.
pub(crate) struct Lead<'a> {
    engine: &'a Arc<Inner>,
    name: u128,
    departure: Departure,
}

impl<'a> Lead<'a> {
    pub(super) fn new(engine: &'a Arc<Inner>, name: u128, departure: Departure) -> Self {
        Self { engine, name, departure }
    }

    /// Makes the call, and says what has come of it.
    pub(super) async fn fly(self, demands: &Counted<'_>, detail: Detail) -> Result<Answer, StoreError> {
        let Self { engine, name, departure } = &self;
        let result = engine.walk(demands, (Want::Take, detail), departure).await;
        match &result {
            Ok(haul) => {
                let cost = demands.first().map_or(0, |demand| demand.cost);
                engine.land((*name, demands), &Trip { departure, haul, cost }).await;
            }
            Err(error) => engine.strand(*name, error),
        }
        drop(self);
        result.map(Haul::into_answer)
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if tokio::runtime::Handle::try_current().is_err() {
            drop(self.engine.books.strand(self.name)); // nobody to fly: their tickets say that the call was lost
        }
        if let Some(flight) = self.engine.books.board(self.name) {
            self.engine.dispatch(self.name, flight);
        }
    }
}

impl Inner {
    /// Makes store calls in the background until nobody waits. Without a runtime to run in, those who wait are
    /// told that the call was lost.
    pub(super) fn dispatch(self: &Arc<Self>, name: u128, flight: Charter) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let engine = Arc::clone(self);
            runtime.spawn(async move { engine.fly(name, flight).await });
        } else {
            drop(flight);
            drop(self.books.strand(name));
            self.books.board(name);
        }
    }

    async fn fly(self: Arc<Self>, name: u128, flight: Charter) {
        let mut next = Some(flight);
        while let Some(flight) = next {
            self.fetch(name, flight).await;
            next = self.books.board(name);
        }
    }

    async fn fetch(self: &Arc<Self>, name: u128, flight: Charter) {
        let want = if flight.is_shared() { Want::TakeUpTo } else { Want::Take };
        let errand = Arc::clone(&flight.errand);
        let partitions = errand.partitions();
        let demands = errand.demands(&partitions, flight.cost());
        let haul = match self.walk(&demands, (want, flight.detail()), &flight.departure).await {
            Ok(haul) => haul,
            Err(error) => {
                for ticket in flight.into_tickets() {
                    let _ = ticket.tell(Err(error.clone())); // it may have gone away
                }
                return self.strand(name, &error);
            }
        };
        let cost = if flight.is_shared() { 1 } else { flight.cost() };
        self.land((name, &demands), &Trip { departure: &flight.departure, haul: &haul, cost }).await;
        let mut landing = flight.land(haul);
        for (ticket, answer) in landing.answers {
            if let Err(Ok(answer)) = ticket.tell(Ok(answer)) {
                landing.spare.put_back(answer);
            }
        }
        self.give_back(name, landing.spare.checks(&demands)).await;
        for passenger in landing.undecided {
            let demands = errand.demands(&partitions, passenger.cost);
            let order = (Want::Take, passenger.detail());
            let haul = self.walk(&demands, order, &Departure::default()).await;
            if let Err(Ok(answer)) = passenger.ticket.tell(haul.map(Haul::into_answer)) {
                self.give_back(name, answer.undo(&demands).collect()).await;
            }
        }
    }

    async fn land(self: &Arc<Self>, (name, demands): (u128, &Counted<'_>), trip: &Trip<'_>) {
        let unwanted = self.books.land(name, trip);
        if trip.haul.loan.leased.tokens > 0 {
            self.watch();
        }
        self.give_back(name, unwanted.iter().flat_map(|answer| answer.undo(demands)).collect()).await;
    }

    /// Gives back what was charged for nobody. If that fails it counts as spent.
    async fn give_back(&self, name: u128, batch: Vec<Check<'_>>) {
        if !batch.is_empty() {
            self.store.decide(&batch).wait().await;
            self.books.forget(name);
        }
    }

    /// The call before has failed, so those who wait are not made to wait for the same.
    fn strand(&self, name: u128, error: &StoreError) {
        for ticket in self.books.strand(name) {
            let _ = ticket.tell(Err(unsent(error))); // it may have gone away
        }
    }
}

/// The error for a request that was not sent because the one before it failed.
fn unsent(error: &StoreError) -> StoreError {
    match error.clone() {
        StoreError::Unavailable { reason, .. } => StoreError::Unavailable { reason, may_have_counted: false },
        StoreError::Timeout { after, .. } => StoreError::Timeout { after, may_have_counted: false },
        other => other,
    }
}
