//! The general path of a check: any number of limits, known and new counters, logs.
//!
//! All stripes of the check are locked first, each once and in ascending order, so that two checks never
//! wait for each other in a circle. Then room is taken for everything the check could add, then the core
//! decides, then states go back to their slots. Whatever can fail fails before anything is charged.

use drl_core::algorithm::LogState;
use drl_core::check::{Check, Slot};
use drl_core::identity::Id;
use drl_core::{Mode, Rule, State, Timestamp, Verdict, decide};
use smallvec::SmallVec;

use super::packed::Packed;
use super::room::{NoRoom, Room};
use super::stripe::Stripe;
use super::sync::MutexGuard;
use crate::clock::Clock;

/// The locked stripes of one check.
pub(super) struct Locked<'a> {
    /// Each stripe once.
    pub(super) stripes: SmallVec<[MutexGuard<'a, Stripe>; 2]>,
    /// One per ask, in the order of the check.
    pub(super) places: SmallVec<[Place; 2]>,
}

/// Where one ask's counter is, or would be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) id: Id,
    /// Index into [`Locked::stripes`].
    pub(super) stripe: usize,
}

/// What a check has taken of the store's room, or has used of it.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    keys: usize,
    boxed: usize,
}

impl Locked<'_> {
    /// Notes a decision; whether it is time to sweep somewhere.
    pub(super) fn is_sweep_due(&mut self) -> bool {
        self.stripes.first_mut().is_some_and(|stripe| stripe.is_sweep_due())
    }

    /// The moment of the decision: [`Stripe::moment`] for all of them.
    pub(super) fn moment(&mut self, clock: &impl Clock, read: Timestamp) -> Timestamp {
        let latest = self.stripes.iter().map(|stripe| stripe.latest()).max().unwrap_or_default();
        let now = clock.moment(read, latest);
        self.stripes.iter_mut().for_each(|stripe| stripe.note(now));
        now
    }

    /// Decides the check, or says which bound leaves no room for what it would add.
    #[inline(never)] // rare for one ask, and large
    pub(super) fn decide(
        &mut self,
        check: &Check<'_>,
        now: Timestamp,
        room: &Room,
    ) -> Result<Verdict, NoRoom> {
        let taken = match check.mode {
            mode if mode.charges() => self.take_room(check, room),
            _ => Ok(Taken::default()),
        };
        match taken {
            Ok(taken) => Ok(self.decide_with(check, now, room, taken)),
            Err(no_room) => {
                // A denial adds nothing, so it needs no room.
                let verdict = self.decide_with(&peeked(check), now, room, Taken::default());
                if verdict.allowed { Err(no_room) } else { Ok(verdict) }
            }
        }
    }

    /// Takes room for every new counter and for every log that may grow.
    fn take_room(&mut self, check: &Check<'_>, room: &Room) -> Result<Taken, NoRoom> {
        let mut new: SmallVec<[usize; 2]> = SmallVec::from_elem(0, self.stripes.len());
        let lends = matches!(check.mode, Mode::Lease(_));
        let (mut taken, mut new_boxed) = (Taken::default(), 0);
        for (place, ask) in self.places.iter().zip(&check.asks).filter(|(_, ask)| ask.cost > 0 || lends) {
            let stripe = &mut self.stripes[place.stripe];
            match stripe.find(place.id).map(|at| stripe.at(at)) {
                Some(Packed::SlidingLog { log, .. }) => taken.boxed += log.growth(),
                Some(_) => taken.boxed += size_of::<State>(), // packing may box it this time
                None => {
                    new[place.stripe] += 1;
                    taken.keys += 1;
                    new_boxed += first_box(&ask.rule);
                }
            }
        }
        for (stripe, &new) in self.stripes.iter_mut().zip(&new) {
            stripe.make_room(new, room)?;
        }
        room.take_keys(taken.keys)?;
        room.take_growth(taken.boxed).inspect_err(|_| room.return_keys(taken.keys))?;
        room.take_new_boxed(new_boxed).inspect_err(|_| {
            room.return_keys(taken.keys);
            room.return_boxed(taken.boxed);
        })?;
        taken.boxed += new_boxed;
        Ok(taken)
    }

    fn decide_with(&mut self, check: &Check<'_>, now: Timestamp, room: &Room, taken: Taken) -> Verdict {
        let mut boxed_before = taken.boxed;
        let mut states: SmallVec<[State; 2]> = SmallVec::new();
        for place in &self.places {
            let stripe = &mut self.stripes[place.stripe];
            let state = stripe.find(place.id).map(|at| stripe.at(at)).map(|packed| {
                boxed_before += packed.heap_bytes();
                packed.lend()
            });
            states.push(state.unwrap_or_default());
        }
        let mut slots: SmallVec<[Slot<'_>; 2]> = check
            .asks
            .iter()
            .zip(&mut states)
            .map(|(ask, state)| Slot { rule: &ask.rule, cost: ask.cost, state })
            .collect();
        let verdict = decide(&mut slots, check.mode, now);
        drop(slots);
        let mut added = Taken::default();
        for ((place, ask), state) in self.places.iter().zip(&check.asks).zip(states) {
            let put = put(&mut self.stripes[place.stripe], place.id, Packed::pack(state, &ask.rule));
            added.keys += put.keys;
            added.boxed += put.boxed;
        }
        room.return_keys(taken.keys - added.keys);
        match boxed_before.checked_sub(added.boxed) {
            Some(spare) => room.return_boxed(spare),
            None => room.note_boxed(added.boxed - boxed_before),
        }
        if taken.keys > 0 {
            self.stripes.iter_mut().for_each(|stripe| stripe.settle(now, room));
        }
        verdict
    }
}

/// Puts a state back into its slot, or into a new one if it has something to say.
fn put(stripe: &mut Stripe, id: Id, packed: Packed) -> Taken {
    let boxed = packed.heap_bytes();
    match stripe.find(id) {
        Some(at) => {
            *stripe.at(at) = packed;
            Taken { keys: 0, boxed }
        }
        None if packed.is_vacant() => Taken::default(),
        None => {
            stripe.insert(id, packed);
            Taken { keys: 1, boxed }
        }
    }
}

/// The check as a question: a taking check is denied exactly when this is. (One that takes up to its
/// cost is denied when not even 1 is to be had.)
fn peeked<'a>(check: &Check<'a>) -> Check<'a> {
    let mut peek = Check { mode: Mode::Peek, ..check.clone() };
    if check.mode == Mode::TakeUpTo {
        peek.asks.iter_mut().for_each(|ask| ask.cost = ask.cost.min(1));
    }
    peek
}

/// The most that the first charge of a counter puts outside its slot.
fn first_box(rule: &Rule) -> usize {
    match rule {
        Rule::SlidingLog(_) => {
            let log = LogState::default();
            log.bytes() + log.growth()
        }
        _ => size_of::<State>(),
    }
}
