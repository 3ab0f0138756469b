//! Requests, and the walks that are made for them.

use drl_core::Micros;
use drl_core::engine::{Answer, Departure, Flight, Passenger, Walk};
use std::collections::VecDeque;

use super::scenario::Wish;

/// A request and what has come of it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) instance: usize,
    pub(super) client: usize,
    pub(super) cost: u64,
    pub(super) wish: Wish,
    pub(super) refund: Option<u64>,
    /// Since when the client has been wanting to be served, if it is the last one of its client.
    pub(super) probe: Option<u64>,
    pub(super) fate: Fate,
    /// The walk that it makes itself.
    pub(super) leads: Option<usize>,
    /// What it was told, if it may be refunded.
    pub(super) answer: Option<Answer>,
    /// Where its admissions are recorded: counter and index.
    pub(super) admitted: Vec<(usize, usize)>,
}

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has no answer yet.
    Pending,
    /// It has one.
    Answered,
    /// Its caller has gone away.
    Gone,
    /// Its instance has crashed.
    Crashed,
}

impl Request {
    pub(super) fn crash(&mut self, instance: usize) {
        if self.instance == instance && self.fate == Fate::Pending {
            self.fate = Fate::Crashed;
        }
    }
}

/// A walk over the shards, and whom it is for.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    pub(super) instance: usize,
    pub(super) life: usize,
    pub(super) client: usize,
    pub(super) walk: Walk<'a>,
    pub(super) departure: Departure,
    pub(super) purpose: Purpose,
    /// When it started, in true time.
    pub(super) since: u64,
    pub(super) state: Progress,
    /// What the nodes have charged for it and nobody has accounted for yet.
    pub(super) charges: Vec<Charge>,
    /// What they have lent.
    pub(super) loan: Vec<Charge>,
    pub(super) loan_life: u64,
}

impl Operation<'_> {
    /// Whether what was left of the leases has been taken out of the books for it. A renewal leaves them.
    pub(super) fn empties_the_purse(&self) -> bool {
        match &self.purpose {
            Purpose::Lead(_) => true,
            Purpose::Flight(flight) => {
                flight.as_ref().is_some_and(|flight| flight.tickets().next().is_some())
            }
            _ => !self.departure.unspent.is_empty(),
        }
    }
}

/// Whom a walk is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The request that leads, and the line behind it.
    Lead(usize),
    /// Requests that share it.
    Flight(Option<Flight<usize, usize>>),
    /// One whose larger cost was not to be had in a flight; the others wait, and then the line.
    Alone(Passenger<usize>, VecDeque<Passenger<usize>>),
    /// What nobody wanted is on its way back; then those who wait alone, and the line.
    Settle(VecDeque<Passenger<usize>>),
    /// A request that shares nothing.
    Direct(usize),
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Running,
    Done,
    /// It failed, or nobody waits for it any more: what it has charged is lost.
    Lost,
}

/// What a node has charged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    pub(super) place: usize,
    pub(super) cost: u64,
    /// In true time.
    pub(super) at: u64,
    pub(super) stretch: usize,
    /// Before or after what happened in the same microsecond.
    pub(super) order: u64,
    /// How long it has to wait for its turn.
    pub(super) delay: Micros,
}
