//! Whether more was admitted than could have been.
//!
//! For each key, and for every stretch of slices, what certainly was decided within it is held against the most
//! that the algorithm's promise allows for its length; and all that a key was admitted against the whole run.
//! A key's excess is that of its worst stretch. None of this can raise an alarm about a limiter that keeps its
//! promise, as long as the store's clock keeps time; if it was moved by more than its readings leave open, every
//! stretch is taken to be that much longer.

mod promise;
mod stretches;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use drl_core::{Micros, Timestamp};
use serde::Serialize;

pub(crate) use promise::Promise;

use self::stretches::Stretches;
use crate::grid::Grid;
use crate::tally::{Cell, Total};

/// What the judge knows about the store's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) grid: Grid,
    /// The run lies within, on the store's clock.
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// How far the clock may have been moved meanwhile.
    pub(crate) drift: Micros,
}

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) totals: &'a [Total],
    pub(crate) cells: &'a [Cell],
}

/// The judgement, in tokens, summed over keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The most that could be admitted to the keys that were asked.
    pub(crate) bound: u64,
    /// Of that, what was asked for.
    pub(crate) possible: u64,
    pub(crate) admitted: u64,
    pub(crate) over_admission: u64,
    pub(crate) worst: Option<Breach>,
}

/// More was admitted than could have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// To whom: the client's number.
    pub key: u32,
    /// In a stretch of time that starts so long after the run, in microseconds,
    pub from_us: u64,
    /// and ends so long after it.
    pub to_us: u64,
    /// What certainly was admitted in it.
    pub admitted: u64,
    /// The most that could be.
    pub allowed: u64,
}

impl Breach {
    /// By how much it is too much.
    #[must_use]
    pub fn excess(&self) -> u64 {
        self.admitted.saturating_sub(self.allowed)
    }
}

pub(crate) fn judge(promise: &Promise, times: &Times, evidence: Evidence<'_>) -> Verdict {
    let allowed = promise.between(times.from, times.to + times.drift);
    let mut cells: BTreeMap<u32, Vec<Cell>> = BTreeMap::new();
    for cell in evidence.cells {
        cells.entry(cell.key).or_default().push(*cell);
    }
    let mut stretches = Stretches::new(*promise, times);
    let mut verdict = Verdict::default();
    for total in evidence.totals {
        verdict.bound = verdict.bound.saturating_add(allowed);
        verdict.possible = verdict.possible.saturating_add(allowed.min(total.demanded));
        verdict.admitted += total.admitted;
        let whole = Breach {
            key: total.key,
            from_us: 0,
            to_us: times.to.since(times.from).0,
            admitted: total.admitted,
            allowed,
        };
        let closer = cells.get_mut(&total.key).and_then(|cells| stretches.worst(cells));
        let worst = closer.into_iter().chain([whole]).max_by_key(Breach::excess);
        let Some(worst) = worst.filter(|worst| worst.excess() > 0) else { continue };
        verdict.over_admission += worst.excess();
        if verdict.worst.is_none_or(|known| worst.excess() > known.excess()) {
            verdict.worst = Some(worst);
        }
    }
    verdict
}
