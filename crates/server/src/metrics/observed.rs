//! A store whose calls are counted.

use std::sync::Arc;
use std::time::Instant;

use drl_core::check::{Ask, Check};
use drl_core::{Admission, Mode};
use drl_store::directory::Directory;
use drl_store::{Answer, Answers, ErrorClass, Store};

use super::{Call, StoreMetrics};

/// Counts what is asked of a store, and how long it takes where it takes time at all.
pub(crate) struct Observed {
    store: Arc<dyn Store>,
    metrics: StoreMetrics,
}

impl Observed {
    pub(crate) fn new(store: Arc<dyn Store>, metrics: StoreMetrics) -> Self {
        Self { store, metrics }
    }
}

impl Store for Observed {
    fn decide<'a>(&'a self, batch: &'a [Check<'_>]) -> Answer<'a> {
        match self.store.decide(batch) {
            Answer::Ready(answers) => {
                self.metrics.answered(batch, &answers);
                Answer::Ready(answers)
            }
            Answer::Pending(pending) => {
                let started = Instant::now();
                Answer::Pending(Box::pin(async move {
                    let answers = pending.await;
                    self.metrics.durations.observe(started.elapsed().as_secs_f64());
                    self.metrics.answered(batch, &answers);
                    answers
                }))
            }
        }
    }

    fn admit(&self, ask: &Ask<'_>) -> Option<Admission> {
        self.store.admit(ask)
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn counters_here(&self) -> u64 {
        self.store.counters_here()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        self.store.directory()
    }
}

impl StoreMetrics {
    fn answered(&self, batch: &[Check<'_>], answers: &Answers) {
        let kind = batch.first().map_or("none", |check| match check.mode {
            _ if check.asks.is_empty() => "ping",
            Mode::Take | Mode::TakeUpTo => "take",
            Mode::Lease(_) => "lease",
            Mode::Peek => "peek",
            Mode::Refund(_) => "refund",
            Mode::Return(_) => "return",
            Mode::Reset => "reset",
        });
        let failed = answers.iter().find_map(|answer| answer.as_ref().err());
        let result = failed.map_or("ok", |error| match error.class() {
            ErrorClass::Timeout => "timeout",
            ErrorClass::Unavailable => "unavailable",
            ErrorClass::Protocol => "protocol",
            _ => "error",
        });
        self.calls.get_or_create(&Call { kind, result }).inc();
        self.checks.observe(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        self.up.set(i64::from(!matches!(result, "timeout" | "unavailable")));
    }
}
