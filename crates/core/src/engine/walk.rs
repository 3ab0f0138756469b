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
//!
//! A walk does no I/O. It says what to [ask](Step::Ask) and is told the answers, until it is [done](Step::Done).

use smallvec::{SmallVec, smallvec};

use super::demand::{Answer, Demand, Found, Loan, Picks};
use super::flight::Departure;
use super::hints::Hints;
use super::survey::Survey;
use crate::check::{Check, Mode};
use crate::decision::{Leased, Outcome, Retry, Verdict};
use crate::time::Timestamp;

/// How often somebody else may be faster before the request counts as denied.
const PATIENCE: usize = 32;

/// The picks of each demand.
pub(super) type Plan = SmallVec<[Picks; 2]>;
/// What is asked in one round trip.
pub type Batch<'a> = SmallVec<[Check<'a>; 1]>;

/// What to do with the limits of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Charge every limit its cost, or none of them anything.
    Take,
    /// Charge every limit as much as all of them have, up to the cost.
    TakeUpTo,
    /// Say what `Take` would say; charge nothing.
    Peek,
}

/// How much of the answer the caller reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Allowed or not. Only the shard that is charged is asked.
    Verdict,
    /// What is left as well, which all shards know together.
    Full,
}

/// What could be had.
#[derive(Clone, Debug, Default)]
pub struct Haul {
    /// What was charged to each demand.
    pub granted: u64,
    /// The store's clock at the earliest charge, so that a refund never claims too late a one.
    pub at: Timestamp,
    /// What each demand has left, and where it was charged.
    pub found: Vec<Found>,
    /// What was borrowed beside.
    pub loan: Loan,
    /// If not everything was to be had: what a request is told that got nothing.
    pub denial: Option<Answer>,
}

/// What a walk does next.
#[derive(Debug)]
pub enum Step<'a> {
    /// Ask the store this, and tell the walk the answers, as many as there are checks.
    Ask(Batch<'a>),
    /// This has come of it.
    Done(Haul),
}

/// A request on its way through the shards.
#[derive(Debug)]
pub struct Walk<'a> {
    demands: &'a [Demand<'a>],
    want: Want,
    detail: Detail,
    /// How many tokens to borrow beside.
    extra: u64,
    /// How many answers belong to what is given back first.
    returned: usize,
    waits_for: Stage,
    patience: usize,
    /// Whether there was too little once.
    scarce: bool,
    haul: Haul,
}

/// Which question is under way.
#[derive(Debug)]
enum Stage {
    /// Charge this, and look around.
    Attempt { plan: Plan, looks: Looks },
    /// Look at all shards.
    Survey,
    /// Look at all shards, for the last time.
    LastSurvey,
}

/// How far an attempt looks around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// Not at all.
    No,
    /// At the shards that it does not charge.
    AtOthers,
    /// At every shard, after it has charged.
    AtAll,
}

