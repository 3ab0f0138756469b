//! Who would have been limited? Replays an access log through the library.
//!
//! ```text
//! cargo run --release -p drl-examples --bin replay
//! cargo run --release -p drl-examples --bin replay -- --limit 20/minute --algorithm fixed_window my.log
//! cargo run --release -p drl-examples --bin replay -- --store redis://127.0.0.1:6379
//! ```

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::cmp::Reverse;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use distributed_rate_limiter::{Algorithm, Quota};
use drl_examples::{Tallies, parse, replay_at, replay_embedded};

/// Replays an access log and prints who was limited, and how often.
#[derive(Debug, Parser)]
struct Arguments {
    /// The log, in the common or combined format.
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/data/apache_access.log"))]
    log: PathBuf,
    /// What each client may do.
    #[arg(long, default_value = "20/minute")]
    limit: Quota,
    /// Which promise the limit keeps.
    #[arg(long, default_value = "sliding_window_log")]
    algorithm: Algorithm,
    /// `memory://` replays in the log's own time; with another store, requests come as fast as it goes.
    #[arg(long, default_value = "memory://")]
    store: String,
    /// How many clients to list.
    #[arg(long, default_value_t = 10)]
    top: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let log = std::fs::read_to_string(&arguments.log)
        .with_context(|| format!("cannot read {}", arguments.log.display()))?;
    let requests = parse(&log).with_context(|| arguments.log.display().to_string())?;
    let quota = arguments.limit.algorithm(arguments.algorithm);
    let tallies = match arguments.store.as_str() {
        "memory://" => replay_embedded(&requests, quota).await?,
        url => replay_at(url, &requests, quota).await?,
    };
    print(&tallies, arguments.top);
    Ok(())
}

fn print(tallies: &Tallies, top: usize) {
    let mut limited: Vec<_> = tallies.iter().filter(|(_, tally)| tally.limited > 0).collect();
    limited.sort_by_key(|(client, tally)| (Reverse(tally.limited), client.as_str()));
    println!("{:<40} {:>9} {:>9}", "client", "admitted", "limited");
    for (client, tally) in limited.iter().take(top) {
        println!("{client:<40} {:>9} {:>9}", tally.admitted, tally.limited);
    }
    let (admitted, denied) = tallies
        .values()
        .fold((0, 0), |(admitted, limited), tally| (admitted + tally.admitted, limited + tally.limited));
    println!("{} of {} clients limited; {admitted} admitted, {denied} limited", limited.len(), tallies.len());
}
