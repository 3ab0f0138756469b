//! One stripe: a table and the clock hand that sweeps it. Everything here happens under the stripe's lock.

use drl_core::Timestamp;
use drl_core::identity::Id;

use super::packed::Packed;
use super::room::{NoRoom, Room};
use super::table::Table;
use crate::clock::Clock;

#[derive(Debug, Default)]
pub(super) struct Stripe {
    table: Table,
    /// The next slot to sweep.
    hand: usize,
    /// Decisions so far, wrapping.
    decisions: u32,
    /// Insertions since they last swept.
    unswept: u32,
    /// The moment of the last decision or sweep.
    latest: Timestamp,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Swept {
    pub(super) looked_at: usize,
    pub(super) dropped: usize,
}

impl Stripe {
    /// An insertion sweeps four slots; eight insertions do so together, because the hand's place is not
    /// in the processor's cache. So at most a quarter of the table's capacity is expired and unswept.
    const INSERTIONS_PER_SWEEP: u32 = 8;
    const SLOTS_PER_SWEEP: usize = 32;
    /// Every so many decisions the store sweeps a stripe, so that memory returns without insertions.
    const DECISIONS_PER_SWEEP: u32 = 256;

    pub(super) fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// The moment of the last decision or sweep here.
    pub(super) fn latest(&self) -> Timestamp {
        self.latest
    }

    /// Notes that it is `now` here.
    pub(super) fn note(&mut self, now: Timestamp) {
        self.latest = now;
    }

    /// The moment of a decision or a sweep, which is not before the last one: a charge at an earlier moment
    /// would move the one before it back in time as well, and out of its window early.
    #[inline]
    pub(super) fn moment(&mut self, clock: &impl Clock, read: Timestamp) -> Timestamp {
        self.latest = clock.moment(read, self.latest);
        self.latest
    }

    /// Notes a decision; whether it is time to sweep somewhere.
    #[inline]
    pub(super) fn is_sweep_due(&mut self) -> bool {
        self.decisions = self.decisions.wrapping_add(1);
        self.decisions.is_multiple_of(Self::DECISIONS_PER_SWEEP)
    }

    #[inline]
    pub(super) fn find(&self, id: Id) -> Option<usize> {
        self.table.find(id)
    }

    #[inline]
    pub(super) fn at(&mut self, at: usize) -> &mut Packed {
        self.table.at(at)
    }

    /// Makes room in the table for `more` counters. Nobody's place changes but by growth.
    pub(super) fn make_room(&mut self, more: usize, room: &Room) -> Result<(), NoRoom> {
        if self.table.fits(more) {
            return Ok(());
        }
        let capacity = Table::capacity_for(self.table.len() + more);
        let bytes = Table::bytes(capacity) - Table::bytes(self.table.capacity());
        room.take_table(bytes)?;
        self.table.resize(capacity).map_err(|_| {
            room.return_table(bytes);
            NoRoom::Bytes
        })
    }

    /// Adds a counter for which there is room.
    pub(super) fn insert(&mut self, id: Id, packed: Packed) {
        self.table.insert(id, packed);
        self.unswept = self.unswept.saturating_add(1);
    }

    /// Pays the sweep that insertions owe, and returns room that was made for nothing. Places change.
    pub(super) fn settle(&mut self, now: Timestamp, room: &Room) {
        if self.unswept >= Self::INSERTIONS_PER_SWEEP {
            self.unswept = 0;
            self.sweep(Self::SLOTS_PER_SWEEP, now, room);
        } else if self.table.len() == 0 {
            self.shrink(room);
        }
    }

    /// Looks at the next `slots` slots, at most at each once, and drops what says nothing any more.
    pub(super) fn sweep(&mut self, slots: usize, now: Timestamp, room: &Room) -> Swept {
        let looked_at = slots.min(self.table.capacity());
        let (mut kept, mut dropped) = (0, 0);
        while kept < looked_at {
            if self.hand >= self.table.capacity() {
                self.hand = 0;
            }
            let packed = self.table.at(self.hand);
            if !packed.is_vacant() && packed.expires() <= now {
                // The hand stays: a follower may have moved in.
                let gone = self.table.remove(self.hand);
                room.return_boxed(gone.heap_bytes());
                dropped += 1;
            } else {
                self.hand += 1;
                kept += 1;
            }
        }
        if dropped > 0 {
            room.return_keys(dropped);
        }
        self.shrink(room);
        Swept { looked_at, dropped }
    }

    /// Gives memory back once three quarters of the table stand empty.
    fn shrink(&mut self, room: &Room) {
        let (len, capacity) = (self.table.len(), self.table.capacity());
        let fitting = Table::capacity_for(len);
        if len < capacity / 4 && fitting < capacity && self.table.resize(fitting).is_ok() {
            room.return_table(Table::bytes(capacity) - Table::bytes(fitting));
            self.hand = 0;
        }
    }
}
