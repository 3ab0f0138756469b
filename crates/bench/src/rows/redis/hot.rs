//! One client that asks as fast as one thread can: decided in this process, by borrowed tokens or a remembered
//! denial. The peer is at its best, with a thousand callers on one connection.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use distributed_rate_limiter::RateLimiter;

use super::lab::{Asked, Crowd, FIRST, Lab, Limiter as _};
use super::naive::Naive;
use super::{LASTING, Lane, ONE_PER_HOUR, PATIENCE, Row};
use crate::contest::{Expected, Figures, Measure};
use crate::report::Line;

const THROUGHPUT: Measure = Measure::higher("decisions/s").goal(100.0);
const COST: Measure = Measure::lower("ns/decision");
const PEERS: Crowd = Crowd { callers: 1_000, clients: 1 };
/// A look at the clock is a third of a decision.
const UNTIMED: u32 = 1_000;

pub(super) fn rows() -> Vec<Row> {
    let row = |name: &str, expected| Row::new(name, move |lane: &Lane<'_>| alone(lane, expected));
    vec![
        row("redis, hot key, leases auto, 1 thread, is_allowed", Expected::Admitted),
        row("redis, hot key denied, 1 thread, is_allowed", Expected::Denied),
    ]
}

fn alone(lane: &Lane<'_>, expected: Expected) -> Result<Vec<Line>> {
    let bounds = if expected == Expected::Admitted { LASTING } else { ONE_PER_HOUR };
    let lab = Lab::start()?;
    let ours = RateLimiter::builder().store(lab.url()).quota(bounds.quota()).timeout(PATIENCE);
    let ours = lab.run(async { anyhow::Ok(ours.build().await?) })?;
    let naive = lab.run(Naive::connect(&lab.url(), bounds))?;
    lab.run(async {
        ours.admits(FIRST).await?;
        naive.admits(FIRST).await
    })?;
    let span = lane.effort.span();
    lane.contest(&[THROUGHPUT, COST]).between(
        || lab.run(hammer(&ours, expected, span)),
        || {
            let peer = lab.flood(&naive, Asked { crowd: PEERS, expected }, span)?.per_second();
            Ok(vec![peer, 1e9 / peer])
        },
    )
}

/// Decisions a second, and the nanoseconds of one.
async fn hammer(limiter: &RateLimiter, expected: Expected, span: Duration) -> Result<Figures> {
    let started = Instant::now();
    let mut decisions = 0_u64;
    while started.elapsed() < span {
        for _ in 0..UNTIMED {
            let admitted = limiter.is_allowed(FIRST).await?;
            ensure!(admitted == (expected == Expected::Admitted), "{FIRST} was answered {admitted}");
        }
        decisions += u64::from(UNTIMED);
    }
    let per_second = decisions as f64 / started.elapsed().as_secs_f64();
    Ok(vec![per_second, 1e9 / per_second])
}
