//! A failing scenario, made small: as few requests, faults, instances and counters as still fail.

use std::fmt;

use super::bug::Bug;
use super::scenario::Scenario;
use super::trace::Line;
use super::violation::{Kind, Violation};
use super::{play, simulate};

/// How many runs may be spent on making a scenario smaller.
const MOST_RUNS: usize = 1_500;
/// A trace is told up to here.
const MOST_LINES: usize = 400;

/// A failure, ready to be read.
#[derive(Debug)]
pub struct Failure {
    /// The smallest scenario found that fails in the same way.
    pub scenario: Scenario,
    /// How.
    pub violation: Violation,
    /// What happens in it.
    pub trace: Vec<Line>,
}

struct Shrinking {
    scenario: Scenario,
    bug: Option<Bug>,
    kind: Kind,
    runs: usize,
}

/// Makes a failing scenario smaller, and tells what happens in it. Nothing, if it does not fail.
#[must_use]
pub fn shrink(scenario: &Scenario, bug: Option<Bug>) -> Option<Failure> {
    let kind = simulate(scenario, bug).violation?.kind;
    let mut shrinking = Shrinking { scenario: scenario.clone(), bug, kind, runs: 0 };
    shrinking.drop_parts(|scenario| &mut scenario.faults);
    shrinking.drop_parts(|scenario| &mut scenario.arrivals);
    shrinking.simplify();
    shrinking.drop_parts(|scenario| &mut scenario.faults);
    shrinking.drop_parts(|scenario| &mut scenario.arrivals);
    let scenario = shrinking.scenario;
    let report = play(&scenario, bug, true);
    Some(Failure { violation: report.violation?, trace: report.trace, scenario })
}

impl Shrinking {
    /// Keeps a change if the scenario still fails with it.
    fn attempt(&mut self, change: impl FnOnce(&mut Scenario)) -> bool {
        if self.runs >= MOST_RUNS {
            return false;
        }
        self.runs += 1;
        let mut smaller = self.scenario.clone();
        change(&mut smaller);
        let fails = simulate(&smaller, self.bug).violation.is_some_and(|found| found.kind == self.kind);
        if fails {
            self.scenario = smaller;
        }
        fails
    }

    /// Drops parts of a list, large ones first (Zeller, "Simplifying and isolating failure-inducing input").
    fn drop_parts<T>(&mut self, list: impl Fn(&mut Scenario) -> &mut Vec<T>) {
        let mut size = list(&mut self.scenario).len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            while from < list(&mut self.scenario).len() {
                let dropped = self.attempt(|scenario| {
                    let list = list(scenario);
                    let to = list.len().min(from + size);
                    list.drain(from..to);
                });
                if !dropped {
                    from += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    fn simplify(&mut self) {
        self.attempt(|scenario| scenario.network.loss = 0);
        self.attempt(|scenario| scenario.network.slow = 0);
        self.attempt(|scenario| scenario.network.jitter = 0);
        self.attempt(|scenario| scenario.network.connections = 1);
        self.attempt(|scenario| scenario.drifts.iter_mut().for_each(|drift| *drift = 0));
        self.attempt(|scenario| scenario.nodes.iter_mut().for_each(|offset| *offset = 0));
        self.attempt(|scenario| scenario.nodes.truncate(1));
        while self.scenario.limits.len() > 1
            && self.attempt(|scenario| scenario.limits.truncate(scenario.limits.len() - 1))
        {}
        for shards in [1, 2] {
            self.attempt(|scenario| scenario.limits.iter_mut().for_each(|limit| limit.shards = shards));
        }
        for arrival in 0..self.scenario.arrivals.len().min(60) {
            self.attempt(|scenario| scenario.arrivals[arrival].refund = None);
            self.attempt(|scenario| scenario.arrivals[arrival].patience = None);
            self.attempt(|scenario| scenario.arrivals[arrival].cost = 1);
            self.attempt(|scenario| scenario.arrivals[arrival].instance = 0);
            self.attempt(|scenario| scenario.arrivals[arrival].client = 0);
        }
        let instances = self.scenario.arrivals.iter().map(|arrival| arrival.instance + 1).max().unwrap_or(1);
        self.attempt(|scenario| scenario.drifts.truncate(instances));
        let clients = self.scenario.arrivals.iter().map(|arrival| arrival.client + 1).max().unwrap_or(1);
        self.attempt(|scenario| scenario.clients = clients);
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, violation, trace } = self;
        writeln!(f, "seed      {}", scenario.seed)?;
        write!(f, "{scenario}")?;
        writeln!(f, "{violation}")?;
        let skipped = trace.len().saturating_sub(MOST_LINES);
        if skipped > 0 {
            writeln!(f, "… {skipped} events before")?;
        }
        trace.iter().skip(skipped).try_for_each(|line| writeln!(f, "{line}"))
    }
}
