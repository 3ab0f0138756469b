//! A store on a manual clock, and short ways to ask it.

use std::sync::Arc;

use drl_core::check::{Ask, Check};
use drl_core::{Admission, Algorithm, Keyspace, Mode, Quota, Rule, Timestamp, Verdict};
use drl_store::memory::Builder;
use drl_store::{ManualClock, MemoryStore, Store as _, StoreError};

pub(crate) const START: Timestamp = Timestamp(1_764_000_000_000_000);

pub(crate) struct Fixture {
    pub(crate) store: MemoryStore<Arc<ManualClock>>,
    pub(crate) clock: Arc<ManualClock>,
    space: Keyspace,
}

/// One limit of a check by the client's name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit<'a> {
    pub(crate) client: &'a str,
    pub(crate) rule: Rule,
    pub(crate) cost: u64,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(set_up: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let store = set_up(MemoryStore::builder()).clock(clock.clone()).build();
        Self { store, clock, space: Keyspace::new("drl", "per-client", "test") }
    }

    pub(crate) fn decide(&self, limits: &[Limit<'_>], mode: Mode) -> Result<Verdict, StoreError> {
        let partitions: Vec<[&[u8]; 1]> = limits.iter().map(|limit| [limit.client.as_bytes()]).collect();
        let asks = limits
            .iter()
            .zip(&partitions)
            .map(|(limit, partition)| Ask {
                key: self.space.key(partition, 0),
                rule: limit.rule,
                cost: limit.cost,
            })
            .collect();
        self.store.decide_one(&Check { asks, mode })
    }

    /// As [`Store::admit`] decides it.
    pub(crate) fn admit(&self, limit: &Limit<'_>) -> Option<Admission> {
        let partition = [limit.client.as_bytes()];
        self.store.admit(&Ask { key: self.space.key(&partition, 0), rule: limit.rule, cost: limit.cost })
    }

    pub(crate) fn take(&self, client: &str, rule: Rule) -> Result<bool, StoreError> {
        let limit = Limit { client, rule, cost: 1 };
        match self.admit(&limit) {
            Some(admission) => Ok(admission.allowed),
            None => self.decide(&[limit], Mode::Take).map(|verdict| verdict.allowed),
        }
    }

    pub(crate) fn remaining(&self, client: &str, rule: Rule) -> u64 {
        self.decide(&[Limit { client, rule, cost: 1 }], Mode::Peek).unwrap().outcomes[0].remaining
    }
}

/// `limit` a minute, kept by `algorithm`.
pub(crate) fn per_minute(limit: u64, algorithm: Algorithm) -> Rule {
    Quota::per_minute(limit).algorithm(algorithm).rule().unwrap()
}