impl<'a> Walk<'a> {
    /// A walk that has not started.
    #[must_use]
    pub fn new(demands: &'a [Demand<'a>], want: Want, detail: Detail) -> Self {
        let (waits_for, patience, haul) = (Stage::Survey, PATIENCE, Haul::default());
        Self { demands, want, detail, extra: 0, returned: 0, waits_for, patience, scarce: false, haul }
    }

    /// The first question, with what the departure adds to it.
    pub fn start(&mut self, hints: &Hints, departure: &Departure) -> Batch<'a> {
        self.extra = departure.extra;
        if self.extra > 0 {
            self.detail = Detail::Full; // those who spend it later may want to know what is left
        }
        let mut batch: Batch<'a> =
            departure.unspent.iter().flat_map(|unspent| unspent.checks(self.demands)).collect();
        self.returned = batch.len();
        let plan = if self.want == Want::Peek { None } else { self.first_plan(hints) };
        batch.extend(match plan {
            Some(plan) => self.attempt(plan),
            None => self.survey(Stage::Survey),
        });
        batch
    }

    /// The answers are there.
    ///
    /// # Errors
    /// The first one that is none: what was charged so far stays charged.
    pub fn resume<E>(
        &mut self,
        hints: &Hints,
        answers: impl IntoIterator<Item = Result<Verdict, E>>,
    ) -> Result<Step<'a>, E> {
        let mut answers = answers.into_iter();
        for returned in answers.by_ref().take(std::mem::take(&mut self.returned)) {
            returned?;
        }
        match std::mem::replace(&mut self.waits_for, Stage::Survey) {
            Stage::Attempt { plan, looks } => {
                let Some(verdict) = answers.next().transpose()? else {
                    return Ok(Step::Ask(self.survey(Stage::Survey)));
                };
                let mut seen = self.seen(&plan, looks, (&verdict, answers))?;
                if !verdict.allowed && looks == Looks::AtOthers && !is_simple(&plan) {
                    seen = None; // shards that were asked for a part say nothing about the whole
                }
                if verdict.allowed {
                    self.took(hints, plan, (&verdict, seen.as_ref()));
                    if self.want == Want::Take || self.haul.granted >= self.wanted() {
                        return Ok(Step::Done(std::mem::take(&mut self.haul)));
                    }
                }
                let last = self.patience == 0;
                self.patience = self.patience.saturating_sub(1);
                match seen {
                    Some(survey) => Ok(self.saw(&survey, last)),
                    None => Ok(Step::Ask(self.survey(if last { Stage::LastSurvey } else { Stage::Survey }))),
                }
            }
            stage => {
                let verdicts = answers.collect::<Result<Vec<_>, E>>()?;
                let survey = Survey::new(self.demands, self.surveyed(), &verdicts);
                Ok(self.saw(&survey, matches!(stage, Stage::LastSurvey)))
            }
        }
    }

    /// What an attempt has shown of all shards, if it has. An answer that is none is an error where nothing
    /// was taken; otherwise the shard counts as empty, so that what is left is never overstated.
    fn seen<E>(
        &self,
        plan: &Plan,
        looks: Looks,
        (verdict, mut answers): (&Verdict, impl Iterator<Item = Result<Verdict, E>>),
    ) -> Result<Option<Survey>, E> {
        if looks == Looks::No {
            return Ok(None);
        }
        let mut taken = verdict.outcomes.iter().copied();
        let mut shards = SmallVec::new();
        for (demand, picks) in self.demands.iter().zip(plan) {
            let mut outcomes = vec![Outcome::EMPTY; usize::from(demand.counters.shards())];
            for &(shard, _) in picks {
                outcomes[usize::from(shard)] = taken.next().unwrap_or(Outcome::EMPTY);
            }
            for shard in looked_at(demand, picks, looks) {
                match answers.next() {
                    Some(Err(error)) if !verdict.allowed => return Err(error),
                    Some(Ok(seen)) => {
                        outcomes[usize::from(shard)] =
                            seen.outcomes.first().copied().unwrap_or(Outcome::EMPTY);
                    }
                    Some(Err(_)) | None => {}
                }
            }
            shards.push(outcomes);
        }
        Ok(Some(Survey::of(verdict.at, self.surveyed(), shards)))
    }

    /// All shards were looked at: takes from those that have it, or this is the end.
    fn saw(&mut self, survey: &Survey, last: bool) -> Step<'a> {
        self.scarce = true;
        let plan = match self.want {
            Want::Peek => {
                return self.done(survey.peeked(self.demands));
            }
            _ if last => None,
            Want::Take => survey.plan(self.demands, None),
            Want::TakeUpTo => {
                let common = survey.common(self.demands).min(self.wanted() - self.haul.granted);
                survey.plan(self.demands, Some(common.max(1)))
            }
        };
        match plan {
            Some(plan) => Step::Ask(self.attempt(plan)),
            None => self.done(survey.denied(self.demands)),
        }
    }

    fn done(&mut self, answer: Answer) -> Step<'a> {
        let denial = Some(answer);
        Step::Done(Haul { denial, ..std::mem::take(&mut self.haul) })
    }

    fn wanted(&self) -> u64 {
        self.demands.iter().map(|demand| demand.cost).min().unwrap_or(0)
    }

    /// Which cost the shards are asked about, where it is not each demand's own.
    fn surveyed(&self) -> Option<u64> {
        (self.want == Want::TakeUpTo).then_some(1)
    }

    /// All of every demand from the shard that comes first, if its part can hold that.
    fn first_plan(&self, hints: &Hints) -> Option<Plan> {
        let pick = |demand: &Demand<'_>| -> Option<Picks> {
            let counters = demand.counters;
            let shard = if counters.shards() == 1 { 0 } else { hints.first(demand).shard };
            (demand.cost <= counters.part(shard).capacity() || counters.shards() == 1)
                .then(|| smallvec![(shard, demand.cost)])
        };
        self.demands.iter().map(pick).collect()
    }

    /// Charges `plan`. All shards are looked at in the same round trip where the caller wants to know what is
    /// left of the whole, or where little is left: so a denial mostly takes no second one. Tokens are borrowed
    /// where each demand is charged at one shard.
    fn attempt(&mut self, plan: Plan) -> Batch<'a> {
        let asks = self
            .demands
            .iter()
            .zip(&plan)
            .flat_map(|(demand, picks)| picks.iter().map(move |&(shard, cost)| demand.ask(shard, cost)));
        let lends = self.extra > 0 && is_simple(&plan);
        let mode = if lends { Mode::Lease(self.extra) } else { Mode::Take };
        let mut batch: Batch<'a> = smallvec![Check { asks: asks.collect(), mode }];
        let whole = self.demands.iter().all(|demand| demand.counters.shards() == 1);
        let looks = match self.want {
            Want::TakeUpTo if self.detail == Detail::Full || self.scarce => Looks::AtAll,
            Want::Take if self.detail == Detail::Full || whole => Looks::AtOthers,
            _ => Looks::No,
        };
        for (demand, picks) in self.demands.iter().zip(&plan) {
            let cost = self.surveyed().unwrap_or(demand.cost);
            batch.extend(looked_at(demand, picks, looks).map(|shard| peek(demand, shard, cost)));
        }
        self.waits_for = Stage::Attempt { plan, looks };
        batch
    }

    /// `plan` was charged.
    fn took(&mut self, hints: &Hints, plan: Plan, (verdict, seen): (&Verdict, Option<&Survey>)) {
        let mut taken = verdict.outcomes.iter();
        let (mut found, mut shards) = (Vec::with_capacity(self.demands.len()), SmallVec::new());
        for (index, (demand, picks)) in self.demands.iter().zip(plan).enumerate() {
            let charged: SmallVec<[&Outcome; 2]> = taken.by_ref().take(picks.len()).collect();
            let left: u64 = charged.iter().map(|outcome| outcome.remaining).sum();
            if let (Some(&(shard, _)), true) = (picks.last(), demand.counters.shards() > 1) {
                // Where hardly anything was lent there is more to be had elsewhere.
                let starved = verdict.leased.tokens < self.extra / 2;
                let fullest = seen.filter(|_| starved).and_then(|seen| seen.fullest(index));
                hints.remember(demand, fullest.unwrap_or(next(shard, left, demand.counters.shards())));
            }
            let charged = together(charged.into_iter());
            let outcome = match seen {
                // Whoever looks after the charge sees the turn of the next one.
                Some(seen) => Outcome { delay: charged.delay, ..seen.admitted(index) },
                None => charged,
            };
            shards.push(picks.first().map_or(0, |&(shard, _)| shard));
            found.push(Found { outcome, picks });
        }
        if verdict.leased.tokens > 0 {
            self.extra = 0;
            self.haul.loan = Loan { leased: verdict.leased, at: verdict.at, shards };
        }
        self.add(verdict.at, found);
    }

    fn add(&mut self, at: Timestamp, found: Vec<Found>) {
        let cost = |found: &Found| found.picks.iter().map(|(_, cost)| cost).sum();
        self.haul.granted += found.iter().map(cost).max().unwrap_or(0);
        if self.haul.found.is_empty() {
            self.haul.at = at;
            self.haul.found = found;
            return;
        }
        // Another node's clock may be behind, and the same one may have stepped back.
        self.haul.at = self.haul.at.min(at);
        for (all, found) in self.haul.found.iter_mut().zip(found) {
            all.outcome = found.outcome;
            all.picks.extend(found.picks);
        }
    }

    /// Looks at every shard of every demand, in one round trip.
    fn survey(&mut self, stage: Stage) -> Batch<'a> {
        self.waits_for = stage;
        let cost = self.surveyed();
        let look = |demand: &'a Demand<'a>| {
            let cost = cost.unwrap_or(demand.cost);
            (0..demand.counters.shards()).map(move |shard| peek(demand, shard, cost))
        };
        self.demands.iter().flat_map(look).collect()
    }
}

