//! What every front is told.

use std::sync::Arc;

use distributed_rate_limiter::{Retry, Source};
use drl_core::Micros;
use drl_core::policy::OnLimited;
use smallvec::SmallVec;

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It may go on.
    Allowed,
    /// A limit is reached; the decisive policy says what to answer.
    Denied(OnLimited),
    /// The store cannot decide, and a policy refuses what nobody can decide (`on_store_failure: closed`).
    Undecidable,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What came of it.
    pub outcome: Outcome,
    /// When all policies that enforce let it pass.
    pub retry: Retry,
    /// Which of `words` matters most to the client: the one to wait for longest, else the one with the
    /// least left. `None` if no policy limits anything here.
    pub decisive: Option<usize>,
    /// What each policy said: first the limits that are enforced, then the quotas, the shadows and the lists, each
    /// in the order written.
    pub words: Vec<Word>,
    /// The parts of the request that a rule lets pass without counting.
    pub unlimited: SmallVec<[usize; 2]>,
}

/// What one policy said. A list has no numbers: they are zero.
#[derive(Clone, Debug)]
pub struct Word {
    /// About which part of the request.
    pub part: usize,
    /// The policy's name.
    pub name: Arc<str>,
    /// Whether it counts and reports only.
    pub shadow: bool,
    /// The quota that was applied: the policy's own, or that of the request's tier.
    pub limit: u64,
    /// In which time.
    pub window: Micros,
    /// The most that is admitted at once: the limit, or the burst of a bucket.
    pub capacity: u64,
    /// How much is left.
    pub remaining: u64,
    /// When this policy, for itself, has room.
    pub retry: Retry,
    /// How long until the limit is untouched again, if nobody asks.
    pub reset_after: Micros,
    /// How long to wait before going on: a queue spaces what it admits.
    pub delay: Micros,
    /// Who decided.
    pub source: Source,
}

/// What the quotas of a request say.
#[derive(Clone, Debug)]
pub(super) struct Quotas {
    pub(super) words: Vec<Word>,
    /// What follows if none has room; nothing if one has.
    pub(super) exhausted: Option<Outcome>,
}

impl Answer {
    /// No policy is in the way.
    pub(super) fn unlimited() -> Self {
        let (words, unlimited) = (Vec::new(), SmallVec::new());
        Self { outcome: Outcome::Allowed, retry: Retry::Now, decisive: None, words, unlimited }
    }

    /// One of these words is in the way, and will be.
    pub(super) fn never(words: Vec<Word>, rejection: OnLimited) -> Self {
        let decisive = words.iter().position(|word| !word.shadow && !word.allows());
        let outcome = Outcome::Denied(rejection);
        Self { outcome, retry: Retry::Never, decisive, words, ..Self::unlimited() }
    }

    /// Adds what the quotas say, which deny together or not at all.
    pub(super) fn heed(&mut self, quotas: Quotas) {
        let Quotas { words, exhausted } = quotas;
        let before = self.words.len();
        self.words.extend(words);
        let quotas = before..self.words.len();
        if self.outcome != Outcome::Allowed || quotas.is_empty() {
            return;
        }
        if let Some(outcome) = exhausted {
            self.outcome = outcome;
            // The first of them to have room is enough.
            self.decisive = quotas.max_by_key(|&at| self.words[at].weight());
            self.retry = self.decisive().map_or(Retry::Never, |word| word.retry);
        } else {
            let passing = (0..self.words.len()).filter(|&at| self.words[at].allows());
            self.decisive = passing.min_by_key(|&at| self.words[at].weight());
        }
    }

    /// The word that matters most.
    #[must_use]
    pub fn decisive(&self) -> Option<&Word> {
        self.decisive.and_then(|at| self.words.get(at))
    }

    /// The word that matters most of those about one part of the request.
    #[must_use]
    pub fn decisive_of(&self, part: usize) -> Option<&Word> {
        self.enforced().filter(|word| word.part == part).min_by_key(|word| word.weight())
    }

    /// The policies that enforce, lists among them.
    pub fn enforced(&self) -> impl Iterator<Item = &Word> {
        self.words.iter().filter(|word| !word.shadow)
    }
}

impl Word {
    /// Whether it is about a limit. Allow and deny lists count nothing.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.source != Source::Policy
    }

    /// Whether this policy, for itself, has room for the request.
    #[must_use]
    pub fn allows(&self) -> bool {
        self.retry.is_now()
    }

    /// What matters most is least: of those that deny, the one that takes longest; otherwise the one with the
    /// least left.
    pub(super) fn weight(&self) -> (u64, u64) {
        match self.retry {
            Retry::Never => (0, self.remaining),
            Retry::After(wait) => (u64::MAX - wait.0, self.remaining),
            Retry::Now => (u64::MAX, self.remaining),
        }
    }
}
