//! From a request to its answer, whatever front it came through: match, decide, and what follows from it.
//!
//! Policies and rules that enforce are decided together, all or nothing. Rules of quota mode are decided apart, after
//! them: if none has room, what was charged is given back. Shadows are decided apart, each for itself, so that nothing
//! they say changes a verdict. A request that was denied charges nothing anywhere, so it only looks at its shadows.
//!
//! Lists come first. Who is on a deny list is refused, and who is on an allow list let pass, before anything is
//! counted or asked of a store.

mod answer;
mod book;
mod closed;
mod domain;
mod list;
mod meeting;
mod met;
mod overrides;
mod readiness;
mod request;
mod rules;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use distributed_rate_limiter::engine::{Engine, Want};
use distributed_rate_limiter::{Error, Retry, Ruling, Source};
use drl_core::Micros;
use drl_core::policy::{Attributes, OnLimited, OnStoreFailure, Policy};
use futures_util::future::{join_all, try_join_all};
use smallvec::SmallVec;

pub use answer::{Answer, Outcome, Word};
pub use readiness::Unready;
pub use request::{Intent, Part, Parts, Request};

use crate::config::Config;
use crate::envoy::{Denied, Mode};
use crate::live::Tiers;
use crate::metrics::{Policies, Verdict};
use answer::Quotas;
use book::Book;
use meeting::{Joint, Meeting, Room};
use met::Met;
use overrides::Overrides;

/// The attribute that names the client.
const CLIENT: &str = "client";

/// For each part of a request, the tier that operators have put its client into.
type TiersOfParts = SmallVec<[Option<Arc<str>>; 1]>;

/// The policies of all domains on one store.
#[derive(Debug)]
pub struct Decider {
    engine: Engine,
    book: ArcSwap<Book>,
    tiers: Arc<Tiers>,
    counters: Arc<Policies>,
    overrides: Overrides,
}

impl Decider {
    /// Makes every policy's limits on `engine`.
    ///
    /// # Errors
    /// If the engine cannot keep one of them.
    pub(crate) fn new(
        engine: Engine,
        config: &Config,
        tiers: Arc<Tiers>,
        counters: Arc<Policies>,
    ) -> Result<Self, Error> {
        let book = ArcSwap::from_pointee(Book::new(&engine, config, &counters)?);
        let overrides = Overrides::new(engine.clone());
        Ok(Self { engine, book, tiers, counters, overrides })
    }

    /// Holds requests against another configuration from now on. What was counted stays counted, where the
    /// algorithm and the window are the same.
    ///
    /// # Errors
    /// If the engine cannot keep one of the limits; then everything stays as it was.
    pub fn replace(&self, config: &Config) -> Result<(), Error> {
        self.book.store(Book::new(&self.engine, config, &self.counters)?.into());
        Ok(())
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
        let book = self.book.load();
        let tiers = self.tiers(request);
        let facets = book.facets(request, &tiers);
        let mut meeting = book.meet(request, &facets, &self.overrides)?;
        let answer = match meeting.refusal() {
            Some(refusal) => refusal,
            None => {
                meeting.exempt();
                self.hold(&meeting, request.intent).await?
            }
        };
        if request.intent == Intent::Check {
            meeting.count(&answer.words);
        }
        Ok(answer)
    }

    /// Gives back what a request has cost, charged so long ago: in every policy that counted it. Who is on a list
    /// was not counted.
    ///
    /// # Errors
    /// If the store does not answer. The refund may have happened.
    pub async fn give_back(&self, request: &Request<'_>, ago: Micros) -> Result<(), Error> {
        let (book, tiers) = (self.book.load(), self.tiers(request));
        let facets = book.facets(request, &tiers);
        let mut meeting = book.meet(request, &facets, &self.overrides)?;
        if meeting.refusal().is_some() {
            return Ok(());
        }
        meeting.exempt();
        self.engine.give_back(&Joint::new(&meeting.into_mets()).demands, ago).await
    }

