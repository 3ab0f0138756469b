//! From shard to shard: how a request finds its allowance when it is spread over several counters.
//!
//! 1. **Try one shard**, the one where allowance was found last (at first a home shard, so that instances
//!    start in different places). Mostly that is the whole story: one round trip.
//! 2. Denied there, **look at all shards** in one round trip. If together they hold too little, that is the
//!    answer, and nothing was charged.
//! 3. Otherwise **take from those that have it**: from one if one has enough, else from several, all or
//!    nothing. If somebody was faster, look again.
//!
//! Every charge is a decision of the store, so whatever is raced or stale here, no shard goes over its part
//! of the limit, and the parts add up to the limit.

use drl_core::check::{Ask, Check};
use drl_core::{Micros, Mode, Outcome, Retry, Timestamp, Verdict};
use drl_store::{Answer, Answers, Store, StoreError};
use smallvec::{SmallVec, smallvec};

use super::hints::Hints;
use super::survey::Survey;
use super::{Demand, Detail, Want};

/// How often somebody else may be faster before the request counts as denied.
const PATIENCE: usize = 32;

/// Costs charged at shards.
pub(super) type Picks = SmallVec<[(u16, u64); 1]>;
/// The picks of each demand.
pub(super) type Plan = SmallVec<[Picks; 2]>;

/// What one demand came to, over all of its shards.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) outcome: Outcome,
    /// Where the cost was charged; empty if nothing was.
    pub(super) picks: Picks,
}

/// What a request came to.
#[derive(Clone, Debug)]
pub(super) struct Walked {
    pub(super) allowed: bool,
    pub(super) granted: u64,
    pub(super) at: Timestamp,
    pub(super) found: SmallVec<[Found; 2]>,
}

/// What could be taken of what many requests want together.
#[derive(Debug, Default)]
pub(super) struct Haul {
    pub(super) granted: u64,
    /// The store's clock at the first charge, so that a refund never claims too late a one.
    pub(super) at: Timestamp,
    /// What each demand has left, and where it was charged.
    pub(super) found: SmallVec<[Found; 2]>,
    /// If there was not enough: what a request for one more is told.
    pub(super) denial: Option<Walked>,
}

impl Haul {
    fn extend(&mut self, walked: Option<Walked>) {
        if let Some(walked) = walked {
            self.add(walked);
        }
    }

    fn add(&mut self, walked: Walked) {
        if self.found.is_empty() {
            self.at = walked.at;
            self.found = walked.found;
        } else {
            for (all, found) in self.found.iter_mut().zip(walked.found) {
                all.outcome = found.outcome;
                all.picks.extend(found.picks);
            }
        }
        self.granted += walked.granted;
    }
}

/// A request on its way through the shards.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) hints: &'a Hints,
    pub(super) demands: &'a [Demand<'a>],
    pub(super) detail: Detail,
}

impl<'a> Walk<'a> {
    /// Decides all demands.
    pub(super) async fn decide(self, want: Want) -> Result<Walked, StoreError> {
        if self.demands.iter().all(|demand| demand.limit.shards() == 1) {
            return self.unsharded(want.into()).await;
        }
        match want {
            Want::Take => self.take(self.first_plan()).await,
            Want::TakeUpTo => self.take_up_to().await,
            Want::Peek => {
                let survey = self.survey(None).await?;
                Ok(survey.peeked(self.demands))
            }
        }
    }

    /// Whether one demand can have its cost. Mostly this is one question to one shard, asked here without
    /// what several demands and several shards need: 1,950 instructions instead of 2,800 in the embedded
    /// store, and 2,050 instead of 4,770 where there are shards.
    pub(super) async fn admits(self, demand: &Demand<'_>) -> Result<bool, StoreError> {
        let shards = demand.limit.shards();
        let hint = (shards > 1).then(|| self.hints.first(demand));
        let shard = hint.as_ref().map_or(0, |hint| hint.shard);
        if shards == 1 || demand.cost <= demand.limit.part(shard).capacity() {
            let batch = [Check { asks: smallvec![demand.ask(shard, demand.cost)], mode: Mode::Take }];
            let verdict = first(match self.store.decide(&batch) {
                Answer::Ready(answers) => answers, // not moved through another future
                Answer::Pending(answers) => answers.await,
            })?;
            if let (true, Some(hint)) = (verdict.allowed, hint) {
                let left = verdict.outcomes.first().map_or(0, |outcome| outcome.remaining);
                hint.remember(next(shard, left, shards));
            }
            if verdict.allowed || shards == 1 {
                return Ok(verdict.allowed);
            }
        }
        Ok(self.take(None).await?.allowed)
    }