impl Haul {
    /// The answer to the one request that wanted all of it.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        match self.denial {
            Some(denial) if self.granted == 0 => denial,
            _ => {
                let Self { granted, at, mut found, loan, .. } = self;
                for found in &mut found {
                    found.outcome.remaining += loan.leased.tokens;
                }
                Answer { allowed: true, granted, at, found, borrowed: false }
            }
        }
    }
}

/// Whether each demand is charged at one shard.
fn is_simple(plan: &Plan) -> bool {
    plan.iter().all(|picks| picks.len() == 1)
}

/// Which shards are looked at beside those that are charged.
fn looked_at(demand: &Demand<'_>, picks: &Picks, looks: Looks) -> impl Iterator<Item = u16> {
    let picked: SmallVec<[u16; 8]> = picks.iter().map(|&(shard, _)| shard).collect();
    let shards = if looks == Looks::No { 0 } else { demand.counters.shards() };
    (0..shards).filter(move |shard| looks == Looks::AtAll || !picked.contains(shard))
}

/// Where to ask next time, after a charge at `shard` that has left so much there.
#[must_use]
pub fn next(shard: u16, left: u64, shards: u16) -> u16 {
    if left > 0 { shard } else { (shard + 1) % shards }
}

fn peek<'a>(demand: &'a Demand<'a>, shard: u16, cost: u64) -> Check<'a> {
    let most = if demand.counters.shards() == 1 { u64::MAX } else { demand.counters.part(shard).capacity() };
    Check { asks: smallvec![demand.ask(shard, cost.min(most))], mode: Mode::Peek }
}

/// What shards hold together after an admission.
pub(super) fn together<'o>(outcomes: impl Iterator<Item = &'o Outcome>) -> Outcome {
    outcomes.fold(Outcome::EMPTY, |all, outcome| Outcome {
        retry: Retry::Now,
        remaining: all.remaining + outcome.remaining,
        reset_after: all.reset_after.max(outcome.reset_after),
        delay: all.delay.max(outcome.delay),
    })
}

impl Default for Loan {
    fn default() -> Self {
        Self { leased: Leased::default(), at: Timestamp(0), shards: SmallVec::new() }
    }
}