    /// Forgets what the policies that a request meets (or one of them) have counted for it, lists or not. Returns
    /// their names.
    ///
    /// # Errors
    /// If the store does not answer. The counters may be forgotten.
    pub async fn reset(&self, request: &Request<'_>, policy: Option<&str>) -> Result<Vec<Arc<str>>, Error> {
        let (book, tiers) = (self.book.load(), self.tiers(request));
        let facets = book.facets(request, &tiers);
        let mut met = book.meet(request, &facets, &self.overrides)?.into_mets();
        met.retain(|met| policy.is_none_or(|policy| *met.voice.name == *policy));
        self.engine.reset(&Joint::new(&met).demands).await?;
        Ok(met.iter().map(|met| Arc::clone(&met.voice.name)).collect())
    }

    fn tiers(&self, request: &Request<'_>) -> TiersOfParts {
        request.parts.iter().map(|part| self.tier(&part.attributes)).collect()
    }

    /// Holds a request to the limits that are left.
    async fn hold(&self, meeting: &Meeting<'_>, intent: Intent) -> Result<Answer, Error> {
        let mut answer = match meeting.closure() {
            Some(closure) => closure,
            None => self.ask(meeting, intent).await.inspect_err(|_| {
                let asked = meeting.enforced.iter().chain(&meeting.quotas);
                asked.for_each(|met| met.voice.counters.count(Verdict::Error, Source::Store));
            })?,
        };
        if intent == Intent::Check && matches!(answer.outcome, Outcome::Denied(_)) {
            self.charge_denied(meeting).await;
        }
        answer.words.extend(self.alone(&meeting.shadow, wanted(intent, answer.outcome)).await);
        answer.words.extend(meeting.closed(Mode::Shadow).chain(meeting.listed()));
        answer.unlimited.clone_from(&meeting.unlimited);
        Ok(answer)
    }

    /// Asks the limits that enforce, and the quotas if they let the request pass.
    async fn ask(&self, meeting: &Meeting<'_>, intent: Intent) -> Result<Answer, Error> {
        let Enforced { mut answer, ruling } = match meeting.enforced.as_slice() {
            [] => Enforced { answer: Answer::unlimited(), ruling: None },
            enforced => self.enforce(enforced, intent).await?,
        };
        if !meeting.closed.is_empty() {
            answer.words.extend(meeting.closed(Mode::Enforce));
            answer.decisive = decisive(&answer.words);
        }
        if meeting.quotas.is_empty() && meeting.closed.is_empty() {
            return Ok(answer);
        }
        let passed = answer.outcome == Outcome::Allowed;
        answer.heed(self.quotas(meeting, wanted(intent, answer.outcome)).await?);
        if let Some(ruling) = ruling
            && passed
            && answer.outcome != Outcome::Allowed
            && intent == Intent::Check
        {
            self.undo(&meeting.enforced, &ruling).await;
        }
        Ok(answer)
    }

