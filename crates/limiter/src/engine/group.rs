//! Group commit, driven: who comes first makes the store call; who comes meanwhile shares the next one.
//!
//! Requests that wait cost no task. The one who leads makes its own call in its own task, so an idle lane
//! adds nothing; if others have come in the meantime, one task is spawned for all flights until nobody is
//! left. A request that goes away while it waits is found out when its part is handed to it: the part goes
//! back to the store. A leader that goes away in the middle of its call leaves the call as it is (it may have
//! counted) and the others to the next flight.

use std::sync::Arc;

use drl_core::check::Check;
use drl_core::lane::{Flight, Landed};
use drl_core::{Mode, Source};
use drl_store::StoreError;
use smallvec::smallvec;

use super::errand::{Cargo, Errand};
use super::lanes::{Boarding, Ticket};
use super::walk::{Walk, Walked};
use super::{Demand, Detail, Engine, Inner, Want};

impl Engine {
    /// Decides a taking request, together with others where there are any.
    pub(super) async fn take(
        &self,
        demands: &[Demand<'_>],
        detail: Detail,
    ) -> Result<(Walked, Source), StoreError> {
        self.guarded()?;
        if !self.0.store.is_shared() || !is_groupable(demands) {
            return self.0.walk(demands, Want::Take, detail).await.map(|walked| (walked, Source::Store));
        }
        let name = self.0.lanes.name(demands);
        match self.0.lanes.ask(name, demands, detail) {
            Boarding::Denied(walked) => Ok((walked, Source::DenialMemory)),
            Boarding::Overloaded => Err(StoreError::Unavailable {
                reason: "overloaded: too many requests wait for the same limit".to_owned(),
                may_have_counted: false,
            }),
            Boarding::Wait(answer) => {
                let lost = StoreError::Unavailable {
                    reason: "the call for several requests was lost".to_owned(),
                    may_have_counted: true,
                };
                answer.await.unwrap_or(Err(lost)).map(|walked| (walked, Source::Store))
            }
            Boarding::Lead => {
                let lead = Lead { engine: &self.0, name };
                let asked = self.0.lanes.now();
                let result = self.0.walk(demands, Want::Take, detail).await;
                match &result {
                    Ok(walked) if !walked.allowed => {
                        self.0.lanes.learn(name, demands[0].cost, asked, walked);
                    }
                    Ok(_) => {}
                    Err(error) => self.0.strand(name, error),
                }
                drop(lead);
                result.map(|walked| (walked, Source::Store))
            }
        }
    }
}

/// Requests can share a call if each of their limits is asked for the same, and none is told to wait its turn.
fn is_groupable(demands: &[Demand<'_>]) -> bool {
    demands.first().is_some_and(|first| {
        first.cost > 0 && demands.iter().all(|demand| demand.cost == first.cost && !demand.limit.is_queue())
    })
}

/// Whoever leads sees to those who wait, also when it is dropped in the middle of its call.
struct Lead<'a> {
    engine: &'a Arc<Inner>,
    name: u128,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if let Some((flight, errand)) = self.engine.lanes.board(self.name) {
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => {
                    let (engine, name) = (Arc::clone(self.engine), self.name);
                    runtime.spawn(async move { engine.fly(name, flight, errand).await });
                }
                Err(_) => drop(flight), // their tickets say that the call was lost
            }
        }
    }
}

impl Inner {
    /// Makes one store call after the other until nobody waits.
    async fn fly(self: Arc<Self>, name: u128, flight: Flight<Ticket>, errand: Arc<Errand>) {
        let mut next = Some((flight, errand));
        while let Some((flight, errand)) = next {
            self.fetch(name, flight, &errand).await;
            next = self.lanes.board(name);
        }
    }

    async fn fetch(self: &Arc<Self>, name: u128, flight: Flight<Ticket>, errand: &Errand) {
        let detail = match flight.passengers().any(|passenger| passenger.ticket.detail == Detail::Full) {
            true => Detail::Full,
            false => Detail::Verdict,
        };
        let partitions = errand.partitions();
        let demands = errand.demands(&partitions, flight.cost());
        let walk = Walk { store: self.store.as_ref(), hints: &self.hints, demands: &demands, detail };
        let asked = self.lanes.now();
        let haul = match self.noted(walk.haul().await) {
            Ok(haul) => haul,
            Err(error) => {
                for passenger in flight.into_passengers() {
                    let _ = passenger.ticket.answer.send(Err(error.clone())); // it may have gone away
                }
                return self.strand(name, &error);
            }
        };
        let denial = haul.denial.clone();
        if let Some(denial) = &denial {
            self.lanes.learn(name, 1, asked, denial);
        }
        let (landed, _spare) = flight.land(haul.granted);
        let mut cargo = Cargo::new(haul);
        let mut undecided = Vec::new();
        for Landed { passenger, left } in landed {
            match (left, &denial) {
                (Some(left), _) => {
                    let part = cargo.part(passenger.cost, left);
                    if let Err(Ok(part)) = passenger.ticket.answer.send(Ok(part)) {
                        cargo.put_back(part);
                    }
                }
                (None, Some(denial)) if passenger.cost == 1 => {
                    let _ = passenger.ticket.answer.send(Ok(denial.clone())); // it may have gone away
                }
                // What a larger cost is to be told, only the store knows.
                (None, _) => undecided.push(passenger),
            }
        }
        cargo.clear();
        if self.give_back(&demands, &cargo).await {
            self.lanes.forget(name);
        }
        for passenger in undecided {
            let demands = errand.demands(&partitions, passenger.cost);
            let answer = self.walk(&demands, Want::Take, passenger.ticket.detail).await;
            let _ = passenger.ticket.answer.send(answer); // it may have gone away
        }
    }

    /// Gives back what was charged for nobody; whether there was any. If that fails it counts as spent.
    async fn give_back(&self, demands: &[Demand<'_>], cargo: &Cargo) -> bool {
        let charges = demands
            .iter()
            .zip(&cargo.spare)
            .flat_map(|(demand, spare)| spare.iter().map(move |&(shard, cost)| demand.ask(shard, cost)));
        let mode = Mode::Refund(cargo.at());
        let batch: Vec<Check<'_>> = charges.map(|ask| Check { asks: smallvec![ask], mode }).collect();
        if !batch.is_empty() {
            self.store.decide(&batch).wait().await;
        }
        !batch.is_empty()
    }

    /// The call before has failed, so those who wait are not made to wait for the same.
    fn strand(&self, name: u128, error: &StoreError) {
        while let Some((flight, _)) = self.lanes.board(name) {
            for passenger in flight.into_passengers() {
                let _ = passenger.ticket.answer.send(Err(unsent(error))); // it may have gone away
            }
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
