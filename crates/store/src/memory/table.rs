//! The table of one stripe: open addressing, linear probing, any capacity.
//!
//! Linear probing reads neighbours, which the processor has fetched already. The capacity need not be a
//! power of two, so a table grows by a quarter and stays between 68 % and 85 % full, where a power of
//! two would leave it half empty on average of its worst. Removal shifts the followers back instead of
//! leaving tombstones, so a table that has seen a flood is as fast as a new one.

use drl_core::identity::Id;

use super::packed::Packed;

/// One counter's place.
#[derive(Debug, Default)]
pub(super) struct Slot {
    id: Id,
    packed: Packed,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    len: usize,
}

/// The memory for another capacity could not be had.
#[derive(Debug)]
pub(super) struct OutOfMemory;

impl Table {
    /// The smallest capacity above zero.
    const LEAST: usize = 4;

    /// How many counters it holds.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// The bytes of a table of that capacity.
    pub(super) fn bytes(capacity: usize) -> usize {
        capacity * size_of::<Slot>()
    }

    /// The capacity for `len` counters with a quarter of growth ahead, at most 85 % full by then.
    pub(super) fn capacity_for(len: usize) -> usize {
        match len {
            0 => 0,
            len => (len + len / 4 + 1).max(Self::most(Self::LEAST)) * 20 / 17 + 1,
        }
    }

    /// How many counters a capacity may hold: 85 %, and always one slot less than all.
    fn most(capacity: usize) -> usize {
        (capacity * 17 / 20).min(capacity.saturating_sub(1))
    }

    /// Whether `more` counters fit without growing.
    pub(super) fn fits(&self, more: usize) -> bool {
        self.len + more <= Self::most(self.capacity())
    }

    /// Where the counter is.
    #[inline]
    pub(super) fn find(&self, id: Id) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = id.home(self.capacity());
        loop {
            let slot = &self.slots[at];
            if slot.id == id && !slot.packed.is_vacant() {
                return Some(at);
            }
            if slot.packed.is_vacant() {
                return None;
            }
            at = self.after(at);
        }
    }

    /// What is at a place given by [`Self::find`], or at any other below the capacity.
    #[inline]
    pub(super) fn at(&mut self, at: usize) -> &mut Packed {
        &mut self.slots[at].packed
    }

    /// Adds a counter that is not there yet. There must be room.
    pub(super) fn insert(&mut self, id: Id, packed: Packed) {
        debug_assert!(self.len < self.capacity(), "no vacant slot to stop a probe");
        let mut at = id.home(self.capacity());
        while !self.slots[at].packed.is_vacant() {
            at = self.after(at);
        }
        self.slots[at] = Slot { id, packed };
        self.len += 1;
    }

    /// Removes what is at `at` and shifts its followers back, so that no probe ends early.
    pub(super) fn remove(&mut self, at: usize) -> Packed {
        let (mut hole, mut next) = (at, self.after(at));
        while !self.slots[next].packed.is_vacant() {
            let home = self.slots[next].id.home(self.capacity());
            if self.distance(home, next) >= self.distance(hole, next) {
                self.slots.swap(hole, next);
                hole = next;
            }
            next = self.after(next);
        }
        self.len -= 1;
        std::mem::take(&mut self.slots[hole]).packed
    }

    /// Moves everything into a table of another capacity, which must be large enough.
    pub(super) fn resize(&mut self, capacity: usize) -> Result<(), OutOfMemory> {
        let mut slots = Vec::new();
        slots.try_reserve_exact(capacity).map_err(|_| OutOfMemory)?;
        slots.resize_with(capacity, Slot::default);
        let old = std::mem::replace(self, Self { slots, len: 0 });
        for Slot { id, packed } in old.slots {
            if !packed.is_vacant() {
                self.insert(id, packed);
            }
        }
        Ok(())
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    /// Steps from one place on to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.slots.len() - from }
    }
}

#[cfg(test)]
mod tests {
    use drl_core::algorithm::FixedWindowState;
    use proptest::prelude::*;
    use std::collections::HashMap;

    use super::*;

    fn packed(end: u64) -> Packed {
        Packed::FixedWindow(FixedWindowState { end, used: 1 })
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert(u64, u64),
        Remove(u64),
        Resize(usize),
    }

    /// Homes crowd at both ends of the table, so that runs are long and wrap around.
    fn id(of: u64) -> Id {
        let low = if of.is_multiple_of(2) { of << 56 } else { u64::MAX - (of << 56) };
        Id::from_words(of, low)
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..40_u64, any::<u64>()).prop_map(|(of, end)| Step::Insert(of, end)),
            3 => (0..40_u64).prop_map(Step::Remove),
            1 => (0..40_usize).prop_map(Step::Resize),
        ]
    }

    proptest! {
        #[test]
        fn a_table_is_a_map(steps in prop::collection::vec(step(), 1..400)) {
            let (mut table, mut model) = (Table::default(), HashMap::new());
            for step in steps {
                match step {
                    Step::Insert(of, end) => match table.find(id(of)) {
                        Some(at) => {
                            *table.at(at) = packed(end);
                            model.insert(of, end);
                        }
                        None if table.len() + 1 < table.capacity() => {
                            table.insert(id(of), packed(end));
                            model.insert(of, end);
                        }
                        None => {}
                    },
                    Step::Remove(of) => {
                        let removed = table.find(id(of)).map(|at| table.remove(at).expires().0);
                        prop_assert_eq!(removed, model.remove(&of));
                    }
                    Step::Resize(capacity) if capacity > table.len() => table.resize(capacity).unwrap(),
                    Step::Resize(_) => {}
                }
                prop_assert_eq!(table.len(), model.len());
                for of in 0..40 {
                    let found = table.find(id(of)).map(|at| table.at(at).expires().0);
                    prop_assert_eq!(found, model.get(&of).copied());
                }
            }
        }

        #[test]
        fn a_capacity_fits_what_it_was_made_for(len in 1..1_000_000_usize) {
            let capacity = Table::capacity_for(len);
            prop_assert!(len < Table::most(capacity), "no growth ahead");
            prop_assert!(capacity < 2 * len + 6);
        }
    }
}