    /// Asks each rule of quota mode for itself: those that have room are charged.
    async fn quotas(&self, meeting: &Meeting<'_>, wanted: Want) -> Result<Quotas, Error> {
        let ask = async |met: &Met<'_>| {
            let ruling = self.engine.decide(&[met.demand()], wanted).await?;
            Ok::<_, Error>(ruling.decisive().map(|decision| met.word(decision)))
        };
        let asked = try_join_all(meeting.quotas.iter().map(ask)).await?;
        let mut words: Vec<Word> = asked.into_iter().flatten().collect();
        let refusal = match undecidable(&words, &meeting.quotas) {
            true => Outcome::Undecidable,
            false => Outcome::Denied(OnLimited::Reject),
        };
        words.extend(meeting.closed(Mode::Quota));
        let exhausted = meeting.room == Room::InLimits && words.iter().all(|word| !word.allows());
        Ok(Quotas { exhausted: exhausted.then_some(refusal), words })
    }

    /// Gives back what was charged before it turned out that the request is denied. If the store fails now, the
    /// charge stays: that admits less, never more.
    async fn undo(&self, enforced: &[Met<'_>], ruling: &Ruling) {
        let Joint { demands, .. } = Joint::new(enforced);
        for decision in ruling.decisions() {
            if let Err(error) = self.engine.refund(&demands, decision).await {
                tracing::debug!(%error, "a charge of a denied request stays");
            }
        }
    }

    /// Charges what fits although the request is denied, where the operator wants it.
    async fn charge_denied(&self, meeting: &Meeting<'_>) {
        let charge = async |met: &Met<'_>| {
            let charged = self.engine.decide(&[met.demand()], Want::TakeUpTo).await;
            if let Err(error) = charged {
                tracing::debug!(%error, "a denied request stays uncharged");
            }
        };
        let met = meeting.enforced.iter().chain(&meeting.quotas).chain(&meeting.shadow);
        join_all(met.filter(|met| met.voice.denied == Denied::WhatFits).map(charge)).await;
    }

    /// The tier that operators have put the client into; a tier that the request names itself comes first.
    fn tier(&self, attributes: &Attributes<'_>) -> Option<Arc<str>> {
        match attributes.get(Policy::TIER) {
            Some(_) => None,
            None => self.tiers.of(attributes.get(CLIENT)?),
        }
    }

    /// Decides the policies whose word counts; where the decisive one says so, waits for room.
    async fn enforce(&self, enforced: &[Met<'_>], intent: Intent) -> Result<Enforced, Error> {
        let Joint { demands, of } = Joint::new(enforced);
        let started = Instant::now();
        loop {
            let ruling = self.engine.decide(&demands, intent.into()).await?;
            let words: Vec<Word> = enforced
                .iter()
                .zip(&of)
                .filter_map(|(met, &at)| Some(met.word(ruling.decisions().get(at)?)))
                .collect();
            let decisive = decisive(&words);
            let rejection = decisive.and_then(|at| enforced.get(at)).map(|met| met.voice.rejection);
            let rejection = rejection.unwrap_or_default();
            if let Some(wait) = patience(&ruling, rejection, started)
                && intent == Intent::Check
            {
                tokio::time::sleep(wait).await;
                continue;
            }
            let outcome = match ruling.allowed() {
                true => Outcome::Allowed,
                false if undecidable(&words, enforced) => Outcome::Undecidable,
                false => Outcome::Denied(rejection),
            };
            let answer = Answer { outcome, retry: ruling.retry(), decisive, words, ..Answer::unlimited() };
            return Ok(Enforced { answer, ruling: Some(ruling) });
        }
    }

    /// Asks each limit for itself, only to report. One whose store fails has nothing to say.
    async fn alone(&self, met: &[Met<'_>], wanted: Want) -> Vec<Word> {
        if met.is_empty() {
            return Vec::new();
        }
        let ask = async |met: &Met<'_>| {
            let ruling = self.engine.decide(&[met.demand()], wanted).await;
            let ruling = ruling.inspect_err(|error| tracing::debug!(%error, "shadow undecided")).ok()?;
            Some(met.word(ruling.decisive()?))
        };
        join_all(met.iter().map(ask)).await.into_iter().flatten().collect()
    }
}

/// What the limits that enforce say, and what was charged for it.
struct Enforced {
    answer: Answer,
    ruling: Option<Ruling>,
}

/// A request that was denied charges nothing, so it only looks.
fn wanted(intent: Intent, outcome: Outcome) -> Want {
    match (intent, outcome) {
        (Intent::Check, Outcome::Allowed) => Want::Take,
        _ => Want::Peek,
    }
}

/// The word that matters most: of those that deny, the one that takes longest; otherwise the one with the
/// least left.
fn decisive(words: &[Word]) -> Option<usize> {
    (0..words.len()).min_by_key(|&at| words[at].weight())
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
fn undecidable(words: &[Word], enforced: &[Met<'_>]) -> bool {
    words.iter().zip(enforced).any(|(word, met)| {
        word.source == Source::Fallback && met.voice.on_store_failure == OnStoreFailure::Closed
    })
}

#[cfg(test)]
mod tests;
