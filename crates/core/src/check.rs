//! The one verb: decide many limits at once, all or nothing.

use smallvec::SmallVec;

use crate::algorithm::{Charge, LONGEST_LEASE, Rule, State};
use crate::decision::{Leased, Outcome, Retry, Verdict};
use crate::key::Key;
use crate::time::{Micros, Timestamp};

/// One limit of a check: which counter, under which rule, at which cost.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The counter.
    pub key: Key<'a>,
    /// The limit it is held to.
    pub rule: Rule,
    /// What the request costs here. Zero charges nothing and always fits.
    pub cost: u64,
}

/// What to do with the limits of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Charge every limit its cost, or none of them anything.
    Take,
    /// Charge every limit the same amount: as much as all of them have, at most the cost. A check that
    /// gets nothing is denied.
    TakeUpTo,
    /// `Take`; and if that is admitted, lend at most that many more of every limit, to be spent later: the
    /// same number of each, as many as all of them [may lend](Rule::lendable).
    Lease(u64),
    /// Say what `Take` would say; charge nothing.
    Peek,
    /// Give the costs back that were charged at that moment of the store's clock.
    Refund(Timestamp),
    /// Give back what was lent and has not been spent. That moment was the [last](Leased::last) at which it
    /// could have been.
    Return(Timestamp),
    /// Forget everything: the counters are as if nobody had ever asked. What is lent is still spent by whoever
    /// has borrowed it.
    Reset,
}

impl Mode {
    /// Whether it may charge something.
    #[must_use]
    pub fn charges(self) -> bool {
        matches!(self, Self::Take | Self::TakeUpTo | Self::Lease(_))
    }

    /// The charge of that cost that it gives back. One that can't have been made by `now` gives back nothing:
    /// the clock has stepped back, and what was charged by this clock is somebody else's.
    fn gives_back(self, cost: u64, now: Timestamp) -> Option<Charge> {
        let (at, latest) = match self {
            Self::Refund(at) => (at, now),
            Self::Return(last) => (last, now + LONGEST_LEASE),
            _ => return None,
        };
        Some(Charge { cost: if at <= latest { cost } else { 0 }, at })
    }
}

/// Limits that are decided together: atomically, all or nothing.
#[derive(Clone, Debug)]
pub struct Check<'a> {
    /// The limits. No two may name the same counter.
    pub asks: SmallVec<[Ask<'a>; 2]>,
    /// What to do with them.
    pub mode: Mode,
}

/// One limit and the state of its counter, for [`decide`].
#[derive(Debug)]
pub struct Slot<'a> {
    /// The limit.
    pub rule: &'a Rule,
    /// What the request costs here.
    pub cost: u64,
    /// The counter's state, changed only if the check is admitted.
    pub state: &'a mut State,
}

/// Decides all limits of a check at `now`, which the step that makes it atomic must see to: it is not before
/// the moment of the last decision on these counters. This is the specification that every store is held to.
pub fn decide(slots: &mut [Slot<'_>], mode: Mode, now: Timestamp) -> Verdict {
    slots.iter_mut().for_each(|slot| slot.rule.carry(slot.state, now));
    if mode == Mode::Reset {
        slots.iter_mut().for_each(|slot| *slot.state = State::Empty);
    }
    if mode == Mode::TakeUpTo {
        share(slots, now);
    }
    let mut outcomes: SmallVec<[Outcome; 2]> = slots.iter().map(|slot| ask(slot, mode, now)).collect();
    let allowed = outcomes.iter().all(|outcome| outcome.retry.is_now());
    for (slot, outcome) in slots.iter_mut().zip(&mut outcomes) {
        if let Some(charge) = mode.gives_back(slot.cost, now) {
            slot.rule.refund(slot.state, charge, now);
        } else if allowed && mode.charges() {
            slot.rule.charge(slot.state, slot.cost, now);
        }
        if !allowed {
            outcome.delay = Micros::ZERO;
        }
    }
    let leased = match mode {
        Mode::Lease(most) if allowed => lend(slots, most, now),
        _ => Leased::default(),
    };
    for (slot, outcome) in slots.iter().zip(&mut outcomes) {
        let status = slot.rule.status(slot.state, now);
        outcome.remaining = status.remaining;
        outcome.reset_after = status.reset_after;
    }
    let charges = allowed && mode.charges();
    let granted = slots.iter().map(|slot| slot.cost).max().filter(|_| charges).unwrap_or(0);
    Verdict { allowed, granted, leased, at: now, outcomes }
}

/// Lends the same number of tokens of every limit, for as long as all of them allow.
fn lend(slots: &mut [Slot<'_>], most: u64, now: Timestamp) -> Leased {
    let lendable = slots.iter().map(|slot| slot.rule.lendable(slot.state, now));
    let common = lendable.reduce(|a, b| Leased { tokens: a.tokens.min(b.tokens), life: a.life.min(b.life) });
    let leased = common.map(|common| Leased { tokens: common.tokens.min(most), ..common });
    match leased.filter(|leased| leased.tokens > 0) {
        Some(leased) => {
            slots.iter_mut().for_each(|slot| slot.rule.lend(slot.state, leased, now));
            leased
        }
        None => Leased::default(),
    }
}

/// Sets the costs to as much as all limits have, at most what was asked for. Who asks a limit for nothing
/// gets nothing there.
fn share(slots: &mut [Slot<'_>], now: Timestamp) {
    let has = |slot: &Slot<'_>| slot.cost.min(slot.rule.status(slot.state, now).remaining);
    let common = slots.iter().filter(|slot| slot.cost > 0).map(has).min().unwrap_or(0);
    // Asking for at least 1 turns "nothing to be had" into a denial that knows its retry.
    slots.iter_mut().for_each(|slot| slot.cost = slot.cost.min(common.max(1)));
}

/// What one limit says before anything is charged.
fn ask(slot: &Slot<'_>, mode: Mode, now: Timestamp) -> Outcome {
    let (retry, delay) = match mode {
        Mode::Refund(_) | Mode::Return(_) | Mode::Reset => (Retry::Now, Micros::ZERO),
        _ => (slot.rule.fit(slot.state, slot.cost, now), slot.rule.delay(slot.state, now)),
    };
    Outcome { retry, delay, remaining: 0, reset_after: Micros::ZERO }
}
