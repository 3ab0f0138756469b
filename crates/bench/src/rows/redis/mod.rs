//! Decisions on a real Redis server, against a naive limiter on the same client crate.

mod cold;
mod hot;
mod lab;
mod naive;

use anyhow::Result;
use distributed_rate_limiter::{Leases, RateLimiter};

use self::lab::{Asked, Crowd, Lab, Limiter};
use super::quota::{LASTING, ONE_PER_HOUR};
use super::{Lane, Row, count};
use crate::contest::{Expected, Measure};
use crate::report::Line;

const THROUGHPUT: Measure = Measure::higher("decisions/s");
const MEDIAN: Measure = Measure::lower("µs, p50");
const TAIL: Measure = Measure::lower("µs, p99");
const COLD: usize = 100_000;
/// Leaves the default's 50 ms to those who need an answer: here every decision has to be made.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (clients, keys) in [(1, "hot key, leases off"), (COLD, "100 k keys")] {
        for callers in [1, 64, 1_000] {
            let crowd = Crowd { callers, clients };
            let name = format!("redis, {keys}, {} callers, is_allowed", count(callers));
            rows.push(Row::new(name, move |lane| admitted(lane, crowd)));
        }
    }
    rows.extend(hot::rows());
    rows.extend(cold::rows());
    rows
}

fn admitted(lane: &Lane<'_>, crowd: Crowd) -> Result<Vec<Line>> {
    let measures = match crowd {
        Crowd { callers: 1_000, clients: 1 } => [THROUGHPUT.goal(20.0), MEDIAN, TAIL],
        // "At most 1.05 × the naive limiter's" as a ratio.
        Crowd { callers: 1, clients: COLD } => [THROUGHPUT, MEDIAN.goal(0.95), TAIL],
        _ => [THROUGHPUT, MEDIAN, TAIL],
    };
    let lab = Lab::start()?;
    let ours = RateLimiter::builder().store(lab.url()).quota(LASTING.quota()).leases(Leases::Off);
    let ours = lab.run(async { anyhow::Ok(ours.timeout(PATIENCE).build().await?) })?;
    let naive = lab.run(naive::Naive::connect(&lab.url(), LASTING))?;
    let asked = Asked { crowd, expected: Expected::Admitted };
    let span = lane.effort.span();
    lane.contest(&measures).between(
        || Ok(lab.flood(&ours, asked, span)?.figures()),
        || Ok(lab.flood(&naive, asked, span)?.figures()),
    )
}

impl Limiter for RateLimiter {
    async fn admits(&self, client: &str) -> Result<bool> {
        Ok(self.is_allowed(client).await?)
    }
}
