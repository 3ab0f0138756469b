//! One counter on a store, and ways to ask it.

#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drl_core::check::{Ask, Check};
use drl_core::{Algorithm, Keyspace, Mode, Quota, Rule, Verdict};
use drl_redis::{Options, RedisStore};
use drl_store::{Store, StoreError};
use drl_testkit::FaultProxy;
use smallvec::smallvec;

/// A deadline for calls that will not be answered.
pub(crate) const SOON: Duration = Duration::from_millis(150);
/// A deadline for calls that will be, however busy the machine is.
pub(crate) const PATIENT: Duration = Duration::from_secs(20);
/// What the counter admits.
pub(crate) const LIMIT: u64 = 1_000_000;

pub(crate) fn through(proxy: &FaultProxy) -> String {
    format!("redis://{}", proxy.address())
}

pub(crate) struct Client {
    pub(crate) store: RedisStore,
    space: Keyspace,
    rule: Rule,
    attempts: AtomicU64,
}

impl Client {
    pub(crate) fn new(url: &str, timeout: Duration) -> Self {
        let mut options = Options::default();
        options.timeout = timeout;
        let store = RedisStore::lazy(&url.parse().unwrap(), options).unwrap();
        let quota = Quota::new(LIMIT, Quota::MAX_WINDOW).algorithm(Algorithm::FixedWindow);
        let space = Keyspace::new("test", "limit", &quota.identity());
        Self { store, space, rule: quota.rule().unwrap(), attempts: AtomicU64::new(0) }
    }

    pub(crate) async fn take(&self, cost: u64) -> Result<Verdict, StoreError> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.decide(cost, Mode::Take).await
    }

    /// The first call, which may need longer than its deadline until the connection is there.
    pub(crate) async fn take_patiently(&self) {
        let start = Instant::now();
        while self.decide(0, Mode::Peek).await.is_err() {
            assert!(start.elapsed() < PATIENT, "no connection");
            tokio::task::yield_now().await;
        }
        assert!(self.take(1).await.unwrap().allowed);
    }

    /// What has been charged.
    pub(crate) async fn used(&self) -> u64 {
        LIMIT - self.decide(0, Mode::Peek).await.unwrap().outcomes[0].remaining
    }

    /// Peeks until the store answers, then takes one: how much has been charged by then.
    pub(crate) async fn until_answered(&self) -> u64 {
        let start = Instant::now();
        while self.decide(0, Mode::Peek).await.is_err() {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            assert!(start.elapsed() < PATIENT, "the store does not come back");
            tokio::task::yield_now().await;
        }
        let verdict = self.take(1).await.unwrap();
        LIMIT - verdict.outcomes[0].remaining
    }

    /// How many calls were made, whatever came of them.
    pub(crate) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed) + 4
    }

    async fn decide(&self, cost: u64, mode: Mode) -> Result<Verdict, StoreError> {
        let key = self.space.key(&[b"client"], 0);
        let batch = [Check { asks: smallvec![Ask { key, rule: self.rule, cost }], mode }];
        self.store.decide(&batch).wait().await.remove(0)
    }
}
