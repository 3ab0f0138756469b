//! What policies have said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use distributed_rate_limiter::Source;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

/// What a policy said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    Denied,
    /// A shadow policy would have denied.
    WouldDeny,
    /// Nobody could decide.
    Error,
}

const VERDICTS: [(Verdict, &str); 4] = [
    (Verdict::Allowed, "allowed"),
    (Verdict::Denied, "denied"),
    (Verdict::WouldDeny, "would_deny"),
    (Verdict::Error, "error"),
];

const SOURCES: [Source; 5] =
    [Source::Store, Source::Lease, Source::DenialMemory, Source::Fallback, Source::Policy];

/// The counters of one policy. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyCounters(Arc<[[AtomicU64; SOURCES.len()]; VERDICTS.len()]>);

impl PolicyCounters {
    pub(crate) fn count(&self, verdict: Verdict, source: Source) {
        let source = SOURCES.iter().position(|known| *known == source).unwrap_or_default();
        self.0[verdict as usize][source].fetch_add(1, Ordering::Relaxed);
    }
}

/// The counters of all policies there have been: who is configured anew goes on where the name left off.
#[derive(Debug, Default)]
pub(crate) struct Policies(Mutex<BTreeMap<(String, String), PolicyCounters>>);

/// The same, where the registry wants its own.
#[derive(Debug)]
pub(super) struct Shared(pub(super) Arc<Policies>);

impl Policies {
    pub(crate) fn counters(&self, domain: &str, policy: &str) -> PolicyCounters {
        self.0.lock().entry((domain.to_owned(), policy.to_owned())).or_default().clone()
    }
}

impl Collector for Shared {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let help = "What policies said, and who decided";
        let mut family = encoder.encode_descriptor("decisions", help, None, MetricType::Counter)?;
        for ((domain, policy), counters) in &*self.0.0.lock() {
            for (verdict, name) in VERDICTS {
                for (source, count) in SOURCES.iter().zip(&counters.0[verdict as usize]) {
                    let count = count.load(Ordering::Relaxed);
                    if count > 0 {
                        let labels = [
                            ("domain", domain.as_str()),
                            ("policy", policy),
                            ("verdict", name),
                            ("source", source.as_str()),
                        ];
                        ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}
