//! A Redis server of the row's own, and a crowd that asks as fast as it is answered.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use drl_testkit::RedisServer;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::contest::{Expected, Figures};
use crate::workload::client;

/// The name of the first client.
pub(super) const FIRST: &str = "client-00000000";

/// Whatever decides for one client at a time.
pub(super) trait Limiter: Clone + Send + Sync + 'static {
    fn admits(&self, client: &str) -> impl Future<Output = Result<bool>> + Send;
}

/// Concurrent callers, each asking for one of so many clients at random and waiting for the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    pub(super) callers: usize,
    pub(super) clients: usize,
}

/// A crowd's questions, and what the answers must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) crowd: Crowd,
    pub(super) expected: Expected,
}

/// What a crowd was answered: at least one decision.
pub(super) struct Answered {
    /// Ascending.
    latencies: Vec<Duration>,
    took: Duration,
}

pub(super) struct Lab {
    server: RedisServer,
    runtime: Runtime,
}

impl Lab {
    pub(super) fn start() -> Result<Self> {
        Ok(Self { server: RedisServer::start(), runtime: Builder::new_multi_thread().enable_all().build()? })
    }

    /// TCP on loopback, as between machines.
    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(super) fn port(&self) -> String {
        self.server.address().port().to_string()
    }

    /// Executes a command past whatever is measured.
    pub(super) fn execute(&self, command: &redis::Cmd) -> Result<()> {
        Ok(command.exec(&mut self.server.connection())?)
    }

    /// What `work` returns, and the seconds of its one core that the server spent meanwhile.
    pub(super) fn with_cpu<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
        let before = self.cpu()?;
        let done = work()?;
        Ok((done, self.cpu()? - before))
    }

    fn cpu(&self) -> Result<f64> {
        let text: String = redis::cmd("INFO").arg("cpu").query(&mut self.server.connection())?;
        let spent = |line: &str| line.split_once("_main_thread:").map(|(_, seconds)| seconds.parse::<f64>());
        Ok(text.lines().filter_map(spent).sum::<Result<f64, _>>()?)
    }

    /// Has the crowd ask for so long.
    pub(super) fn flood(&self, limiter: &impl Limiter, asked: Asked, span: Duration) -> Result<Answered> {
        let names: Arc<[String]> = (0..asked.crowd.clients).map(client).collect();
        let started = Instant::now();
        let mut latencies = self.run(async {
            let mut callers = JoinSet::new();
            for seed in 0..asked.crowd.callers {
                let caller = Caller { names: Arc::clone(&names), until: started + span, seed: seed as u64 };
                callers.spawn(caller.ask(limiter.clone(), asked.expected));
            }
            let mut latencies = Vec::new();
            for each in callers.join_all().await {
                latencies.extend(each?);
            }
            anyhow::Ok(latencies)
        })?;
        let took = started.elapsed();
        ensure!(!latencies.is_empty(), "nothing was decided");
        latencies.sort_unstable();
        Ok(Answered { latencies, took })
    }
}

impl Answered {
    pub(super) fn decisions(&self) -> usize {
        self.latencies.len()
    }

    pub(super) fn per_second(&self) -> f64 {
        self.decisions() as f64 / self.took.as_secs_f64()
    }

    /// Decisions a second, and the median and the 99th percentile of their latencies in microseconds.
    pub(super) fn figures(&self) -> Figures {
        let percentile =
            |percent: usize| self.latencies[self.decisions() * percent / 100].as_secs_f64() * 1e6;
        vec![self.per_second(), percentile(50), percentile(99)]
    }
}

struct Caller {
    names: Arc<[String]>,
    until: Instant,
    seed: u64,
}

impl Caller {
    /// The latency of each answer.
    async fn ask(self, limiter: impl Limiter, expected: Expected) -> Result<Vec<Duration>> {
        let mut random = SmallRng::seed_from_u64(self.seed);
        let mut latencies = Vec::new();
        loop {
            let asked = Instant::now();
            if asked >= self.until {
                return Ok(latencies);
            }
            let name = &self.names[random.random_range(0..self.names.len())];
            let admitted = limiter.admits(name).await?;
            latencies.push(asked.elapsed());
            ensure!(admitted == (expected == Expected::Admitted), "{name} was answered {admitted}");
        }
    }
}
