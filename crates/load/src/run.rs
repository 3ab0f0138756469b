//! A run, from its settings to its report.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

use tokio::runtime::Builder;

use crate::clock::Stamp;
use crate::error::LoadError;
use crate::fleet::Fleet;
use crate::grid::Schedule;
use crate::instance::Access;
use crate::judge::{Evidence, Times, judge};
use crate::report::{Measured, Report};
use crate::settings::Settings;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Of this,
    pub length: Duration,
    /// so long has passed.
    pub passed: Duration,
    /// Decisions so far, with those that failed.
    pub decisions: u64,
}

/// How soon after it is decided a run begins: until all processes have heard of it.
const NOTICE: Duration = Duration::from_millis(50);

/// Does what the settings say, and blocks until it is done. `watch` is called about ten times a second while
/// decisions are made.
///
/// # Errors
/// If the settings make no sense, the store does not answer, or an instance is lost.
pub fn run(settings: &Settings, watch: &mut dyn FnMut(Tick)) -> Result<Report, LoadError> {
    let plan = settings.clone().check()?;
    let access = Access::new(plan.clone(), format!("{:08x}", RandomState::new().hash_one(()) >> 32));
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(LoadError::system("cannot start a runtime"))?;
    let store_clock = runtime.block_on(access.store_clock())?;
    let fleet = Fleet::start(&plan, &access)?;

    let offset = runtime.block_on(store_clock.read())?.padded();
    let notice = if settings.processes { NOTICE } else { Duration::ZERO };
    let length = settings.duration;
    let schedule = Schedule::new(&plan.promise, Stamp::now() + notice, length, offset);
    let tally = fleet.run(schedule, &mut |decisions| {
        let passed = Stamp::now().since(schedule.start).min(length);
        watch(Tick { length, passed, decisions });
    })?;
    if let (0, Some(first)) = (tally.counts.decisions(), &tally.counts.first_error) {
        return Err(LoadError::NoDecision { first: first.clone() });
    }
    // A store that has gone away meanwhile cannot say whether its clock was moved; what it said before stands.
    let later = runtime.block_on(store_clock.read()).unwrap_or(offset);

    let end = tally.counts.last.max(schedule.start);
    let times = Times {
        grid: schedule.grid,
        from: offset.earliest(schedule.start),
        to: offset.latest(end),
        drift: offset.drift(later),
    };
    let verdict = judge(&plan.promise, &times, Evidence { totals: &tally.totals, cells: &tally.cells });
    let measured = Measured { seconds: end.since(schedule.start).as_secs_f64(), offset, drift: times.drift };
    Ok(Report::new(settings, &measured, &tally, verdict))
}
