//! The table, row by row.
//!
//! A row has a name and a closure that sets both sides up and lets a [`Contest`] measure them. Nothing is set
//! up for rows that are not asked for.

mod capacity;
mod embedded;
mod grpc;
mod http;
mod ours;
mod policies;
pub(crate) mod quota;
mod redis;
mod redis_benchmark;
mod resp;
mod served;

use anyhow::{Context as _, Result};

use crate::contest::{Contest, Effort, Measure};
use crate::report::Line;

/// One row of the table, or a few lines that the same rounds measure.
pub(crate) struct Row {
    name: String,
    run: Box<Run>,
}

type Run = dyn FnOnce(&Lane<'_>) -> Result<Vec<Line>>;

/// Where a row runs.
pub(crate) struct Lane<'a> {
    row: &'a str,
    effort: Effort,
}

impl Row {
    fn new(name: impl Into<String>, run: impl FnOnce(&Lane<'_>) -> Result<Vec<Line>> + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn run(self, effort: Effort) -> Result<Vec<Line>> {
        let Self { name, run } = self;
        run(&Lane { row: &name, effort }).with_context(|| format!("row `{name}`"))
    }
}

impl Lane<'_> {
    fn contest<'a>(&'a self, measures: &'a [Measure]) -> Contest<'a> {
        Contest { row: self.row, measures, rounds: self.effort.rounds() }
    }

    /// For what is the same each time.
    fn once<'a>(&'a self, measures: &'a [Measure]) -> Contest<'a> {
        Contest { rounds: 1, ..self.contest(measures) }
    }
}

/// All rows, in the table's order.
pub(crate) fn all(effort: Effort) -> Vec<Row> {
    let mut rows = embedded::rows();
    rows.extend(capacity::rows(effort));
    rows.extend(policies::rows());
    rows.extend(redis::rows());
    rows.extend(resp::rows());
    rows.extend(grpc::rows());
    rows.extend(http::rows());
    rows
}

/// A number of keys as it is written: `10 k`, `1 M`.
fn count(keys: usize) -> String {
    match keys {
        millions if millions % 1_000_000 == 0 => format!("{} M", millions / 1_000_000),
        thousands if thousands % 1_000 == 0 => format!("{} k", thousands / 1_000),
        few => few.to_string(),
    }
}
