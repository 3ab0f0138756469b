//! The benchmark table: ours against the peers, interleaved, as ratios. Run by `cargo xtask bench`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`rows`] | the table, row by row: add rows here |
//! | [`contest`] | two sides measured in turn, A B A B, so that a noisy machine disturbs both alike |
//! | [`workload`] | who asks, and how often |
//! | [`peer`] | `governor`, as its users use it |
//! | [`heap`] | what a data structure holds |
//! | [`report`] | the lines, printed and as JSON |

#![expect(clippy::print_stdout, reason = "a command line talks to its terminal")]

mod arguments;
mod contest;
mod heap;
mod peer;
mod report;
mod rows;
mod workload;

use anyhow::Result;
use clap::Parser as _;

use crate::arguments::Arguments;
use crate::report::Report;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let effort = arguments.effort();
    let mut report = Report::new(effort);
    println!("{}", report::heading());
    for row in rows::all(effort).into_iter().filter(|row| arguments.wants(row.name())) {
        for line in row.run(effort)? {
            println!("{line}");
            report.add(line);
        }
    }
    arguments.json.map_or(Ok(()), |path| report.write(&path))
}
