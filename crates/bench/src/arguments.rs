//! The command line.

use std::path::PathBuf;

use crate::contest::Effort;

/// Measures the table's rows and prints them.
#[derive(Debug, clap::Parser)]
#[command(name = "cargo xtask bench")]
pub(crate) struct Arguments {
    /// Only the rows whose names contain this.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    /// Fewer and shorter rounds, and no row with more than a million keys: is it still about right?
    #[arg(long)]
    quick: bool,

    /// Where to write every round of every row.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn effort(&self) -> Effort {
        if self.quick { Effort::Quick } else { Effort::Full }
    }

    pub(crate) fn wants(&self, row: &str) -> bool {
        self.only.as_ref().is_none_or(|only| row.contains(only))
    }
}
