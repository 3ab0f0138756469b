//! What instances have counted, added up.

use std::collections::BTreeMap;

use drl_core::Source;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::grid::Range;

/// What a key was asked and granted in the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Total {
    pub(crate) key: u32,
    pub(crate) demanded: u64,
    pub(crate) admitted: u64,
}

/// What a key was granted between two slices of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) key: u32,
    pub(crate) range: Range,
    pub(crate) admitted: u64,
}

/// Decisions by who made them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// The store.
    pub store: u64,
    /// This instance, out of what it had borrowed.
    pub lease: u64,
    /// This instance, from what the store had said before.
    pub denial_memory: u64,
    /// The failure policy.
    pub fallback: u64,
    /// Somebody this program does not know.
    pub other: u64,
}

impl Sources {
    pub(crate) fn count(&mut self, source: Source) {
        match source {
            Source::Store => self.store += 1,
            Source::Lease => self.lease += 1,
            Source::DenialMemory => self.denial_memory += 1,
            Source::Fallback => self.fallback += 1,
            _ => self.other += 1,
        }
    }
}

/// What callers counted: one of them, an instance's, all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) admitted: u64,
    pub(crate) denied: u64,
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
    pub(crate) sources: Sources,
    pub(crate) latency: Latencies,
    /// When the last answer came.
    pub(crate) last: Stamp,
}

impl Counts {
    pub(crate) fn decisions(&self) -> u64 {
        self.admitted + self.denied
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.admitted += other.admitted;
        self.denied += other.denied;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.sources.store += other.sources.store;
        self.sources.lease += other.sources.lease;
        self.sources.denial_memory += other.sources.denial_memory;
        self.sources.fallback += other.sources.fallback;
        self.sources.other += other.sources.other;
        self.latency.add(&other.latency);
        self.last = self.last.max(other.last);
    }
}

/// How long answers took, to a percent. As text it is the counts of the values that occurred.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Recorded", into = "Recorded")]
pub(crate) struct Latencies {
    pub(crate) histogram: Histogram<u64>,
    /// How many answers were timed; each stands for one or several.
    pub(crate) timed: u64,
}

#[derive(Serialize, Deserialize)]
struct Recorded {
    timed: u64,
    counts: Vec<(u64, u64)>,
}

impl Latencies {
    /// The longest that is told from longer ones: 2 minutes, in nanoseconds.
    const LONGEST: u64 = 120_000_000_000;

    /// An answer that took so many nanoseconds, and stands for so many.
    pub(crate) fn record(&mut self, nanos: u64, stands_for: u64) {
        self.timed += 1;
        self.histogram.saturating_record_n(nanos.max(1), stands_for);
    }

    fn add(&mut self, other: &Self) {
        self.timed += other.timed;
        // Both have the same bounds, so it cannot fail.
        let _ = self.histogram.add(&other.histogram);
    }
}

impl Default for Latencies {
    #[expect(clippy::expect_used, reason = "the bounds are constants")]
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, Self::LONGEST, 2).expect("bounds that make sense");
        Self { histogram, timed: 0 }
    }
}

impl From<Recorded> for Latencies {
    fn from(recorded: Recorded) -> Self {
        let mut latencies = Self::default();
        for (nanos, count) in recorded.counts {
            latencies.histogram.saturating_record_n(nanos, count);
        }
        Self { timed: recorded.timed, ..latencies }
    }
}

impl From<Latencies> for Recorded {
    fn from(latencies: Latencies) -> Self {
        let recorded = latencies.histogram.iter_recorded();
        let counts = recorded.map(|value| (value.value_iterated_to(), value.count_at_value()));
        Self { timed: latencies.timed, counts: counts.collect() }
    }
}

/// Everything a process, or all of them, have to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) totals: Vec<Total>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) unplaced: u64,
}

impl Tally {
    pub(crate) fn sum(tallies: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = Self::default();
        let mut totals: BTreeMap<u32, Total> = BTreeMap::new();
        let mut cells: BTreeMap<(u32, Range), Cell> = BTreeMap::new();
        for tally in tallies {
            sum.counts.add(tally.counts);
            sum.unplaced += tally.unplaced;
            for total in tally.totals {
                let known = totals.entry(total.key).or_insert(Total { demanded: 0, admitted: 0, ..total });
                known.demanded += total.demanded;
                known.admitted += total.admitted;
            }
            for cell in tally.cells {
                cells.entry((cell.key, cell.range)).or_insert(Cell { admitted: 0, ..cell }).admitted +=
                    cell.admitted;
            }
        }
        Self { totals: totals.into_values().collect(), cells: cells.into_values().collect(), ..sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_of_processes_add_up_after_their_journey() {
        let total = |key, demanded, admitted| Total { key, demanded, admitted };
        let cell = |key, first, admitted| Cell { key, range: Range { first, last: first }, admitted };
        let mut one = Tally {
            totals: vec![total(1, 5, 2)],
            cells: vec![cell(1, 0, 2)],
            unplaced: 1,
            ..Tally::default()
        };
        one.counts.admitted = 2;
        one.counts.sources.count(Source::DenialMemory);
        one.counts.latency.record(1_000, 16);
        let mut other = Tally {
            totals: vec![total(0, 1, 1), total(1, 5, 4)],
            cells: vec![cell(1, 0, 3), cell(1, 1, 1)],
            ..Tally::default()
        };
        other.counts.latency.record(5_000_000_000_000, 1);
        let journey = |tally: &Tally| -> Tally {
            serde_json::from_str(&serde_json::to_string(tally).unwrap()).unwrap()
        };
        let sum = Tally::sum([journey(&one), journey(&other)]);
        assert_eq!(sum.totals, [total(0, 1, 1), total(1, 10, 6)]);
        assert_eq!(sum.cells, [cell(1, 0, 5), cell(1, 1, 1)]);
        assert_eq!((sum.unplaced, sum.counts.admitted, sum.counts.sources.denial_memory), (1, 2, 1));
        let latency = &sum.counts.latency;
        assert_eq!((latency.timed, latency.histogram.len()), (2, 17));
        assert!(latency.histogram.value_at_quantile(0.5).abs_diff(1_000) <= 10);
        assert!(latency.histogram.max() >= 118_000_000_000, "the longest there is");
    }
}
