//! The judge that takes admissions one by one.

use std::collections::VecDeque;

use drl_core::{Micros, Timestamp};

use super::{Admission, Promise, Worst};

/// Watches a promise over a sequence of admissions.
#[derive(Clone, Debug)]
pub struct Judge {
    promise: Promise,
    latest: Timestamp,
    worst: Option<Worst>,
    watch: Watch,
}

/// What has to be remembered.
#[derive(Clone, Debug, Default)]
struct Watch {
    /// Events in sight: those of the last window, or those that wait.
    recent: VecDeque<Admission>,
    /// Their cost.
    sum: u64,
    /// Everything admitted so far.
    total: u64,
    /// The start that allows the least.
    tightest: Option<Start>,
}

/// An interval's start: where, how much had been admitted before, and `rate × from − before`.
#[derive(Clone, Copy, Debug)]
struct Start {
    from: Timestamp,
    before: u64,
    level: i128,
}

impl Judge {
    /// A judge who has seen nothing yet.
    #[must_use]
    pub fn new(promise: Promise) -> Self {
        Self { promise, latest: Timestamp(0), worst: None, watch: Watch::default() }
    }

    /// The worst interval so far, the first of its kind; `None` before the first admission.
    #[must_use]
    pub fn worst(&self) -> Option<Worst> {
        self.worst
    }

    /// Takes the next admission.
    ///
    /// # Panics
    /// If it was admitted before the one before: the judge would miss intervals.
    pub fn admit(&mut self, event: Admission) {
        assert!(event.at >= self.latest, "admissions must come in the order of time");
        self.latest = event.at;
        match self.promise {
            Promise::FixedWindow { limit, window, phase } => {
                let from = window_start(event.at, window, phase);
                if self.watch.tightest.is_none_or(|start| start.from != from) {
                    self.watch.tightest = Some(Start { from, before: self.watch.total, level: 0 });
                }
                self.watch.total += event.cost;
                let before = self.watch.tightest.map_or(0, |start| start.before);
                let admitted = self.watch.total - before;
                self.note(from, admitted, i128::from(limit) - i128::from(admitted));
            }
            Promise::EveryInterval { limit, window } => {
                let watch = &mut self.watch;
                watch.recent.push_back(event);
                watch.sum += event.cost;
                watch.forget(|old| event.at.since(old.at) > window);
                let from = watch.recent.front().map_or(event.at, |first| first.at);
                let admitted = watch.sum;
                self.note(from, admitted, i128::from(limit) - i128::from(admitted));
            }
            Promise::Bucket { burst, tokens, per } => {
                let start = self.watch.begin(event.at, tokens, per);
                self.watch.total += event.cost;
                let length = event.at.since(start.from);
                let admitted = self.watch.total - start.before;
                let allowed = product(burst, per.0) + product(tokens, length.0);
                self.note(start.from, admitted, allowed - product(admitted, per.0));
            }
            Promise::Spaced { waiting, tokens, per } => {
                self.admit_spaced(event, tokens, per);
                let queued = self.watch.sum;
                self.note(event.at, queued, product(waiting, per.0) - product(queued, per.0));
            }
        }
    }

    /// All gaps before this start; leaves those who wait at this moment in sight.
    fn admit_spaced(&mut self, event: Admission, tokens: u64, per: Micros) {
        if let Some(first) = self.watch.tightest {
            let passed = event.start().0.saturating_sub(first.from.0);
            // Strictly more than this is enough: the start was rounded up by less than a microsecond.
            let allowed = product(tokens, passed) + i128::from(tokens) - 1;
            let admitted = self.watch.total - first.before;
            self.note(first.from, admitted, allowed - product(admitted, per.0));
        }
        self.watch.begin(event.start(), tokens, per);
        self.watch.total += event.cost;
        let watch = &mut self.watch;
        watch.recent.push_back(event);
        watch.sum += event.cost;
        watch.forget(|old| old.start() <= event.at);
    }

    fn note(&mut self, from: Timestamp, admitted: u64, slack: i128) {
        if self.worst.is_none_or(|worst| slack < worst.slack) {
            self.worst = Some(Worst { from, to: self.latest, admitted, slack });
        }
    }
}

impl Watch {
    /// Drops the oldest events as long as they are `gone`.
    fn forget(&mut self, gone: impl Fn(&Admission) -> bool) {
        while let Some(old) = self.recent.front().filter(|old| gone(old)) {
            self.sum -= old.cost;
            self.recent.pop_front();
        }
    }

    /// Takes `from` as a start, and returns the one that allows the least: the largest
    /// `rate × from − admitted before`, the running maximum.
    fn begin(&mut self, from: Timestamp, tokens: u64, per: Micros) -> Start {
        let level = product(tokens, from.0) - product(self.total, per.0);
        let start = Start { from, before: self.total, level };
        let tightest = self.tightest.filter(|old| old.level >= level).unwrap_or(start);
        self.tightest = Some(tightest);
        tightest
    }
}

fn product(a: u64, b: u64) -> i128 {
    i128::from(a) * i128::from(b)
}

/// Where the aligned window that holds `at` starts; the first one may be cut off at zero.
pub(super) fn window_start(at: Timestamp, window: Micros, phase: Micros) -> Timestamp {
    let into = (at.0 + phase.0) % window.0;
    at - Micros(into)
}