    async fn unsharded(self, mode: Mode) -> Result<Walked, StoreError> {
        let asks = self.demands.iter().map(|demand| demand.ask(0, demand.cost)).collect();
        let batch = [Check { asks, mode }];
        let verdict = first(self.store.decide(&batch).wait().await)?;
        let charges = verdict.allowed && mode != Mode::Peek;
        let found = self.demands.iter().zip(&verdict.outcomes).map(|(demand, &outcome)| {
            let cost = if mode == Mode::TakeUpTo { verdict.granted } else { demand.cost };
            let picks = if charges { smallvec![(0, cost)] } else { Picks::new() };
            Found { outcome, picks }
        });
        Ok(Walked {
            allowed: verdict.allowed,
            granted: verdict.granted,
            at: verdict.at,
            found: found.collect(),
        })
    }

    async fn take(self, mut plan: Option<Plan>) -> Result<Walked, StoreError> {
        for _ in 0..PATIENCE {
            if let Some(plan) = plan
                && let Some(walked) = self.attempt(plan).await?
            {
                return Ok(walked);
            }
            let survey = self.survey(None).await?;
            plan = survey.plan(self.demands, None);
            if plan.is_none() {
                return Ok(survey.denied(self.demands));
            }
        }
        Ok(self.survey(None).await?.denied(self.demands))
    }

    async fn take_up_to(self) -> Result<Walked, StoreError> {
        let Haul { granted, at, found, denial } = self.haul().await?;
        match denial {
            Some(denied) if granted == 0 => Ok(denied),
            _ => Ok(Walked { allowed: true, granted, at, found }),
        }
    }

    /// Takes as much as there is, up to the demands' cost: all at once where a shard has it, then whatever
    /// the shards have left, until nothing is.
    pub(super) async fn haul(self) -> Result<Haul, StoreError> {
        let wanted = self.demands.iter().map(|demand| demand.cost).min().unwrap_or(0);
        let mut haul = Haul::default();
        if let Some(plan) = self.first_plan()
            && let Some(walked) = self.attempt(plan).await?
        {
            haul.add(walked);
        }
        for _ in 0..PATIENCE {
            if haul.granted >= wanted && !haul.found.is_empty() {
                return Ok(haul);
            }
            let survey = self.survey(Some(1)).await?;
            let common = survey.common(self.demands).min(wanted - haul.granted);
            match survey.plan(self.demands, Some(common.max(1))) {
                Some(plan) => haul.extend(self.attempt(plan).await?),
                None => {
                    haul.denial = Some(survey.denied(self.demands));
                    return Ok(haul);
                }
            }
        }
        haul.denial = Some(self.survey(Some(1)).await?.denied(self.demands));
        Ok(haul)
    }

