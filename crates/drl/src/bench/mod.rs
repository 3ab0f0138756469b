//! `drl bench`.

mod arguments;
mod progress;

use std::io::{Write as _, stdout};

use drl_load::Report;

pub(crate) use self::arguments::Bench;
use self::progress::Progress;
use crate::exit::Exit;

pub(crate) fn run(arguments: &Bench) -> anyhow::Result<Exit> {
    let progress = Progress::new();
    let report = drl_load::run(&arguments.settings(), &mut |tick| progress.show(tick));
    progress.clear();
    let report: Report = report?;
    let mut out = stdout();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(if report.over_admission == 0 { Exit::Success } else { Exit::No })
}

/// `drl bench-instance`: one of the processes that `drl bench --processes` starts.
pub(crate) fn run_instance() -> anyhow::Result<Exit> {
    drl_load::serve_instance()?;
    Ok(Exit::Success)
}
