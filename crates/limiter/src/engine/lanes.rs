//! Lanes and remembered denials, by the name of what is asked for. The rules are in [`drl_core::lane`] and
//! [`drl_core::denials`]; here they get a clock, locks and tickets.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use drl_core::denials::{Denial, Denials};
use drl_core::lane::{Asked, Flight, Lane};
use drl_core::{Micros, Moment, Retry};
use drl_store::StoreError;
use tokio::sync::oneshot;

use super::errand::Errand;
use super::walk::Walked;
use super::{Demand, Detail};

/// Neighbouring names share a lock; no lock is held for longer than a look into a table.
const STRIPES: usize = 64;
/// How many denials are remembered in all.
const DENIALS: usize = 65_536;

/// How a waiting request is told its answer.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) answer: oneshot::Sender<Result<Walked, StoreError>>,
    pub(super) detail: Detail,
}

/// What a request is to do.
pub(super) enum Boarding {
    /// Nothing: the store has said no, and it is too early for anything else.
    Denied(Walked),
    /// Make the store call, then see to those who wait.
    Lead,
    /// Wait for the answer.
    Wait(oneshot::Receiver<Result<Walked, StoreError>>),
    /// Too many wait.
    Overloaded,
}

pub(super) struct Lanes {
    stripes: Box<[Mutex<Stripe>]>,
    names: [RandomState; 2],
    started: Instant,
}

struct Stripe {
    lanes: HashMap<u128, Line>,
    denials: Denials<Walked, RandomState>,
}

#[derive(Default)]
struct Line {
    lane: Lane<Ticket>,
    errand: Option<Arc<Errand>>,
}

impl Lanes {
    pub(super) fn new() -> Self {
        let stripe =
            |_| Mutex::new(Stripe { lanes: HashMap::new(), denials: Denials::new(DENIALS / STRIPES) });
        Self {
            stripes: (0..STRIPES).map(stripe).collect(),
            names: [RandomState::new(), RandomState::new()],
            started: Instant::now(),
        }
    }

    /// This instance's monotonic clock.
    pub(super) fn now(&self) -> Moment {
        Moment(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// The name of everything the demands ask for together: 128 bits under keys that nobody outside knows.
    pub(super) fn name(&self, demands: &[Demand<'_>]) -> u128 {
        let half = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            for demand in demands {
                hasher.write_u64(demand.limit.capacity());
                hasher.write_usize(demand.partition.len());
                demand.limit.key(demand.partition, 0).hash_into(&mut hasher);
            }
            u128::from(hasher.finish())
        };
        half(&self.names[0]) << 64 | half(&self.names[1])
    }

    /// A request comes.
    pub(super) fn ask(&self, name: u128, demands: &[Demand<'_>], detail: Detail) -> Boarding {
        let cost = demands.first().map_or(1, |demand| demand.cost);
        let now = self.now();
        let mut stripe = self.stripe(name);
        if let Some(denial) = stripe.denials.recall(name, cost, now) {
            return Boarding::Denied(told_later(denial, now));
        }
        let Line { lane, errand } = stripe.lanes.entry(name).or_default();
        let mut answered = None;
        let asked = lane.ask(cost, || {
            let (answer, receiver) = oneshot::channel();
            answered = Some(receiver);
            Ticket { answer, detail }
        });
        match (asked, answered) {
            (Asked::Wait, Some(receiver)) => {
                errand.get_or_insert_with(|| Arc::new(Errand::new(demands)));
                Boarding::Wait(receiver)
            }
            (Asked::Lead, _) => Boarding::Lead,
            _ => Boarding::Overloaded,
        }
    }

    /// The next flight and what it is to fetch; nobody, and the lane is gone.
    pub(super) fn board(&self, name: u128) -> Option<(Flight<Ticket>, Arc<Errand>)> {
        let mut stripe = self.stripe(name);
        let line = stripe.lanes.get_mut(&name)?;
        let boarded = line.lane.board().zip(line.errand.clone());
        if boarded.is_none() {
            stripe.lanes.remove(&name);
        }
        boarded
    }

    /// The store, asked after `asked`, has said no.
    pub(super) fn learn(&self, name: u128, cost: u64, asked: Moment, answer: &Walked) {
        let retry = answer.found.iter().fold(Retry::Now, |retry, found| retry.later(found.outcome.retry));
        if let Retry::After(wait) = retry {
            let (heard, answer) = (self.now(), answer.clone());
            self.stripe(name).denials.learn(name, Denial { cost, asked, heard, wait, answer });
        }
    }

    /// Something was given back.
    pub(super) fn forget(&self, name: u128) {
        self.stripe(name).denials.forget(name);
    }

    fn stripe(&self, name: u128) -> MutexGuard<'_, Stripe> {
        let index = usize::try_from(name % STRIPES as u128).unwrap_or(0);
        self.stripes[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same answer, with its times as they are seen at `now`.
fn told_later(denial: &Denial<Walked>, now: Moment) -> Walked {
    let passed = now.since(denial.heard);
    let left = |span: Micros| Micros(span.0.saturating_sub(passed.0).max(1));
    let mut answer = denial.answer.clone();
    for found in &mut answer.found {
        if let Retry::After(wait) = found.outcome.retry {
            found.outcome.retry = Retry::After(left(wait));
        }
        found.outcome.reset_after = left(found.outcome.reset_after);
    }
    answer
}
