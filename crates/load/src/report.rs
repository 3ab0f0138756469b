//! The result, for people and as JSON.

mod table;

use drl_core::Micros;
use serde::Serialize;

use crate::judge::{Breach, Verdict};
use crate::ledger::CLOSE;
use crate::settings::Settings;
use crate::store_clock::Offset;
use crate::tally::{Latencies, Sources, Tally};

/// What a run has shown. Counts of tokens are counts of requests unless a request costs more than one.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Answers: allowed or denied.
    pub decisions: u64,
    /// The same for each second.
    pub decisions_per_second: f64,
    /// How long the run took, to the last answer.
    pub seconds: f64,
    /// How long callers waited for an answer.
    pub latency_us: Latency,
    /// Requests allowed.
    pub admitted: u64,
    /// Requests denied.
    pub denied: u64,
    /// Requests that were neither.
    pub errors: u64,
    /// What the first of them said.
    pub first_error: Option<String>,
    /// Who decided.
    pub by_source: Sources,
    /// Tokens: the cost of the requests allowed.
    pub admitted_tokens: u64,
    /// The most tokens that could be admitted to the keys that were asked, in the time they were.
    pub bound: u64,
    /// Tokens admitted above it, or above what any shorter stretch of time allows, summed over keys.
    pub over_admission: u64,
    /// The worst such stretch.
    pub worst: Option<Breach>,
    /// Tokens admitted, of those that could be and were asked for.
    pub utilisation: f64,
    /// What the judge could see.
    pub judged: Judged,
    /// What was asked for.
    pub configuration: Configuration,
}

/// Percentiles in microseconds, to a percent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Half of all answers took no longer.
    pub p50: f64,
    /// Nine in ten.
    pub p90: f64,
    /// 99 in a hundred.
    pub p99: f64,
    /// 999 in a thousand.
    pub p99_9: f64,
    /// The longest that was timed.
    pub max: f64,
    /// How many were timed. Where decisions take less than 2 µs it is one in 16, since reading a clock would
    /// be a good part of them.
    pub timed: u64,
}

/// What the judge could see.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// Keys that were asked at all.
    pub keys: usize,
    /// The keys that ask most are judged in every stretch of time, the others over the whole run.
    pub keys_followed: u32,
    /// How closely the store's clock is known, in microseconds.
    pub store_clock_within_us: i64,
    /// How far it may have been moved during the run.
    pub store_clock_drift_us: u64,
    /// Tokens of keys that are followed, for which it is not known when they were admitted. They count in the
    /// whole run.
    pub unplaced_tokens: u64,
}

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Configuration {
    /// Without credentials and options.
    pub store: String,
    /// Limiters.
    pub instances: u16,
    /// Whether each was a process.
    pub processes: bool,
    /// Callers of each.
    pub callers: u32,
    /// Clients.
    pub keys: u32,
    /// How often each asked.
    pub distribution: String,
    /// As in `100/minute`.
    pub limit: String,
    /// The bucket's capacity, where it was not the limit.
    pub burst: Option<u64>,
    /// By name.
    pub algorithm: String,
    /// Counters of each client.
    pub shards: String,
    /// `auto` or `off`.
    pub leases: String,
    /// Of each request.
    pub cost: u64,
    /// How long was asked, in seconds.
    pub duration_seconds: f64,
    /// How long before that, without counting.
    pub warmup_seconds: f64,
    /// Of the sequences of clients.
    pub seed: u64,
}

/// What was measured beside counts.
pub(crate) struct Measured {
    pub(crate) seconds: f64,
    pub(crate) offset: Offset,
    pub(crate) drift: Micros,
}

impl Report {
    pub(crate) fn new(settings: &Settings, measured: &Measured, tally: &Tally, verdict: Verdict) -> Self {
        let counts = &tally.counts;
        Self {
            decisions: counts.decisions(),
            decisions_per_second: ratio(counts.decisions() as f64, measured.seconds),
            seconds: measured.seconds,
            latency_us: Latency::new(&counts.latency),
            admitted: counts.admitted,
            denied: counts.denied,
            errors: counts.errors,
            first_error: counts.first_error.clone(),
            by_source: counts.sources,
            admitted_tokens: verdict.admitted,
            bound: verdict.bound,
            over_admission: verdict.over_admission,
            worst: verdict.worst,
            utilisation: ratio(verdict.admitted as f64, verdict.possible as f64),
            judged: Judged {
                keys: tally.totals.len(),
                keys_followed: settings.keys.min(CLOSE),
                store_clock_within_us: measured.offset.width(),
                store_clock_drift_us: measured.drift.0,
                unplaced_tokens: tally.unplaced,
            },
            configuration: Configuration::new(settings),
        }
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

impl Latency {
    fn new(latencies: &Latencies) -> Self {
        let micros = |nanos: u64| nanos as f64 / 1_000.0;
        let at = |quantile| micros(latencies.histogram.value_at_quantile(quantile));
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: micros(latencies.histogram.max()),
            timed: latencies.timed,
        }
    }
}

impl Configuration {
    fn new(settings: &Settings) -> Self {
        Self {
            store: settings.store_shown(),
            instances: settings.instances,
            processes: settings.processes,
            callers: settings.callers,
            keys: settings.keys,
            distribution: settings.distribution.to_string(),
            limit: settings.limit.clone(),
            burst: settings.burst,
            algorithm: settings.algorithm.clone(),
            shards: settings.shards.to_string(),
            leases: settings.leases.to_string(),
            cost: settings.cost,
            duration_seconds: settings.duration.as_secs_f64(),
            warmup_seconds: settings.warmup.as_secs_f64(),
            seed: settings.seed,
        }
    }
}
