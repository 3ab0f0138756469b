//! From a request to its answer, whatever front it came through: match, decide, and what follows from it.
//!
//! Policies that enforce are decided together, all or nothing. Shadow policies are decided apart, each for
//! itself, so that nothing they say changes a verdict. A request that was denied charges nothing anywhere,
//! so it only looks at its shadow policies.

mod answer;
mod domain;
mod readiness;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use distributed_rate_limiter::engine::{Demand, Engine, Want};
use distributed_rate_limiter::{Decision, Error, Retry, Ruling};
use drl_core::policy::{Attributes, OnLimited, OnStoreFailure, Partition, Policy};
use drl_core::{Micros, Source};
use futures_util::future::join_all;
use smallvec::SmallVec;

pub use answer::{Answer, Outcome, Word};
pub use readiness::Unready;

use crate::config::Config;
use domain::{Domain, Ready};

/// What a front asks.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Whose policies; a domain without any limits nothing.
    pub domain: &'a str,
    /// What the request says about itself.
    pub attributes: Attributes<'a>,
    /// What it costs in every policy it meets. Zero charges nothing.
    pub cost: u64,
    /// Whether to charge.
    pub intent: Intent,
}

/// Whether a request is to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Charge it if it is allowed.
    Check,
    /// Say what `Check` would say, charge nothing and wait for nothing.
    Peek,
}

impl From<Intent> for Want {
    fn from(intent: Intent) -> Self {
        match intent {
            Intent::Check => Self::Take,
            Intent::Peek => Self::Peek,
        }
    }
}

/// The policies of all domains on one store.
#[derive(Debug)]
pub struct Decider {
    engine: Engine,
    domains: HashMap<String, Domain>,
}

/// A policy that the request meets, and the allowance it draws on.
struct Met<'p, 'r> {
    ready: &'p Ready,
    policy: &'p Policy,
    /// Which of the policy's quotas holds: its own, or that of the request's tier.
    quota: usize,
    partition: Partition<'r>,
}

impl Met<'_, '_> {
    fn demand(&self, cost: u64) -> Demand<'_> {
        Demand { limit: &self.ready.limits[self.quota], partition: &self.partition, cost }
    }

    fn word(&self, decision: Decision) -> Word {
        let (name, shadow) = (self.ready.name.clone(), self.policy.is_shadow());
        Word { name, shadow, quota: self.policy.quotas()[self.quota], decision }
    }
}

impl Decider {
    /// Makes every policy's limits on `engine`.
    ///
    /// # Errors
    /// If the engine cannot keep one of them.
    pub fn new(engine: Engine, config: Config) -> Result<Self, Error> {
        let domains = config.domains.into_iter().map(|policies| {
            let name = policies.domain().to_owned();
            Ok((name, Domain::new(&engine, policies)?))
        });
        let domains = domains.collect::<Result<_, Error>>()?;
        Ok(Self { engine, domains })
    }

    /// Gives back what was borrowed, before the process ends.
    pub async fn release(&self) {
        self.engine.release().await;
    }

    /// Decides a request.
    ///
    /// # Errors
    /// If the store cannot decide and a policy that the request meets has `on_store_failure: error`.
    pub async fn decide(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let Some(domain) = self.domains.get(request.domain) else { return Ok(Answer::unlimited()) };
        let (shadow, enforced): (Vec<Met<'_, '_>>, Vec<Met<'_, '_>>) =
            domain.meet(&request.attributes).into_iter().partition(|met| met.policy.is_shadow());
        let mut answer = match enforced.as_slice() {
            [] => Answer::unlimited(),
            enforced => self.enforce(enforced, request).await?,
        };
        let wanted = match (request.intent, answer.outcome) {
            (Intent::Check, Outcome::Allowed) => Want::Take,
            _ => Want::Peek,
        };
        answer.words.extend(self.shadows(&shadow, request.cost, wanted).await);
        Ok(answer)
    }

    /// Decides the policies whose word counts; where the decisive one says so, waits for room.
    async fn enforce(&self, enforced: &[Met<'_, '_>], request: &Request<'_>) -> Result<Answer, Error> {
        let demands: SmallVec<[Demand<'_>; 2]> =
            enforced.iter().map(|met| met.demand(request.cost)).collect();
        let started = Instant::now();
        loop {
            let ruling = self.engine.decide(&demands, request.intent.into()).await?;
            let decisive = position_of_decisive(&ruling);
            let rejection = enforced[decisive].policy.rejection();
            if let Some(wait) = patience(&ruling, rejection, started)
                && request.intent == Intent::Check
            {
                tokio::time::sleep(wait).await;
                continue;
            }
            let retry = ruling.retry();
            let outcome = match ruling.allowed() {
                true => Outcome::Allowed,
                false if undecidable(&ruling, enforced) => Outcome::Undecidable,
                false => Outcome::Denied(rejection),
            };
            let words = enforced.iter().zip(ruling.decisions()).map(|(met, word)| met.word(word.clone()));
            return Ok(Answer { outcome, retry, decisive: Some(decisive), words: words.collect() });
        }
    }

    /// Asks each shadow policy for itself. One whose store fails has nothing to report.
    async fn shadows(&self, shadow: &[Met<'_, '_>], cost: u64, wanted: Want) -> Vec<Word> {
        let ask = async |met: &Met<'_, '_>| {
            let ruling = self.engine.decide(&[met.demand(cost)], wanted).await;
            let ruling =
                ruling.inspect_err(|error| tracing::debug!(%error, "shadow policy undecided")).ok()?;
            Some(met.word(ruling.decisive()?.clone()))
        };
        join_all(shadow.iter().map(ask)).await.into_iter().flatten().collect()
    }
}

fn position_of_decisive(ruling: &Ruling) -> usize {
    let decisive = ruling.decisive();
    let is_it = |decision: &Decision| decisive.is_some_and(|decisive| std::ptr::eq(decisive, decision));
    ruling.decisions().iter().position(is_it).unwrap_or_default()
}

/// How long to wait before asking again, if the rejection's bound leaves the time.
fn patience(ruling: &Ruling, rejection: OnLimited, started: Instant) -> Option<Duration> {
    let (OnLimited::Wait(bound), Retry::After(room), false) = (rejection, ruling.retry(), ruling.allowed())
    else {
        return None;
    };
    let room = Duration::from(room.max(Micros::from_millis(1)));
    (started.elapsed() + room <= bound).then_some(room)
}

/// Whether a policy denied because nobody could decide: no fault of the client's.
fn undecidable(ruling: &Ruling, enforced: &[Met<'_, '_>]) -> bool {
    ruling.decisions().iter().zip(enforced).any(|(decision, met)| {
        decision.source() == Source::Fallback && met.policy.failure_mode() == OnStoreFailure::Closed
    })
}
