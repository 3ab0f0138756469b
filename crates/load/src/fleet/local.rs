//! Instances in this process: limiters of their own, on one runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::Watch;
use crate::caller::Round;
use crate::error::LoadError;
use crate::grid::Schedule;
use crate::instance::{Access, Instance};
use crate::keys::Names;
use crate::ledger::Ledger;
use crate::settings::Plan;
use crate::tally::{Counts, Tally};

const TICK: Duration = Duration::from_millis(100);

pub(crate) struct Local {
    runtime: Runtime,
    keys: u32,
    instances: Vec<Instance>,
}

impl Local {
    pub(super) fn start(plan: &Plan, access: &Access) -> Result<Self, LoadError> {
        let runtime = Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(LoadError::system("cannot start threads"))?;
        let instances = runtime.block_on(async {
            let mut starting = JoinSet::new();
            for number in 0..plan.settings.instances {
                let access = access.clone();
                starting.spawn(async move { Instance::prepare(&access, number).await });
            }
            starting.join_all().await.into_iter().collect::<Result<_, _>>()
        })?;
        Ok(Self { runtime, keys: plan.settings.keys, instances })
    }

    /// One of a fleet of processes: the same, with a single instance.
    pub(super) fn alone(plan: &Plan, access: &Access, number: u16) -> Result<Self, LoadError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (cores / usize::from(plan.settings.instances)).max(1);
        let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        let runtime = runtime.map_err(LoadError::system("cannot start threads"))?;
        // On a thread of the runtime, as everything later.
        let (access, number) = (access.clone(), number);
        let preparing = runtime.spawn(async move { Instance::prepare(&access, number).await });
        let lost = |_| LoadError::Instance { index: number, reason: "panicked".to_owned() };
        let instance = runtime.block_on(preparing).map_err(lost)??;
        Ok(Self { runtime, keys: plan.settings.keys, instances: vec![instance] })
    }

    pub(super) fn run(self, schedule: Schedule, watch: Watch<'_>) -> Result<Tally, LoadError> {
        let ledger = Arc::new(Ledger::new(self.keys, schedule));
        let progress = Arc::new(AtomicU64::new(0));
        let names = Arc::new(Names::clients(self.keys));
        let round = Round { names, ledger: Arc::clone(&ledger), progress: Arc::clone(&progress) };
        let mut counts = Counts::default();
        self.runtime.block_on(async {
            let mut running = JoinSet::new();
            for instance in self.instances {
                let round = round.clone();
                running.spawn(async move { instance.run(&round).await });
            }
            let mut tick = tokio::time::interval(TICK);
            loop {
                tokio::select! {
                    ended = running.join_next() => match ended {
                        None => return Ok(()),
                        Some(Ok(counted)) => counts.add(counted?),
                        Some(Err(_)) => {
                            return Err(LoadError::Instance { index: 0, reason: "panicked".to_owned() });
                        }
                    },
                    _ = tick.tick() => watch(progress.load(Ordering::Relaxed)),
                }
            }
        })?;
        watch(progress.load(Ordering::Relaxed));
        Ok(Tally { counts, totals: ledger.totals(), cells: ledger.cells(), unplaced: ledger.unplaced() })
    }
}
