//! Those who wait: flights, what is left of them, and what goes back.

use std::collections::VecDeque;

use drl_core::Mode;
use drl_core::check::Check;
use drl_core::engine::{Answer, Flight, Haul, Passenger, Unspent, Want};

use super::audit::Source;
use super::bug::Bug;
use super::call::Owner;
use super::network::Sender;
use super::operation::{Fate, Operation, Progress, Purpose, Request};
use super::run::{Event, Run};
use super::violation::Kind;

impl Run<'_> {
    /// A flight starts.
    pub(super) fn fly(&mut self, (instance, client): (usize, usize), flight: Flight<usize, usize>) {
        let boarded: Vec<usize> = flight.tickets().copied().collect();
        boarded.into_iter().for_each(|request| self.called((instance, client), request));
        let want = if flight.is_shared() { Want::TakeUpTo } else { Want::Take };
        let walk = self.walk((client, flight.cost()), want, self.detail());
        let departure = flight.departure.clone();
        let purpose = Purpose::Flight(Some(flight));
        let operation = self.operation((instance, client), (departure, purpose), walk);
        self.begin(operation);
    }

    /// The next of those who wait is called: it has to be the first.
    pub(super) fn called(&mut self, (instance, client): (usize, usize), request: usize) {
        let first = self.instances[instance].waiting[client].pop_front();
        if first != Some(request) {
            let message = format!("request {request} is called although {first:?} has waited longer");
            self.blame(Kind::OutOfOrder, None, message);
        }
    }

    pub(super) fn board(&mut self, instance: usize, client: usize) {
        let now = self.instances[instance].moment(self.now);
        let name = self.layout.name(client);
        if let Some(flight) = self.instances[instance].ledger.board(name, now) {
            self.fly((instance, client), flight);
        }
    }

    /// Hands out what a flight has brought.
    pub(super) fn landed(&mut self, operation: usize, flight: Flight<usize, usize>, haul: Haul) {
        let Operation { instance, client, .. } = self.operations[operation];
        let (shared, cost) = (flight.is_shared(), flight.cost());
        self.land(operation, &haul, if shared { 1 } else { cost });
        let mut landing = flight.land(haul);
        if self.bug == Some(Bug::ServeBackwards) {
            let (tickets, mut answers): (Vec<usize>, Vec<Answer>) = landing.answers.into_iter().unzip();
            answers.reverse();
            landing.answers = tickets.into_iter().zip(answers).collect();
        }
        let mut here = Vec::new();
        for (request, answer) in landing.answers {
            if self.requests[request].fate == Fate::Pending {
                here.push((request, answer));
            } else if self.bug != Some(Bug::KeepWhatNobodyWants) {
                landing.spare.put_back(answer);
            }
        }
        let layout = self.layout;
        let checks = landing.spare.checks(layout.demands(client, cost));
        self.given_back(operation, &checks);
        let mut cheapest_denied = u64::MAX;
        for (request, answer) in here {
            let cost = self.requests[request].cost;
            if !answer.allowed {
                cheapest_denied = cheapest_denied.min(cost);
            } else if cost >= cheapest_denied {
                let message = format!("request {request} gets what an earlier one of a flight was denied");
                self.blame(Kind::OutOfOrder, None, message);
            }
            self.answer(request, answer, Source::Walk(operation));
        }
        self.nothing_left(operation);
        let undecided: VecDeque<Passenger<usize>> = landing.undecided.into();
        if checks.is_empty() {
            self.alone((instance, client), undecided);
            return;
        }
        let since = self.operations[operation].since;
        let (departure, purpose) = (self.departure(instance), Purpose::Settle(undecided));
        let walk = self.walk((client, 1), Want::Peek, self.detail());
        let settle = self.operation((instance, client), (departure, purpose), walk);
        let owner = Owner::Operation(settle);
        self.send(&checks, Sender { instance, owner, origin: since });
    }

    /// What nobody wanted is back, or lost.
    pub(super) fn settled(&mut self, operation: usize) {
        let Operation { instance, client, .. } = self.operations[operation];
        self.operations[operation].state = Progress::Done;
        let purpose = std::mem::replace(&mut self.operations[operation].purpose, Purpose::Flight(None));
        let name = self.layout.name(client);
        self.instances[instance].ledger.forget(name);
        if let Purpose::Settle(undecided) = purpose {
            self.alone((instance, client), undecided);
        }
    }

    /// Those whose larger cost was not to be had ask for themselves, one after the other; then the line.
    pub(super) fn alone(&mut self, (instance, client): (usize, usize), mut rest: VecDeque<Passenger<usize>>) {
        match rest.pop_front() {
            Some(passenger) => {
                let walk = self.walk((client, passenger.cost), Want::Take, self.detail());
                let (departure, purpose) = (self.departure(instance), Purpose::Alone(passenger, rest));
                let operation = self.operation((instance, client), (departure, purpose), walk);
                self.begin(operation);
            }
            None => self.board(instance, client),
        }
    }

    /// A call has failed: those who wait are not made to wait for the same.
    pub(super) fn strand(&mut self, instance: usize, client: usize) {
        let name = self.layout.name(client);
        if self.bug == Some(Bug::DropWhenStranded) {
            drop(self.instances[instance].ledger.surrender(name));
            self.instances[instance].emptied(client);
        }
        for request in self.instances[instance].ledger.strand(name) {
            self.called((instance, client), request);
            if self.bug != Some(Bug::ForgetTheLine) {
                self.fail(request);
            }
        }
        self.board(instance, client);
    }

    /// An answer that was paid with borrowed tokens has found nobody.
    pub(super) fn put_back(&mut self, (instance, client): (usize, usize), (answer, origin): (&Answer, u64)) {
        let name = self.layout.name(client);
        if self.instances[instance].ledger.put_back(name, answer) {
            self.instances[instance].put_back(client, answer);
            return;
        }
        let shards = answer.found.iter().filter_map(|found| found.picks.first()).map(|&(shard, _)| shard);
        let unspent = Unspent { tokens: answer.granted, last: answer.at, shards: shards.collect() };
        self.give_back((instance, client), &[unspent], origin);
    }

    /// Sends back what was not spent; nobody waits for it.
    pub(super) fn give_back(&mut self, (instance, client): (usize, usize), unspent: &[Unspent], origin: u64) {
        let layout = self.layout;
        let demands = layout.demands(client, 1);
        let batch: Vec<Check<'_>> = unspent.iter().flat_map(|unspent| unspent.checks(demands)).collect();
        self.send(&batch, Sender { instance, owner: Owner::Nobody, origin });
    }

    /// Sees to it that leases go back when they end.
    pub(super) fn watch(&mut self, instance: usize) {
        let Some(end) = self.instances[instance].ledger.next_end() else { return };
        let at = self.instances[instance].when(end).max(self.now + 1);
        if self.instances[instance].ticks_at.is_none_or(|due| at < due || due <= self.now) {
            self.instances[instance].ticks_at = Some(at);
            self.at(at, Event::Tick(instance, self.instances[instance].life));
        }
    }

    pub(super) fn tick(&mut self, instance: usize) {
        self.instances[instance].ticks_at = None;
        let now = self.instances[instance].moment(self.now);
        for returned in self.instances[instance].ledger.tick(now) {
            let origin = self.hand_back((instance, returned.errand), &returned.unspent);
            self.give_back((instance, returned.errand), &returned.unspent, origin);
        }
        self.instances[instance].ticked(self.now);
        self.watch(instance);
    }

    /// A caller goes away. Who leads leaves its call as it is, and the line to the next flight.
    pub(super) fn leave(&mut self, request: usize) {
        let Request { instance, client, fate, leads, .. } = self.requests[request];
        if fate != Fate::Pending {
            return;
        }
        self.requests[request].fate = Fate::Gone;
        self.trace.note(self.now, || (Some(client), Vec::new(), format!("request {request} goes away")));
        if let Some(operation) = leads {
            self.operations[operation].state = Progress::Lost;
            self.lose(operation);
            if matches!(self.operations[operation].purpose, Purpose::Lead(_)) {
                self.board(instance, client);
            }
        }
    }

    /// A caller wants its charge back.
    pub(super) fn refund(&mut self, request: usize) {
        let Request { instance, client, cost, .. } = self.requests[request];
        let Some(answer) = self.requests[request].answer.take() else { return };
        if !self.instances[instance].up {
            return;
        }
        let mode = if answer.borrowed { Mode::Return(answer.at) } else { Mode::Refund(answer.at) };
        let layout = self.layout;
        let demands = layout.demands(client, cost);
        let mut batch: Vec<Check<'_>> = Vec::new();
        for (demand, found) in demands.iter().zip(&answer.found) {
            batch.extend(found.picks.iter().map(|&(shard, cost)| demand.give_back(shard, cost, mode)));
        }
        if batch.is_empty() {
            return; // the caller did not want to know what was charged where
        }
        let admitted = std::mem::take(&mut self.requests[request].admitted);
        let origin = admitted.iter().map(|&(place, index)| self.admitted[place][index].charged).min();
        for (place, index) in admitted {
            self.admitted[place][index].admission.cost = 0;
        }
        let origin = origin.unwrap_or(self.now);
        self.send(&batch, Sender { instance, owner: Owner::Refund(client), origin });
    }

    /// Every instance gives back what it holds.
    pub(super) fn stop(&mut self) {
        for instance in 0..self.instances.len() {
            if self.instances[instance].up {
                for returned in self.instances[instance].ledger.give_up() {
                    let origin = self.hand_back((instance, returned.errand), &returned.unspent);
                    self.give_back((instance, returned.errand), &returned.unspent, origin);
                }
            }
        }
    }
}