    /// All of every demand from the shard that comes first, if its part can hold that.
    fn first_plan(self) -> Option<Plan> {
        let pick = |demand: &Demand<'_>| -> Option<Picks> {
            let shard = self.hints.first(demand).shard;
            (demand.cost <= demand.limit.part(shard).capacity()).then(|| smallvec![(shard, demand.cost)])
        };
        self.demands.iter().map(pick).collect()
    }

    /// Tries to charge `plan`: `None` if the store denies it. The other shards are looked at in the same
    /// round trip where the caller wants to know what is left of the whole.
    async fn attempt(self, plan: Plan) -> Result<Option<Walked>, StoreError> {
        let asks = self
            .demands
            .iter()
            .zip(&plan)
            .flat_map(|(demand, picks)| picks.iter().map(move |&(shard, cost)| demand.ask(shard, cost)));
        let mut batch: SmallVec<[Check<'a>; 1]> = smallvec![Check { asks: asks.collect(), mode: Mode::Take }];
        if self.detail == Detail::Full {
            for (demand, picks) in self.demands.iter().zip(&plan) {
                let others = (0..demand.limit.shards())
                    .filter(|shard| picks.iter().all(|(picked, _)| picked != shard));
                batch.extend(others.map(|shard| peek(demand.ask(shard, 0))));
            }
        }
        let mut answers = self.store.decide(&batch).wait().await.into_iter();
        let verdict = answers.next().unwrap_or_else(|| Err(unanswered()))?;
        if !verdict.allowed {
            return Ok(None);
        }
        let mut taken = verdict.outcomes.iter();
        let found = self.demands.iter().zip(plan).map(|(demand, picks)| {
            let mut whole = Whole::default();
            taken.by_ref().take(picks.len()).for_each(|outcome| whole.add(outcome));
            let charged_left = whole.remaining;
            if self.detail == Detail::Full {
                let others = usize::from(demand.limit.shards()) - picks.len();
                answers.by_ref().take(others).for_each(|answer| whole.add_answer(answer));
            }
            self.remember(demand, &picks, charged_left);
            Found { outcome: whole.admitted(), picks }
        });
        let found: SmallVec<[Found; 2]> = found.collect();
        let granted =
            found.iter().map(|found| found.picks.iter().map(|(_, cost)| cost).sum()).max().unwrap_or(0);
        Ok(Some(Walked { allowed: true, granted, at: verdict.at, found }))
    }

    fn remember(self, demand: &Demand<'_>, picks: &Picks, left: u64) {
        if let Some(&(shard, _)) = picks.last() {
            self.hints.remember(demand, next(shard, left, demand.limit.shards()));
        }
    }

    /// Looks at every shard of every demand, in one round trip; `cost` overrides the demands' own.
    async fn survey(self, cost: Option<u64>) -> Result<Survey, StoreError> {
        let batch: Vec<Check<'a>> = self
            .demands
            .iter()
            .flat_map(|demand| {
                (0..demand.limit.shards()).map(move |shard| {
                    let most = demand.limit.part(shard).capacity();
                    peek(demand.ask(shard, cost.unwrap_or(demand.cost).min(most)))
                })
            })
            .collect();
        let verdicts = self.store.decide(&batch).wait().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Survey::new(self.demands, cost, &verdicts))
    }
}

/// Where to ask next time, after a charge at `shard` that has left so much there.
fn next(shard: u16, left: u64, shards: u16) -> u16 {
    if left > 0 { shard } else { (shard + 1) % shards }
}

fn peek(ask: Ask<'_>) -> Check<'_> {
    Check { asks: smallvec![ask], mode: Mode::Peek }
}

/// The only answer of a batch of one.
pub(super) fn first(mut answers: Answers) -> Result<Verdict, StoreError> {
    answers.pop().unwrap_or_else(|| Err(unanswered()))
}

fn unanswered() -> StoreError {
    StoreError::Protocol { reason: "fewer answers than questions".to_owned() }
}

/// What the shards looked at hold together.
#[derive(Debug, Default)]
struct Whole {
    remaining: u64,
    reset_after: Micros,
    delay: Micros,
}

impl Whole {
    fn add(&mut self, outcome: &Outcome) {
        self.remaining += outcome.remaining;
        self.reset_after = self.reset_after.max(outcome.reset_after);
        self.delay = self.delay.max(outcome.delay);
    }

    /// A shard that could not be looked at counts as empty: what is left is never overstated.
    fn add_answer(&mut self, answer: Result<Verdict, StoreError>) {
        if let Some(outcome) = answer.ok().as_ref().and_then(|verdict| verdict.outcomes.first()) {
            self.add(outcome);
        }
    }

    fn admitted(&self) -> Outcome {
        Outcome {
            retry: Retry::Now,
            remaining: self.remaining,
            reset_after: self.reset_after,
            delay: self.delay,
        }
    }
}
