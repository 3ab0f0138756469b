//! A million clients, each asking now and then.
//!
//! The peer of many callers is `redis-benchmark` calling the naive script: Redis' own load generator with 32
//! calls in each pipeline, a C program that decides nothing. Ours is the store, asked for one check at a time
//! (one counter per client, no shards). All clients of both are known to the server before anything is measured.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use drl_core::check::{Ask, Check};
use drl_core::{Algorithm, Keyspace, Mode, Quota, Rule};
use drl_redis::{Options, RedisStore};
use drl_store::Store as _;
use smallvec::smallvec;

use super::lab::{Asked, Crowd, Lab, Limiter};
use super::{PATIENCE, THROUGHPUT, naive};
use crate::contest::{Effort, Expected, Figures, Measure};
use crate::report::Line;
use crate::rows::quota::LASTING;
use crate::rows::redis_benchmark::Load;
use crate::rows::{Lane, Row};
use crate::workload::client;

const CLIENTS: usize = 1_000_000;
const CALLERS: usize = 512;
const CPU: Measure = Measure::lower("µs of CPU");

pub(super) fn rows() -> Vec<Row> {
    let mut rows = crowded();
    let name = "redis, 1 M keys, 1 caller, the store";
    rows.push(Row::new(name, alone));
    rows
}

fn crowded() -> Vec<Row> {
    // Both remember each request for longer than the row takes.
    let window = Quota::new(40_000_000, Duration::from_secs(86_400)).algorithm(Algorithm::FixedWindow);
    [("token bucket", LASTING.quota(), 2.0), ("fixed window", window, 3.0)]
        .map(|(name, quota, goal)| {
            let name = format!("redis, 1 M keys, {name}, redis-benchmark -P 32");
            Row::new(name, move |lane| against_redis_benchmark(lane, quota, goal))
        })
        .into()
}

fn against_redis_benchmark(lane: &Lane<'_>, quota: Quota, goal: f64) -> Result<Vec<Line>> {
    let lab = Lab::start()?;
    let ours = lab.run(Ours::connect(&lab.url(), quota))?;
    lab.run(ours.meet_everybody())?;
    let peer = Peer { sha1: lab.run(naive::Naive::connect(&lab.url(), LASTING))?.sha1().to_owned() };
    peer.meet_everybody(&lab)?;
    let (span, calls) = (lane.effort.span(), Peer::calls(lane.effort));
    let asked = Asked { crowd: Crowd { callers: CALLERS, clients: CLIENTS }, expected: Expected::Admitted };
    let measures = [THROUGHPUT.goal(goal), CPU];
    lane.contest(&measures).between(
        || {
            let (answered, cpu) = lab.with_cpu(|| lab.flood(&ours, asked, span))?;
            Ok(figures(answered.per_second(), cpu / answered.decisions() as f64))
        },
        || {
            let (per_second, cpu) = lab.with_cpu(|| peer.flood(&lab, calls))?;
            Ok(figures(per_second, cpu / calls as f64))
        },
    )
}

/// With nobody else there, against the naive script on the same client crate.
fn alone(lane: &Lane<'_>) -> Result<Vec<Line>> {
    let lab = Lab::start()?;
    let ours = lab.run(Ours::connect(&lab.url(), LASTING.quota()))?;
    let naive = lab.run(naive::Naive::connect(&lab.url(), LASTING))?;
    let span = lane.effort.span();
    let asked = Asked { crowd: Crowd { callers: 1, clients: CLIENTS }, expected: Expected::Admitted };
    // "At most 1.05 × the naive limiter's" as a ratio.
    let measures = [THROUGHPUT, Measure::lower("µs, p50").goal(0.95), Measure::lower("µs, p99")];
    lane.contest(&measures).between(
        || Ok(lab.flood(&ours, asked, span)?.figures()),
        || Ok(lab.flood(&naive, asked, span)?.figures()),
    )
}

fn figures(per_second: f64, cpu: f64) -> Figures {
    vec![per_second, cpu * 1e6]
}

/// The store, asked directly.
#[derive(Clone)]
struct Ours(Arc<Counters>);

struct Counters {
    store: RedisStore,
    space: Keyspace,
    rule: Rule,
}

impl Ours {
    async fn connect(url: &str, quota: Quota) -> Result<Self> {
        let mut options = Options::default();
        options.timeout = PATIENCE;
        let store = RedisStore::connect(&url.parse()?, options).await?;
        let space = Keyspace::new("drl", "bench", &quota.identity());
        Ok(Self(Arc::new(Counters { store, space, rule: quota.rule()? })))
    }

    async fn meet_everybody(&self) -> Result<()> {
        let names: Vec<String> = (0..CLIENTS).map(client).collect();
        for some in names.chunks(1_000) {
            let partitions: Vec<[&[u8]; 1]> = some.iter().map(|name| [name.as_bytes()]).collect();
            let batch: Vec<Check<'_>> = partitions.iter().map(|partition| self.0.check(partition)).collect();
            for answer in self.0.store.decide(&batch).wait().await {
                ensure!(answer?.allowed, "somebody is denied already");
            }
        }
        Ok(())
    }
}

impl Counters {
    fn check<'a>(&'a self, partition: &'a [&'a [u8]]) -> Check<'a> {
        let ask = Ask { key: self.space.key(partition, 0), rule: self.rule, cost: 1 };
        Check { asks: smallvec![ask], mode: Mode::Take }
    }
}

impl Limiter for Ours {
    async fn admits(&self, client: &str) -> Result<bool> {
        let partition = [client.as_bytes()];
        let batch = [self.0.check(&partition)];
        Ok(self.0.store.decide(&batch).wait().await.remove(0)?.allowed)
    }
}

/// `redis-benchmark`.
struct Peer {
    sha1: String,
}

impl Peer {
    fn calls(effort: Effort) -> usize {
        effort.choose(50_000, 200_000)
    }

    /// Writes every key as the naive script would.
    fn meet_everybody(&self, lab: &Lab) -> Result<()> {
        const FILL: &str = "local now = redis.call('TIME')[1]
            for index = ARGV[1], ARGV[1] + 9999 do
              redis.call('SET', string.format('key:%012d', index), now .. '000000', 'PX', 86400000)
            end";
        for first in (0..CLIENTS).step_by(10_000) {
            lab.execute(redis::cmd("EVAL").arg(FILL).arg(0).arg(first))?;
        }
        Ok(())
    }

    fn flood(&self, lab: &Lab, calls: usize) -> Result<f64> {
        let interval = LASTING.period.as_micros().to_string();
        let load = Load { port: &lab.port(), pipeline: 32, keys: CLIENTS, requests: calls };
        load.run(&["EVALSHA", &self.sha1, "1", "key:__rand_int__", &interval, &LASTING.burst.to_string()])
    }
}
