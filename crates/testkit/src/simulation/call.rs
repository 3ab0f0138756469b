//! A store call on its way: checks, the nodes they go to, and the answers so far.
//!
//! A check whose counters live on several nodes is decided node by node: what was charged before is given back
//! when a later node says no. (Nothing is lent there: the nodes would have to agree on how much.)

use drl_core::{Mode, Outcome, Retry, Timestamp, Verdict};
use smallvec::SmallVec;

use super::node::Part;

/// Who waits for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A walk.
    Operation(usize),
    /// A caller of that client has asked for a refund.
    Refund(usize),
    /// Nobody: something is given back.
    Nobody,
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) owner: Owner,
    pub(super) instance: usize,
    /// Which start of that instance.
    pub(super) life: usize,
    pub(super) questions: Vec<Question>,
    /// How many are not answered yet.
    pub(super) open: usize,
    /// Nobody waits any more.
    pub(super) over: bool,
    pub(super) retried: bool,
    /// Since when, in true time, what is given back was charged.
    pub(super) origin: u64,
}

/// A check on its way through one node or several.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) mode: Mode,
    pub(super) legs: SmallVec<[Leg; 1]>,
    pub(super) stage: Stage,
    /// What the nodes have said.
    pub(super) verdicts: SmallVec<[Verdict; 1]>,
    pub(super) answer: Option<Verdict>,
}

/// How far a question has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// That leg is asked.
    Asking(usize),
    /// So many legs have yet to give back.
    Undoing(usize),
}

/// The limits of a check that live on one node.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) node: usize,
    /// With their places in the check.
    pub(super) parts: SmallVec<[(usize, Part); 2]>,
}

/// What is sent to a node.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) call: usize,
    pub(super) node: usize,
    pub(super) connection: usize,
    /// Which generation of connections.
    pub(super) link: u64,
    pub(super) items: Vec<Item>,
    /// The answers on their way back.
    pub(super) verdicts: Vec<Verdict>,
}

/// One leg of a question.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) question: usize,
    pub(super) leg: usize,
    pub(super) mode: Mode,
}

impl Question {
    pub(super) fn new(mode: Mode, parts: impl Iterator<Item = (usize, Part)>) -> Self {
        let mut legs: SmallVec<[Leg; 1]> = SmallVec::new();
        for (node, part) in parts {
            let index = legs.iter().map(|leg| leg.parts.len()).sum();
            match legs.iter_mut().find(|leg| leg.node == node) {
                Some(leg) => leg.parts.push((index, part)),
                None => legs.push(Leg { node, parts: smallvec::smallvec![(index, part)] }),
            }
        }
        let mode = match mode {
            Mode::Lease(_) if legs.len() > 1 => Mode::Take,
            mode => mode,
        };
        Self { mode, legs, stage: Stage::Asking(0), verdicts: SmallVec::new(), answer: None }
    }

    /// A leg has answered: what to send next.
    pub(super) fn hear(&mut self, verdict: Verdict, (undo, bug): (bool, bool)) -> Vec<(usize, Mode)> {
        match self.stage {
            Stage::Undoing(left) if undo => {
                self.stage = Stage::Undoing(left - 1);
                if left == 1 {
                    self.answer = Some(self.denied());
                }
                Vec::new()
            }
            Stage::Asking(leg) if !undo => {
                let allowed = verdict.allowed;
                self.verdicts.push(verdict);
                if leg > 0 && !allowed && !bug {
                    self.stage = Stage::Undoing(leg);
                    return (0..leg).map(|leg| (leg, Mode::Refund(self.verdicts[leg].at))).collect();
                }
                if !allowed || leg + 1 == self.legs.len() {
                    self.answer = Some(if allowed { self.joined() } else { self.denied() });
                    return Vec::new();
                }
                self.stage = Stage::Asking(leg + 1);
                vec![(leg + 1, self.mode)]
            }
            _ => Vec::new(), // a late copy
        }
    }

    /// All legs have said yes.
    fn joined(&self) -> Verdict {
        let granted = self.verdicts.iter().map(|verdict| verdict.granted).max().unwrap_or(0);
        let leased = self.verdicts.first().map(|verdict| verdict.leased).unwrap_or_default();
        Verdict { allowed: true, granted, leased, at: self.at(), outcomes: self.outcomes(0) }
    }

    /// One leg has said no.
    fn denied(&self) -> Verdict {
        let leased = drl_core::Leased::default();
        Verdict { allowed: false, granted: 0, leased, at: self.at(), outcomes: self.outcomes(1) }
    }

    /// The earliest of the nodes' clocks: a refund never claims too late a charge.
    fn at(&self) -> Timestamp {
        self.verdicts.iter().map(|verdict| verdict.at).min().unwrap_or_default()
    }

    /// What the legs have said, in the order of the check, with `given_back` times their cost back again.
    fn outcomes(&self, given_back: u64) -> SmallVec<[Outcome; 2]> {
        let unasked = Outcome {
            retry: Retry::Now,
            remaining: 0,
            reset_after: drl_core::Micros::ZERO,
            delay: drl_core::Micros::ZERO,
        };
        let parts = self.legs.iter().map(|leg| leg.parts.len()).sum();
        let mut outcomes: SmallVec<[Outcome; 2]> = smallvec::smallvec![unasked; parts];
        for (leg, verdict) in self.legs.iter().zip(&self.verdicts) {
            for ((index, part), outcome) in leg.parts.iter().zip(&verdict.outcomes) {
                outcomes[*index] = *outcome;
                if verdict.allowed && self.legs.len() > 1 {
                    outcomes[*index].remaining += part.cost * given_back;
                }
            }
        }
        outcomes
    }
}
