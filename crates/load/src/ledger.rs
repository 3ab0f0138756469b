//! What was asked for and admitted, per key and slice of time: shared by all callers of a process, and bounded.
//!
//! All keys have totals. Only the first [`CLOSE`] keys, which are those that ask most, are followed over time.
//! Nearly every decision is made within a slice or two; these have a counter each. The few that take longer
//! share a map, and what no longer fits there counts in the totals only.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::clock::Stamp;
use crate::grid::{Range, Schedule};
use crate::tally::{Cell, Total};

/// How many keys are followed over time.
pub(crate) const CLOSE: u32 = 64;
/// How many different long stretches are kept.
const MOST_LONG: usize = 1 << 16;

/// The counts of one process.
#[derive(Debug)]
pub(crate) struct Ledger {
    schedule: Schedule,
    totals: Box<[Count]>,
    /// For each key that is followed and each slice: what was admitted within it, and within it and the next.
    short: Box<[[AtomicU64; 2]]>,
    long: Mutex<BTreeMap<(u32, Range), u64>>,
    unplaced: AtomicU64,
}

#[derive(Debug, Default)]
struct Count {
    demanded: AtomicU64,
    admitted: AtomicU64,
}

/// What one key was asked and granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: u32,
    pub(crate) demanded: u64,
    pub(crate) admitted: u64,
}

impl Ledger {
    pub(crate) fn new(keys: u32, schedule: Schedule) -> Self {
        let close = keys.min(CLOSE) as usize;
        Self {
            schedule,
            totals: (0..keys).map(|_| Count::default()).collect(),
            short: (0..close * schedule.grid.slices as usize).map(|_| Default::default()).collect(),
            long: Mutex::default(),
            unplaced: AtomicU64::new(0),
        }
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Takes what was decided at some moment between these two.
    pub(crate) fn enter(&self, asked: Stamp, answered: Stamp, entries: &[Entry]) {
        let mut range = None;
        for entry in entries {
            let count = &self.totals[entry.key as usize];
            count.demanded.fetch_add(entry.demanded, Ordering::Relaxed);
            if entry.admitted > 0 {
                count.admitted.fetch_add(entry.admitted, Ordering::Relaxed);
                if entry.key < CLOSE {
                    let range = *range.get_or_insert_with(|| self.schedule.range(asked, answered));
                    self.place(entry, range);
                }
            }
        }
    }

    fn place(&self, entry: &Entry, range: Option<Range>) {
        let placed = range.is_some_and(|range| match range.last - range.first {
            span @ 0..=1 => {
                let row = entry.key * self.schedule.grid.slices + range.first;
                self.short[row as usize][span as usize].fetch_add(entry.admitted, Ordering::Relaxed);
                true
            }
            _ => {
                let mut long = self.long.lock();
                let known = long.len() < MOST_LONG || long.contains_key(&(entry.key, range));
                if known {
                    *long.entry((entry.key, range)).or_default() += entry.admitted;
                }
                known
            }
        });
        if !placed {
            self.unplaced.fetch_add(entry.admitted, Ordering::Relaxed);
        }
    }

    /// The totals of every key that was asked.
    pub(crate) fn totals(&self) -> Vec<Total> {
        let total = |(key, count): (u32, &Count)| Total {
            key,
            demanded: count.demanded.load(Ordering::Relaxed),
            admitted: count.admitted.load(Ordering::Relaxed),
        };
        (0..).zip(&self.totals).map(total).filter(|total| total.demanded > 0).collect()
    }

    /// What was admitted to the keys that are followed, and where.
    pub(crate) fn cells(&self) -> Vec<Cell> {
        let slices = self.schedule.grid.slices;
        let short = (0..).zip(&self.short).flat_map(|(row, counts): (u32, _)| {
            let (key, first) = (row / slices, row % slices);
            (0..).zip(counts).map(move |(span, count)| Cell {
                key,
                range: Range { first, last: first + span },
                admitted: count.load(Ordering::Relaxed),
            })
        });
        let long = self.long.lock();
        let long = long.iter().map(|(&(key, range), &admitted)| Cell { key, range, admitted });
        short.filter(|cell| cell.admitted > 0).chain(long).collect()
    }

    /// What was admitted to them, but is in no cell.
    pub(crate) fn unplaced(&self) -> u64 {
        self.unplaced.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use drl_core::Micros;

    use super::*;
    use crate::judge::Promise;
    use crate::store_clock::Offset;

    fn ledger() -> Ledger {
        let promise = Promise::FixedWindow { limit: 1, window: Micros(100_000) };
        let offset = Offset { least: 0, most: 0 };
        Ledger::new(100, Schedule::new(&promise, Stamp(0), Duration::from_secs(1), offset))
    }

    fn at(millis: u64) -> Stamp {
        Stamp(millis * 1_000_000)
    }

    #[test]
    fn everything_admitted_to_a_key_that_is_followed_is_in_a_cell_or_said_to_be_in_none() {
        let ledger = ledger();
        let entry = |key, admitted| Entry { key, demanded: 5, admitted };
        ledger.enter(at(10), at(20), &[entry(0, 1), entry(63, 2), entry(64, 4), entry(3, 0)]);
        ledger.enter(at(90), at(110), &[entry(0, 3)]);
        ledger.enter(at(90), at(510), &[entry(0, 5)]);
        ledger.enter(at(90), at(60_000), &[entry(0, 7)]);
        let cell = |key, first, last, admitted| Cell { key, range: Range { first, last }, admitted };
        let expected = [cell(0, 0, 0, 1), cell(0, 0, 1, 3), cell(63, 0, 0, 2), cell(0, 0, 5, 5)];
        assert_eq!(ledger.cells(), expected);
        assert_eq!(ledger.unplaced(), 7);
        let totals = ledger.totals();
        assert_eq!(totals[0], Total { key: 0, demanded: 20, admitted: 16 });
        assert_eq!(totals.iter().map(|total| total.key).collect::<Vec<_>>(), [0, 3, 63, 64]);
    }
}
