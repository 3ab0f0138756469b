//! Runs seeds of the simulator: `cargo xtask simulate --seeds N [--from SEED] [--bug NAME]`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its terminal")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use drl_core::Algorithm;
use drl_testkit::simulation::{Bug, Load, Scenario, Tally, shrink, simulate};

const USAGE: &str = "usage: simulate [--seeds N] [--from SEED] [--bug NAME]\n       simulate --utilisation SEEDS [--from SEED]";

struct Options {
    seeds: u64,
    from: u64,
    bug: Option<Bug>,
    utilisation: Option<u64>,
}

fn options() -> Result<Options, String> {
    let mut options = Options { seeds: 10_000, from: 0, bug: None, utilisation: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        let number = || value.parse::<u64>().map_err(|error| format!("{option} {value}: {error}"));
        match option.as_str() {
            "--seeds" => options.seeds = number()?,
            "--from" => options.from = number()?,
            "--bug" => options.bug = Some(value.parse()?),
            "--utilisation" => options.utilisation = Some(number()?),
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match options.utilisation {
        Some(seeds) => {
            utilisation(options.from, seeds);
            ExitCode::SUCCESS
        }
        None => hostile(&options),
    }
}

/// All seeds, on all cores; the first that fails is made small and told.
fn hostile(options: &Options) -> ExitCode {
    let started = Instant::now();
    let (next, failed) = (AtomicU64::new(options.from), AtomicU64::new(u64::MAX));
    let total = Mutex::new(Tally::default());
    let end = options.from.saturating_add(options.seeds);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end || seed > failed.load(Ordering::Relaxed) {
                break;
            }
            let report = simulate(&Scenario::hostile(seed), options.bug);
            tally.add(&report.tally);
            if report.violation.is_some() {
                failed.fetch_min(seed, Ordering::Relaxed);
            }
        }
        total.lock().unwrap_or_else(PoisonError::into_inner).add(&tally);
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    let tally = *total.lock().unwrap_or_else(PoisonError::into_inner);
    let done = next.load(Ordering::Relaxed).min(end) - options.from;
    println!("{done} seeds in {seconds:.1} s, {:.0} events a second", tally.events as f64 / seconds);
    println!("{tally:?}");
    let failed = failed.into_inner();
    if failed == u64::MAX {
        println!("every promise was kept");
        return ExitCode::SUCCESS;
    }
    println!("seed {failed} fails; made small:");
    match shrink(&Scenario::hostile(failed), options.bug) {
        Some(failure) => println!("{failure}"),
        None => println!("it does not fail again: the simulator is not deterministic"),
    }
    ExitCode::FAILURE
}

/// How much of the limit is admitted where more is asked for.
fn utilisation(from: u64, seeds: u64) {
    for algorithm in Algorithm::ALL.into_iter().filter(|&algorithm| algorithm != Algorithm::LeakyBucketQueue)
    {
        for load in Load::ALL {
            let (mut admitted, mut possible, mut least, mut tally) = (0, 0, f64::MAX, Tally::default());
            for seed in from..from + seeds {
                let scenario = Scenario::demanding(seed, algorithm, load);
                let report = simulate(&scenario, None);
                if let Some(violation) = report.violation {
                    println!("seed {seed}: {violation}");
                }
                let most = scenario.possible();
                least = least.min(report.admitted as f64 / most as f64);
                admitted += report.admitted;
                possible += most;
                tally.add(&report.tally);
            }
            let share = 100.0 * admitted as f64 / possible as f64;
            let borrowed = 100.0 * tally.borrowed as f64 / tally.allowed as f64;
            let (least, algorithm, load) = (100.0 * least, algorithm.as_str(), format!("{load:?}"));
            let Tally { returned, credited, .. } = tally;
            println!(
                "{algorithm:20} {load:10} {share:6.2} % admitted, at least {least:6.2} %, {borrowed:2.0} % borrowed, \
                 {credited} of {returned} unspent tokens could be had again"
            );
        }
    }
}
