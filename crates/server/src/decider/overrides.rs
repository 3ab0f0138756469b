//! Limits that come with a request: a part that names a quota is held to that one, and to
//! no policy's or rule's.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use distributed_rate_limiter::engine::{Engine, Limit, LimitOptions};
use distributed_rate_limiter::{Algorithm, Error, Quota};
use drl_core::policy::{OnLimited, OnStoreFailure};
use parking_lot::RwLock;
use smallvec::SmallVec;

use super::met::{Met, Voice};
use super::request::Part;
use crate::envoy::Keeping;
use crate::metrics::PolicyCounters;

/// What a client reads as the policy's name.
pub(super) const NAME: &str = "override";
/// So many limits are at hand. A limit takes a microsecond to make and nothing is lost with it, since what was
/// used is in the store: whoever invents quotas gains no more than that.
const MOST: usize = 4_096;

/// Limits that came with requests, ready to be asked again.
#[derive(Debug)]
pub(super) struct Overrides {
    engine: Engine,
    limits: RwLock<HashMap<Asked, Limit>>,
}

/// How such limits speak.
pub(super) fn voice(counters: PolicyCounters, keeping: Keeping) -> Voice {
    Voice {
        name: NAME.into(),
        mode: keeping.mode,
        denied: keeping.denied,
        rejection: OnLimited::Reject,
        // The one who asks has a failure mode of its own.
        on_store_failure: OnStoreFailure::Error,
        counters,
    }
}

/// Which limit.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Asked {
    name: String,
    quota: Quota,
}

impl Overrides {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, limits: RwLock::default() }
    }

    /// The limit that this part of a request brings along. Its counter is that of the attributes' values, in
    /// whichever order they come.
    ///
    /// # Errors
    /// If nobody can keep such a quota.
    pub(super) fn meet<'b>(&self, domain: &str, held: Held<'b, '_>, quota: Quota) -> Result<Met<'b>, Error> {
        let Held { voice, at, part } = held;
        let mut attributes: SmallVec<[_; 8]> = part.attributes.iter().collect();
        attributes.sort_unstable();
        // No policy's name has a `!`. A length before each attribute, so that no two lists read the same.
        let mut name = format!("{domain}/!");
        for (attribute, _) in &attributes {
            let _ = write!(name, "{}:{attribute}", attribute.len()); // writing to a String cannot fail
        }
        // A quota of nothing is one that nobody can pay.
        let (keepable, cost) = match quota.limit() {
            0 if part.cost > 0 => (of_one(quota), part.cost.max(2)),
            0 => (of_one(quota), 0),
            _ => (quota, part.cost),
        };
        Ok(Met {
            part: at,
            cost,
            voice: Cow::Borrowed(voice),
            limit: Cow::Owned(self.limit(Asked { name, quota: keepable })?),
            quota,
            partition: attributes.iter().map(|&(_, value)| -> &'b [u8] { value }).collect(),
        })
    }

    fn limit(&self, asked: Asked) -> Result<Limit, Error> {
        if let Some(limit) = self.limits.read().get(&asked) {
            return Ok(limit.clone());
        }
        let limit = self.engine.limit(&asked.name, asked.quota, LimitOptions::default())?;
        let mut limits = self.limits.write();
        if limits.len() >= MOST {
            limits.clear();
        }
        Ok(limits.entry(asked).or_insert(limit).clone())
    }
}

/// A part of a request, in its place.
pub(super) struct Held<'b, 'p> {
    pub(super) voice: &'b Voice,
    pub(super) at: usize,
    pub(super) part: &'b Part<'p>,
}

fn of_one(quota: Quota) -> Quota {
    Quota::new(1, quota.window()).algorithm(Algorithm::FixedWindow)
}

#[cfg(test)]
mod tests {
    use distributed_rate_limiter::engine::EngineOptions;
    use drl_core::policy::Attributes;

    use super::*;

    #[tokio::test]
    async fn inventing_quotas_fills_no_memory() {
        let engine = Engine::connect("memory://", EngineOptions::default()).await.unwrap();
        let (overrides, voice) =
            (Overrides::new(engine), voice(PolicyCounters::default(), Keeping::default()));
        let attributes = Attributes::new([("client", b"alice".as_slice())]).unwrap();
        let part = Part { attributes, cost: 1, quota: None };
        for limit in 1..=3 * MOST as u64 {
            let held = Held { voice: &voice, at: 0, part: &part };
            overrides.meet("default", held, Quota::per_second(limit)).unwrap();
            assert!(overrides.limits.read().len() <= MOST);
        }
    }
}
