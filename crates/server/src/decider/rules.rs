//! The rules of one domain, from descriptors, with their limits made.

use std::borrow::Cow;
use std::sync::Arc;

use distributed_rate_limiter::engine::{Engine, Limit, LimitOptions};
use distributed_rate_limiter::{Error, Quota};
use drl_core::Micros;
use drl_core::policy::OnLimited;
use smallvec::SmallVec;

use super::closed::Closed;
use super::domain::{failure_policy, needs_the_store};
use super::meeting::{Meeting, Room};
use super::met::{Met, Voice};
use super::request::Part;
use crate::envoy::{Allowance, Domain, Entry, Found, Keeping, Mode, Rule, leave_out_replaced};
use crate::metrics::{Policies, PolicyCounters};

/// Rules and, in the same order, what deciding them takes.
#[derive(Debug)]
pub(super) struct Rules {
    domain: Arc<Domain>,
    ready: Vec<Ready>,
    keeping: Keeping,
}

#[derive(Debug)]
struct Ready {
    voice: Voice,
    kept: Kept,
}

/// What a rule takes to be kept.
#[derive(Debug)]
enum Kept {
    /// Nothing: everybody passes.
    Unlimited,
    /// Nothing: nobody passes.
    Closed { window: Micros },
    /// A counter.
    Counted { limit: Limit, quota: Quota },
}

impl Rules {
    /// Makes the limits of a domain.
    pub(super) fn new(
        engine: &Engine,
        domain: &Arc<Domain>,
        keeping: Keeping,
        counters: &Policies,
    ) -> Result<Self, Error> {
        let ready = domain.rules().iter().map(|rule| {
            let counters = counters.counters(domain.name(), &rule.path);
            Ready::new(engine, rule, keeping, counters)
        });
        Ok(Self { domain: Arc::clone(domain), ready: ready.collect::<Result<_, Error>>()?, keeping })
    }

    /// The names of the rules that cannot do without a store.
    pub(super) fn needing_the_store(&self) -> impl Iterator<Item = &str> {
        let waiting = self.ready.iter().filter(|Ready { voice, kept }| {
            matches!(kept, Kept::Counted { .. })
                && !voice.is_shadow()
                && needs_the_store(voice.on_store_failure)
        });
        waiting.map(|ready| &*ready.voice.name)
    }

    /// What the rules have for the parts of a request, without what others of them replace. A part that brings a
    /// quota along has none of theirs.
    pub(super) fn add<'b>(&'b self, meeting: &mut Meeting<'b>, parts: &'b [Part<'_>]) {
        let mut found: SmallVec<[Option<Found<'b>>; 2]> = parts.iter().map(|part| self.find(part)).collect();
        leave_out_replaced(&mut found);
        for (at, (found, part)) in found.into_iter().zip(parts).enumerate() {
            let ready = found.as_ref().and_then(|found| self.ready.get(found.number));
            if ready.is_none_or(|ready| ready.voice.is_shadow())
                && self.keeping.mode == Mode::Quota
                && part.quota.is_none()
            {
                meeting.room = Room::Elsewhere;
            }
            let (Some(found), Some(Ready { voice, kept })) = (found, ready) else { continue };
            match kept {
                Kept::Unlimited => meeting.unlimited.push(at),
                Kept::Closed { window } => {
                    meeting.closed.push(Closed { part: at, cost: part.cost, voice, window: *window });
                }
                Kept::Counted { limit, quota } => meeting.add(Met {
                    part: at,
                    cost: part.cost,
                    voice: Cow::Borrowed(voice),
                    limit: Cow::Borrowed(limit),
                    quota: *quota,
                    partition: found.partition(),
                }),
            }
        }
    }

    fn find<'b>(&'b self, part: &'b Part<'_>) -> Option<Found<'b>> {
        if part.quota.is_some() {
            return None;
        }
        let entry = |(key, value)| -> Entry<'b> { Entry { key, value } };
        let entries: SmallVec<[Entry<'b>; 4]> = part.attributes.entries().map(entry).collect();
        self.domain.find(&entries)
    }
}

impl Ready {
    fn new(engine: &Engine, rule: &Rule, keeping: Keeping, counters: PolicyCounters) -> Result<Self, Error> {
        let Keeping { mode, denied, on_store_failure } = keeping;
        let voice = Voice {
            name: Arc::clone(&rule.path),
            mode: rule.mode.max(mode),
            rejection: OnLimited::Reject,
            on_store_failure,
            counters,
            denied,
        };
        let options =
            LimitOptions { on_store_failure: failure_policy(on_store_failure), ..Default::default() };
        let kept = match rule.allowance {
            Allowance::Unlimited => Kept::Unlimited,
            Allowance::Limited(limit) => match limit.quota() {
                None => Kept::Closed { window: limit.unit.window() },
                Some(quota) => {
                    let limit = engine.limit(&rule.counter, quota, options)?;
                    Kept::Counted { limit, quota }
                }
            },
        };
        Ok(Self { voice, kept })
    }
}
