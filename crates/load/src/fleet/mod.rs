//! All instances of a run, wherever they are.

mod child;
mod local;
mod processes;
mod wire;

pub use child::serve_instance;

use crate::error::LoadError;
use crate::grid::Schedule;
use crate::instance::Access;
use crate::settings::Plan;
use crate::tally::Tally;

/// Is told, about ten times a second, how many decisions there are so far.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(u64);

/// Instances that are ready.
pub(crate) enum Fleet {
    Local(local::Local),
    Processes(processes::Processes),
}

impl Fleet {
    /// Starts them, and returns once all of them are connected and warm.
    pub(crate) fn start(plan: &Plan, access: &Access) -> Result<Self, LoadError> {
        if plan.settings.processes {
            return processes::Processes::start(&plan.settings, access.run()).map(Self::Processes);
        }
        local::Local::start(plan, access).map(Self::Local)
    }

    /// Runs them; what they counted.
    pub(crate) fn run(self, schedule: Schedule, watch: Watch<'_>) -> Result<Tally, LoadError> {
        match self {
            Self::Local(local) => local.run(schedule, watch),
            Self::Processes(processes) => processes.run(schedule, watch),
        }
    }
}
