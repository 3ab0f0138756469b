//! Two sides measured in turn, A B A B: what disturbs a shared machine disturbs both alike, and each round
//! has a ratio of its own.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::report::Line;

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Effort {
    Quick,
    Full,
}

impl Effort {
    pub(crate) fn rounds(self) -> usize {
        self.choose(3, 7)
    }

    /// The decisions of one thread in one round, for decisions that take nanoseconds.
    pub(crate) fn decisions(self) -> usize {
        self.choose(500_000, 2_000_000)
    }

    /// The length of one round, for decisions that take a round trip.
    pub(crate) fn span(self) -> Duration {
        Duration::from_millis(self.choose(400, 1_500))
    }

    pub(crate) fn choose<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// Whether little or much is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// What is measured, in which unit.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Measure {
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// The ratio to reach, where one is agreed.
    pub(crate) goal: Option<f64>,
}

impl Measure {
    pub(crate) const fn lower(unit: &'static str) -> Self {
        Self { unit, better: Better::Lower, goal: None }
    }

    pub(crate) const fn higher(unit: &'static str) -> Self {
        Self { unit, better: Better::Higher, goal: None }
    }

    pub(crate) const fn goal(self, ratio: f64) -> Self {
        Self { goal: Some(ratio), ..self }
    }

    /// How many times as good as the peer's figure ours is.
    pub(crate) fn ratio(&self, ours: f64, peer: f64) -> f64 {
        match self.better {
            Better::Lower => peer / ours,
            Better::Higher => ours / peer,
        }
    }
}

/// The figures of one round, one per measure.
pub(crate) type Figures = Vec<f64>;

/// What a row compares, and how.
pub(crate) struct Contest<'a> {
    pub(crate) row: &'a str,
    pub(crate) measures: &'a [Measure],
    pub(crate) rounds: usize,
}

impl Contest<'_> {
    /// Measures both sides in turn, after one round each that does not count: one line per measure.
    pub(crate) fn between(
        &self,
        mut ours: impl FnMut() -> Result<Figures>,
        mut peer: impl FnMut() -> Result<Figures>,
    ) -> Result<Vec<Line>> {
        if self.rounds > 1 {
            ours()?;
            peer()?;
        }
        let mut lines: Vec<Line> =
            self.measures.iter().map(|&measure| Line::new(self.row, measure)).collect();
        for _ in 0..self.rounds {
            let (ours, peer) = (ours()?, peer()?);
            for (index, line) in lines.iter_mut().enumerate() {
                line.add(ours[index], peer[index]);
            }
        }
        Ok(lines)
    }
}

/// What one thread did in a round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) decisions: usize,
    pub(crate) admitted: usize,
}

impl Tally {
    pub(crate) fn count(&mut self, admitted: bool) {
        self.decisions += 1;
        self.admitted += usize::from(admitted);
    }
}

/// What the decisions of a row must come to; otherwise it measures something else than it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Admitted,
    Denied,
}

/// Runs `work` on so many threads at once: the nanoseconds that a decision took its thread.
pub(crate) fn on_threads(
    threads: usize,
    expected: Expected,
    work: impl Fn(usize) -> Result<Tally> + Sync,
) -> Result<Figures> {
    let start = Barrier::new(threads);
    let timed = |thread| {
        start.wait();
        let started = Instant::now();
        work(thread).map(|tally| (tally, started.elapsed()))
    };
    let results: Vec<Result<(Tally, Duration)>> = thread::scope(|scope| {
        let timed = &timed;
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || timed(thread))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked")))
            .collect()
    });
    let (mut whole, mut time) = (Tally::default(), Duration::ZERO);
    for result in results {
        let (tally, took) = result?;
        whole.decisions += tally.decisions;
        whole.admitted += tally.admitted;
        time += took;
    }
    let wanted = if expected == Expected::Admitted { whole.decisions } else { 0 };
    ensure!(
        whole.admitted == wanted,
        "{} of {} were admitted, not {wanted}",
        whole.admitted,
        whole.decisions
    );
    Ok(vec![time.as_secs_f64() * 1e9 / whole.decisions as f64])
}
