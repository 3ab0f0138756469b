//! A store node: counters, a clock that may step, and the one verb.

use drl_core::check::Slot;
use drl_core::{Leased, Micros, Mode, Rule, State, Timestamp, Verdict, decide};
use smallvec::SmallVec;

use super::bug::Bug;

/// True time zero on a store's clock.
pub(super) const EPOCH: u64 = 1_700_000_000_000_000;
/// A counter outlives its meaning by a second.
const GRACE: Micros = Micros::SECOND;

/// A node's clock and whether it is there.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) down_until: u64,
    /// Stretches of time in which the clock did not step and no data was lost; the last one is now.
    pub(super) stretches: Vec<Stretch>,
}

/// A stretch of time without a step of the clock or a loss of data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// Since when, in true time.
    pub(super) from: u64,
    /// How far the clock is off true time.
    pub(super) offset: i64,
}

impl Stretch {
    /// What the clock shows then, if it does not step.
    pub(super) fn clock(&self, now: u64) -> Timestamp {
        Timestamp((EPOCH + now).saturating_add_signed(self.offset))
    }
}

impl Node {
    pub(super) fn new(offset: i64) -> Self {
        Self { down_until: 0, stretches: vec![Stretch { from: 0, offset }] }
    }

    pub(super) fn stretch(&self) -> Stretch {
        self.stretches[self.stretches.len() - 1]
    }

    /// A new stretch begins, with the clock so much further off.
    pub(super) fn step(&mut self, now: u64, by: i64) {
        let offset = self.stretch().offset.saturating_add(by);
        self.stretches.push(Stretch { from: now, offset });
    }
}

/// One limit of a check, on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) place: usize,
    pub(super) rule: Rule,
    pub(super) cost: u64,
}

/// What a decision has really done to one counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effect {
    /// What could have been admitted before.
    pub(super) before: u64,
    /// And after.
    pub(super) after: u64,
}

/// A decision and what it has done.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) verdict: Verdict,
    pub(super) effects: SmallVec<[Effect; 2]>,
}

/// Decides one check on the counters, with the mistakes that are to be made.
pub(super) fn decide_on(
    states: &mut [State],
    parts: &[Part],
    (mode, now): (Mode, Timestamp),
    bug: Option<Bug>,
) -> Decided {
    let mut held: SmallVec<[State; 2]> =
        parts.iter().map(|part| std::mem::take(&mut states[part.place])).collect();
    for (state, part) in held.iter_mut().zip(parts) {
        let expires = part.rule.expires(state);
        let early = if bug == Some(Bug::ForgetTooEarly) { Micros::from_millis(20) } else { Micros::ZERO };
        let grace = if early == Micros::ZERO { GRACE } else { Micros::ZERO };
        if *state != State::Empty && expires + grace <= now + early {
            *state = State::Empty;
        }
        part.rule.carry(state, now);
    }
    let remaining = |held: &[State]| -> SmallVec<[u64; 2]> {
        held.iter().zip(parts).map(|(state, part)| part.rule.status(state, now).remaining).collect()
    };
    let before = remaining(&held);
    let verdict = match bug {
        Some(bug) => decide_wrongly(&mut held, parts, (mode, now), bug),
        None => decide_rightly(&mut held, parts, (mode, now)),
    };
    let after = remaining(&held);
    for (state, part) in held.into_iter().zip(parts) {
        states[part.place] = state;
    }
    let effects = before.into_iter().zip(after).map(|(before, after)| Effect { before, after }).collect();
    Decided { verdict, effects }
}

fn decide_rightly(held: &mut [State], parts: &[Part], (mode, now): (Mode, Timestamp)) -> Verdict {
    let slot = |(state, part): (_, &'_ Part)| (state, part.rule, part.cost);
    let owned: SmallVec<[(&mut State, Rule, u64); 2]> = held.iter_mut().zip(parts).map(slot).collect();
    let mut owned = owned;
    let mut slots: SmallVec<[Slot<'_>; 2]> =
        owned.iter_mut().map(|(state, rule, cost)| Slot { rule, cost: *cost, state }).collect();
    decide(&mut slots, mode, now)
}

fn decide_wrongly(held: &mut [State], parts: &[Part], (mode, now): (Mode, Timestamp), bug: Bug) -> Verdict {
    match (bug, mode) {
        (Bug::CreditAfterWindow, Mode::Refund(_) | Mode::Return(_)) => {
            decide_rightly(held, parts, (Mode::Refund(now), now))
        }
        (Bug::LendForFree, Mode::Lease(_)) => {
            let mut lent: SmallVec<[State; 2]> = held.iter().cloned().collect();
            decide_rightly(held, parts, (Mode::Take, now));
            decide_rightly(&mut lent, parts, (mode, now))
        }
        (Bug::RefillWhileLeased, Mode::Lease(most)) => lend_and_refill(held, parts, (most, now)),
        (Bug::ChargeOnDenial, Mode::Take | Mode::Lease(_)) => {
            let verdict = decide_rightly(held, parts, (mode, now));
            if !verdict.allowed {
                for (state, part) in held.iter_mut().zip(parts) {
                    if part.rule.fit(state, part.cost, now).is_now() {
                        part.rule.charge(state, part.cost, now);
                    }
                }
            }
            verdict
        }
        _ => decide_rightly(held, parts, (mode, now)),
    }
}

/// Lends of buckets as if what refills meanwhile were not there.
fn lend_and_refill(held: &mut [State], parts: &[Part], (most, now): (u64, Timestamp)) -> Verdict {
    let buckets = parts.iter().all(|part| matches!(part.rule, Rule::Bucket(rule) if !rule.is_queue()));
    if !buckets {
        return decide_rightly(held, parts, (Mode::Lease(most), now));
    }
    let mut verdict = decide_rightly(held, parts, (Mode::Take, now));
    let lendable = |(state, part): (&State, &Part)| part.rule.status(state, now).remaining / 8;
    let tokens = held.iter().zip(parts).map(lendable).min().unwrap_or(0).min(most);
    if verdict.allowed && tokens > 0 {
        let life = parts.iter().map(|part| part.rule.longest_lease()).min().unwrap_or_default();
        for (state, part) in held.iter_mut().zip(parts) {
            part.rule.charge(state, tokens, now);
        }
        verdict.leased = Leased { tokens, life };
    }
    verdict
}
