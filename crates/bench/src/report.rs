//! What was measured: printed line by line, and as JSON with every round.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::contest::{Effort, Measure};

/// A measure of a row, over all rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    row: String,
    #[serde(flatten)]
    measure: Measure,
    ours: Vec<f64>,
    peer: Vec<f64>,
    /// How many times as good as the peer's ours is, round by round.
    ratios: Vec<f64>,
}

impl Line {
    pub(crate) fn new(row: &str, measure: Measure) -> Self {
        let (ours, peer, ratios) = (Vec::new(), Vec::new(), Vec::new());
        Self { row: row.to_owned(), measure, ours, peer, ratios }
    }

    pub(crate) fn add(&mut self, ours: f64, peer: f64) {
        self.ours.push(ours);
        self.peer.push(peer);
        self.ratios.push(self.measure.ratio(ours, peer));
    }
}

/// The line that explains the others.
pub(crate) fn heading() -> String {
    let rule = format!("|{:-<51}|{:-<14}|{:->11}|{:->11}|{:-<27}|{:->8}|", "", "", ":", ":", "", ":");
    let names = format!(
        "| {:<49} | {:<12} | {:>9} | {:>9} | {:<25} | {:>6} |",
        "row", "unit", "ours", "peer", "ratio (min–max)", "goal"
    );
    format!("{names}\n{rule}")
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sorted = sorted(&self.ratios);
        let (least, most) = (sorted.first().copied(), sorted.last().copied());
        let ratio = format!(
            "{} × ({}–{})",
            figure(median(&self.ratios)),
            figure(least.unwrap_or(f64::NAN)),
            figure(most.unwrap_or(f64::NAN))
        );
        let goal = self.measure.goal.map_or_else(String::new, |goal| format!("≥ {goal}"));
        write!(
            f,
            "| {:<49} | {:<12} | {:>9} | {:>9} | {ratio:<25} | {goal:>6} |",
            self.row,
            self.measure.unit,
            figure(median(&self.ours)),
            figure(median(&self.peer)),
        )
    }
}

/// Three digits are more than the machine can promise.
fn figure(number: f64) -> String {
    match number {
        large if large >= 100.0 => format!("{large:.0}"),
        middle if middle >= 10.0 => format!("{middle:.1}"),
        small => format!("{small:.2}"),
    }
}

fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median(figures: &[f64]) -> f64 {
    let sorted = sorted(figures);
    let middle = sorted.len() / 2;
    match sorted.as_slice() {
        [] => f64::NAN,
        even if even.len().is_multiple_of(2) => f64::midpoint(even[middle - 1], even[middle]),
        odd => odd[middle],
    }
}

/// Everything measured in one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    effort: Effort,
    cores: usize,
    processor: String,
    lines: Vec<Line>,
}

impl Report {
    pub(crate) fn new(effort: Effort) -> Self {
        let cores = std::thread::available_parallelism().map_or(0, Into::into);
        Self { effort, cores, processor: processor(), lines: Vec::new() }
    }

    pub(crate) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut names = text.lines().filter_map(|line| line.strip_prefix("model name"));
    names.next().unwrap_or_default().trim_start_matches([' ', '\t', ':']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_is_good_for_us_whatever_is_measured() {
        assert!(Measure::lower("ns").ratio(50.0, 100.0) > 1.0);
        assert!(Measure::higher("1/s").ratio(100.0, 50.0) > 1.0);
    }

    #[test]
    fn a_line_shows_the_median_round_and_the_spread() {
        let mut line = Line::new("row", Measure::lower("ns").goal(1.2));
        for (ours, peer) in [(10.0, 20.0), (10.0, 15.0), (10.0, 300.0)] {
            line.add(ours, peer);
        }
        let shown = line.to_string();
        assert!(shown.contains("2.00 × (1.50–30.0)"), "{shown}");
        assert!(shown.contains("≥ 1.2"), "{shown}");
    }
}
