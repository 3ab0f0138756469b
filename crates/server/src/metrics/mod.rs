//! What the server tells Prometheus.
//!
//! Labels come from the configuration, never from a request. Recording what a policy said is one atomic addition
//! to a counter whose place was looked up when the policies were read.

mod observed;
mod policies;

use std::sync::Arc;
use std::time::Duration;

use distributed_rate_limiter::engine::Holdings;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

pub(crate) use observed::Observed;
pub(crate) use policies::{Policies, PolicyCounters, Verdict};

/// What `/metrics` is.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The fronts that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrontName {
    Http,
    Grpc,
    Resp,
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) policies: Arc<Policies>,
    durations: [Histogram; 3],
    reloads: Family<Outcome, Counter>,
    tracked: Gauge,
    leased: Gauge,
    pub(crate) store: StoreMetrics,
}

/// What is counted of the store's calls.
#[derive(Clone, Debug)]
pub(crate) struct StoreMetrics {
    calls: Family<Call, Counter>,
    durations: Histogram,
    checks: Histogram,
    up: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FrontLabel {
    front: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("drl");
        let policies = Arc::new(Policies::default());
        registry.register_collector(Box::new(policies::Shared(Arc::clone(&policies))));
        let fronts = Family::<FrontLabel, Histogram>::new_with_constructor(seconds);
        registry.register_with_unit(
            "decision_duration",
            "How long a front took to decide",
            Unit::Seconds,
            fronts.clone(),
        );
        let durations =
            ["http", "grpc", "resp"].map(|front| fronts.get_or_create(&FrontLabel { front }).clone());
        let reloads = Family::default();
        registry.register("config_reloads", "How often the configuration was read anew", reloads.clone());
        let [tracked, leased] = [
            ("tracked_keys", "Clients and limits that this process keeps something of in memory"),
            ("leased_tokens", "Tokens that this instance has borrowed and may still spend"),
        ]
        .map(|(name, help)| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        });
        let store = StoreMetrics::register(&mut registry);
        Self { registry, policies, durations, reloads, tracked, leased, store }
    }
}

impl Metrics {
    /// A front has decided.
    pub(crate) fn decided(&self, front: FrontName, took: Duration) {
        self.durations[front as usize].observe(took.as_secs_f64());
    }

    /// The configuration was read anew, and taken over or not.
    pub(crate) fn reloaded(&self, taken: bool) {
        let result = if taken { "ok" } else { "error" };
        self.reloads.get_or_create(&Outcome { result }).inc();
    }

    /// Everything, in the OpenMetrics text format.
    pub(crate) fn text(&self, held: Holdings) -> String {
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.tracked.set(gauge(held.names));
        self.leased.set(gauge(held.tokens));
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

impl StoreMetrics {
    fn register(registry: &mut Registry) -> Self {
        let calls = Family::default();
        registry.register("store_calls", "Calls of the store, by what they were for", calls.clone());
        let durations = seconds();
        let help = "How long the store took to answer";
        registry.register_with_unit("store_call_duration", help, Unit::Seconds, durations.clone());
        let checks = Histogram::new(exponential_buckets(1.0, 2.0, 10));
        registry.register("batch_size", "How many checks went to the store in one call", checks.clone());
        let up = Gauge::default();
        up.set(1);
        registry.register("store_up", "Whether the store answered when it was last asked", up.clone());
        Self { calls, durations, checks, up }
    }
}

/// From ten microseconds to two and a half seconds.
fn seconds() -> Histogram {
    Histogram::new([
        0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05,
        0.1, 0.25, 0.5, 1.0, 2.5,
    ])
}
