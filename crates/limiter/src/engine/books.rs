//! The instance's [ledger](drl_core::engine::Ledger) with a clock, locks and tickets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use drl_core::engine::{
    Answer, Asked, Caller, Flight, Holdings, Known, Ledger, Request, Return, Trip, Turn, Unspent, name,
};
use drl_core::identity::Secret;
use drl_core::{Micros, Moment};
use drl_store::SystemClock;
use smallvec::SmallVec;

use super::Demand;
use super::errand::Errand;
use super::ticket::{Coming, Ticket};

/// Neighbouring names share a lock; no lock is held for longer than a look into a table.
const STRIPES: usize = 64;
/// How many denials are remembered in all.
const DENIALS: usize = 65_536;

pub(super) struct Books {
    stripes: Box<[Mutex<Stripe>]>,
    secret: Secret,
    clock: SystemClock,
}

type Stripe = Ledger<Ticket, Arc<Errand>>;
/// A store call for several requests.
pub(super) type Charter = Flight<Ticket, Arc<Errand>>;

/// What comes of a request that only asks whether.
pub(super) enum Whether {
    /// The books alone say so.
    Known(Known<Ticket, Arc<Errand>>),
    /// Only the store can tell.
    Undecided(Turn),
}

/// A request that may have to wait.
pub(super) struct Waiting<'a> {
    pub(super) demands: &'a [Demand<'a>],
    /// Where its answer will be, if it waits.
    pub(super) answer: Option<Coming>,
}

impl Caller<Ticket, Arc<Errand>> for Waiting<'_> {
    fn ticket(&mut self) -> Ticket {
        let (ticket, answer) = Ticket::new();
        self.answer = Some(answer);
        ticket
    }

    fn errand(&mut self) -> Arc<Errand> {
        Arc::new(Errand::new(self.demands))
    }
}

impl Books {
    pub(super) fn new(secret: Secret) -> Self {
        let stripe = |_| Mutex::new(Ledger::new(DENIALS / STRIPES));
        Self { stripes: (0..STRIPES).map(stripe).collect(), secret, clock: SystemClock::new() }
    }

    /// This instance's monotonic clock. It may be off by a microsecond or two, which is less than what a question
    /// takes to the store; and a lease ends a thirty-second of its life early.
    pub(super) fn now(&self) -> Moment {
        self.clock.uptime()
    }

    /// How long until then.
    pub(super) fn until(&self, moment: Moment) -> Duration {
        moment.since(self.now()).into()
    }

    /// The name of everything the demands ask for together: 128 bits under a secret that nobody outside knows.
    #[inline]
    pub(super) fn name(&self, demands: &[Demand<'_>]) -> u128 {
        name(demands.iter().map(Demand::counted), &self.secret)
    }

    /// A request comes.
    pub(super) fn ask(&self, request: &Request, waiting: &mut Waiting<'_>) -> Asked<Ticket, Arc<Errand>> {
        let now = self.now();
        self.stripe(request.name).ask(request, now, waiting)
    }

    /// A request comes that only asks whether: one look at the clock, one lock.
    #[inline]
    pub(super) fn admit(&self, request: &Request, waiting: &mut Waiting<'_>) -> Whether {
        let now = self.now();
        let mut stripe = self.stripe(request.name);
        match stripe.recall(request, now) {
            Some(known) => Whether::Known(known),
            None => Whether::Undecided(stripe.join(request, now, waiting)),
        }
    }

    /// What the books alone say to a request that only asks whether.
    pub(super) fn recall(&self, request: &Request) -> Option<Known<Ticket, Arc<Errand>>> {
        let now = self.now();
        self.stripe(request.name).recall(request, now)
    }

    /// What the books alone say to a request that must not lead to a store call of its own.
    pub(super) fn decide(&self, request: &Request) -> Option<Asked<Ticket, Arc<Errand>>> {
        let now = self.now();
        self.stripe(request.name).decide(request, now)
    }

    /// A call has come back: serves those whom it has borrowed for. What was meant for requests that have gone
    /// away, and whose lease has gone too, is to be given back.
    pub(super) fn land(&self, name: u128, trip: &Trip<'_>) -> Vec<Answer> {
        let now = self.now();
        let served = self.stripe(name).land(name, trip, now);
        let refused = served.into_iter().filter_map(|(ticket, answer)| ticket.tell(Ok(answer)).err()?.ok());
        refused.filter(|answer| !self.stripe(name).put_back(name, answer)).collect()
    }

    /// The call has failed: those who wait.
    pub(super) fn strand(&self, name: u128) -> Vec<Ticket> {
        self.stripe(name).strand(name)
    }

    /// The next flight; nobody, and the lane is idle.
    pub(super) fn board(&self, name: u128) -> Option<Charter> {
        let now = self.now();
        self.stripe(name).board(name, now)
    }

    /// Something was given back.
    pub(super) fn forget(&self, name: u128) {
        self.stripe(name).forget(name);
    }

    /// What is borrowed under that name, to be given back.
    pub(super) fn surrender(&self, name: u128) -> SmallVec<[Unspent; 2]> {
        self.stripe(name).surrender(name)
    }

    /// How much of what is borrowed may still be spent.
    pub(super) fn at_hand(&self, name: u128) -> u64 {
        let now = self.now();
        self.stripe(name).at_hand(name, now)
    }

    /// How much is in the books.
    pub(super) fn holdings(&self) -> Holdings {
        let now = self.now();
        let held = self.stripes.iter().map(|stripe| lock(stripe).holdings(now));
        held.fold(Holdings::default(), |all, held| Holdings {
            names: all.names + held.names,
            tokens: all.tokens + held.tokens,
        })
    }

    /// When something borrowed expires next.
    pub(super) fn next_end(&self) -> Option<Moment> {
        self.stripes.iter().filter_map(|stripe| lock(stripe).next_end()).min()
    }

    /// What can't be spent any more.
    pub(super) fn expired(&self) -> Vec<Return<Arc<Errand>>> {
        let now = self.now();
        self.stripes.iter().flat_map(|stripe| lock(stripe).tick(now)).collect()
    }

    /// Everything that is borrowed.
    pub(super) fn give_up(&self) -> Vec<Return<Arc<Errand>>> {
        self.stripes.iter().flat_map(|stripe| lock(stripe).give_up()).collect()
    }

    fn stripe(&self, name: u128) -> MutexGuard<'_, Stripe> {
        let index = usize::try_from(name % STRIPES as u128).unwrap_or(0);
        lock(&self.stripes[index])
    }
}

fn lock(stripe: &Mutex<Stripe>) -> MutexGuard<'_, Stripe> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The longest life of a lease on all demands; zero if nothing is to be borrowed.
pub(super) fn lease(demands: &[Demand<'_>]) -> Micros {
    demands.iter().map(|demand| demand.limit.lease()).min().unwrap_or_default()
}
