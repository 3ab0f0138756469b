//! The accounts: every token that a node has charged was admitted, is borrowed, came back, or is known to be
//! lost; each once.

use drl_core::check::Check;
use drl_core::engine::{Answer, Haul, Unspent};
use drl_core::{Micros, Mode, Rule};

use super::bug::Bug;
use super::call::Owner;
use super::instance::Lease;
use super::node::{Decided, Effect, Part};
use super::operation::{Charge, Fate, Operation, Progress, Request};
use super::run::{Admitted, Event, Run};
use super::scenario::Wish;
use super::violation::Kind;
use crate::bound::Admission;

/// What an answer was paid with.
pub(super) enum Source {
    /// With what a walk has been charged.
    Walk(usize),
    /// With what was borrowed, out of this lease, if it was any.
    Lease(Option<Lease>),
}

impl Run<'_> {
    /// What a node has done, held against what it says.
    pub(super) fn account(
        &mut self,
        (call, node): (usize, usize),
        mode: Mode,
        (parts, decided): (&[Part], &Decided),
    ) {
        let verdict = &decided.verdict;
        for (part, &effect) in parts.iter().zip(&decided.effects) {
            if let Some(wrong) = wrong(part, effect, (mode, decided))
                && self.bug != Some(Bug::LendForFree)
            {
                // (That one has to be found by what comes of it.)
                self.blame(Kind::WrongCharge, Some(part.place), wrong);
            }
        }
        if let Mode::Return(_) = mode {
            self.tally.returned += parts.iter().map(|part| part.cost).sum::<u64>();
            let credit = |effect: &Effect| effect.after.saturating_sub(effect.before);
            self.tally.credited += decided.effects.iter().map(credit).sum::<u64>();
        }
        let origin = self.calls[call].origin;
        let (now, stretch) = (self.now, self.nodes[node].stretches.len() - 1);
        if matches!(mode, Mode::Refund(_) | Mode::Return(_)) {
            if self.nodes[node].stretch().from > origin {
                for part in parts {
                    self.foreign[part.place].push((stretch, part.cost));
                }
            }
            return;
        }
        let Owner::Operation(operation) = self.calls[call].owner else { return };
        if !verdict.allowed || !mode.charges() {
            return;
        }
        let order = self.order();
        let walk = &mut self.operations[operation];
        let lost = walk.state == Progress::Lost || walk.life != self.instances[walk.instance].life;
        if walk.state == Progress::Done {
            let message = "charged by a call whose request has its answer already".to_owned();
            self.blame(Kind::Unaccounted, parts.first().map(|part| part.place), message);
            return;
        }
        for (part, outcome) in parts.iter().zip(&verdict.outcomes) {
            let (place, cost, delay) = (part.place, part.cost, outcome.delay);
            let charge = Charge { place, cost, at: now, stretch, order, delay };
            if lost {
                self.tally.lost += part.cost + verdict.leased.tokens;
                continue;
            }
            if part.cost > 0 {
                walk.charges.push(charge);
            }
            if verdict.leased.tokens > 0 {
                walk.loan.push(Charge { cost: verdict.leased.tokens, ..charge });
                walk.loan_life = verdict.leased.life.0;
            }
        }
    }

    /// A reservation is undone: what its node has charged for the walk is charged no more.
    pub(super) fn undone(&mut self, call: usize, parts: &[Part]) {
        let Owner::Operation(operation) = self.calls[call].owner else { return };
        for part in parts {
            let charges = &mut self.operations[operation].charges;
            take(charges, part.cost, |charge| charge.place == part.place);
        }
    }

    /// Takes up what a walk has borrowed.
    pub(super) fn borrow(&mut self, operation: usize, haul: &Haul) {
        let walk = &mut self.operations[operation];
        let (instance, client, life) = (walk.instance, walk.client, walk.loan_life);
        let asked = walk.departure.at;
        let loan = std::mem::take(&mut walk.loan);
        let Some(first) = loan.first().copied() else {
            if haul.loan.leased.tokens > 0 {
                self.blame(Kind::Unaccounted, None, "borrowed what no node has lent".to_owned());
            }
            return;
        };
        let shards = haul.loan.shards.iter().enumerate();
        let mut places = shards.map(|(limit, &shard)| self.layout.place(client, limit, shard));
        let known = loan.len() == haul.loan.shards.len()
            && places.all(|place| {
                loan.iter().any(|lent| lent.place == place && lent.cost == haul.loan.leased.tokens)
            });
        if !known {
            let message = format!("a node has lent {loan:?}, and {:?} was heard of", haul.loan);
            self.blame(Kind::Unaccounted, Some(first.place), message);
            return;
        }
        self.instances[instance].leases.push(Lease {
            client,
            last: haul.loan.leased.last(haul.loan.at).0,
            tokens: first.cost,
            left: first.cost,
            places: loan.iter().map(|lent| lent.place).collect(),
            shards: haul.loan.shards.clone(),
            until: asked + Micros(life - life.div_ceil(32)),
            at: first.at,
            stretch: first.stretch,
            life,
        });
    }

    /// The ledger lets go of what was not spent. Since when it was charged.
    pub(super) fn hand_back(&mut self, (instance, client): (usize, usize), unspent: &[Unspent]) -> u64 {
        let mut origin = self.now;
        for unspent in unspent {
            match self.instances[instance].returned(client, unspent) {
                Some(at) => origin = origin.min(at),
                None => {
                    let message =
                        format!("{unspent:?} is to go back, which is not what is left of any lease");
                    self.blame(Kind::Unaccounted, None, message);
                }
            }
        }
        origin
    }

    /// Tells a request its answer, or has it back if there is nobody to be told.
    pub(super) fn answer(&mut self, request: usize, answer: Answer, source: Source) -> Option<Answer> {
        let Request { client, cost, wish, fate, refund, .. } = self.requests[request];
        if fate != Fate::Pending {
            return Some(answer);
        }
        self.requests[request].fate = Fate::Answered;
        self.trace.note(self.now, || {
            let how = match (answer.allowed, answer.borrowed) {
                (true, true) => format!("pays {} with borrowed tokens", answer.granted),
                (true, false) => format!("is granted {}", answer.granted),
                (false, _) => format!("is denied {cost}, {:?}", answer.retry()),
            };
            (Some(client), Vec::new(), format!("request {request} of client {client} {how}"))
        });
        let retry = answer.retry();
        if answer.allowed && wish != Wish::Peek {
            self.tally.allowed += 1;
            self.admit(request, &answer, source);
            if let Some(after) = refund {
                self.requests[request].answer = Some(answer.clone());
                self.at(self.now + after, Event::Refund(request));
            }
        } else if answer.found.iter().any(|found| !found.picks.is_empty()) {
            self.blame(Kind::AllOrNothing, None, format!("request {request} is denied, and charged"));
        }
        let retry = if answer.allowed { drl_core::Retry::Now } else { retry };
        self.probed(request, Some(retry));
        None
    }

    /// Tells a request that it failed.
    pub(super) fn fail(&mut self, request: usize) {
        if self.requests[request].fate == Fate::Pending {
            self.tally.failed += 1;
            self.requests[request].fate = Fate::Answered;
            let client = self.requests[request].client;
            self.trace.note(self.now, || (Some(client), Vec::new(), format!("request {request} fails")));
            self.probed(request, None);
        }
    }

    /// Records what was admitted, and where it was charged.
    fn admit(&mut self, request: usize, answer: &Answer, source: Source) {
        let Request { client, cost, wish, .. } = self.requests[request];
        let right = match wish {
            Wish::TakeUpTo => answer.granted > 0 && answer.granted <= cost,
            _ => answer.granted == cost,
        };
        if !right {
            let message = format!("request {request} wanted {cost} and got {}", answer.granted);
            self.blame(Kind::AllOrNothing, None, message);
        }
        let operation = match source {
            Source::Walk(operation) => operation,
            Source::Lease(paid) => return self.spend(request, answer, paid),
        };
        if answer.found.is_empty() {
            return self.admit_untold(request, answer, operation);
        }
        for (limit, found) in answer.found.iter().enumerate() {
            let charged: u64 = found.picks.iter().map(|&(_, cost)| cost).sum();
            if charged != answer.granted {
                let message =
                    format!("request {request} got {}, limit {limit} was charged {charged}", answer.granted);
                self.blame(Kind::AllOrNothing, None, message);
            }
            for &(shard, cost) in &found.picks {
                let place = self.layout.place(client, limit, shard);
                let taken =
                    take(&mut self.operations[operation].charges, cost, |charge| charge.place == place);
                if let [only] = taken[..]
                    && found.picks.len() == 1
                    && only.delay != found.outcome.delay
                {
                    let message = format!("request {request} is told to wait {:?}", found.outcome.delay);
                    self.blame(Kind::OutOfOrder, Some(place), message);
                }
                self.granted((request, cost), place, taken);
            }
        }
    }

    /// The same for who did not want to know where it was charged: anywhere, but at every limit.
    fn admit_untold(&mut self, request: usize, answer: &Answer, operation: usize) {
        for limit in 0..self.scenario.limits.len() {
            let layout = self.layout;
            let charges = &mut self.operations[operation].charges;
            let taken = take(charges, answer.granted, |charge| layout.places[charge.place].limit == limit);
            let first = taken.first().map_or(0, |charge| charge.place);
            self.granted((request, answer.granted), first, taken);
        }
    }

    /// What a request was granted, and was charged before.
    fn granted(&mut self, (request, cost): (usize, u64), place: usize, taken: Vec<Charge>) {
        if taken.iter().map(|charge| charge.cost).sum::<u64>() != cost {
            let message = format!("request {request} was granted {cost} that were not charged");
            self.blame(Kind::Unaccounted, Some(place), message);
        }
        for Charge { place, cost, at, stretch, order, delay } in taken {
            let admission = self.admission((at, cost), (place, stretch), delay);
            self.record(request, place, Admitted { at, charged: at, stretch, order, admission });
        }
    }

    /// Something borrowed was spent.
    fn spend(&mut self, request: usize, answer: &Answer, paid: Option<Lease>) {
        self.tally.borrowed += 1;
        let now = self.now;
        let Some(Lease { places, at, stretch, life, .. }) = paid else {
            let message = format!("request {request} was paid from no lease that has so much");
            self.blame(Kind::BadSpend, None, message);
            return;
        };
        if now >= at + life {
            let message = format!("request {request} spends at {now} µs what was lent at {at} for {life} µs");
            self.blame(Kind::BadSpend, places.first().copied(), message);
        }
        let order = self.order();
        for place in places {
            let admission = self.admission((now, answer.granted), (place, stretch), Micros::ZERO);
            self.record(request, place, Admitted { at: now, charged: at, stretch, order, admission });
        }
    }

    /// On the clock of the stretch in which it was charged.
    fn admission(
        &self,
        (at, cost): (u64, u64),
        (place, stretch): (usize, usize),
        delay: Micros,
    ) -> Admission {
        let node = &self.nodes[self.layout.places[place].node];
        Admission { at: node.stretches[stretch].clock(at), cost, delay }
    }

    fn record(&mut self, request: usize, place: usize, admitted: Admitted) {
        self.requests[request].admitted.push((place, self.admitted[place].len()));
        self.admitted[place].push(admitted);
    }

    /// An answer to nobody, of a walk for one request: what it was charged goes back.
    pub(super) fn unwanted(&mut self, operation: usize, answer: &Answer) {
        let Operation { instance, client, since, .. } = self.operations[operation];
        let layout = self.layout;
        let mode = Mode::Refund(answer.at);
        let mut checks: Vec<Check<'_>> = Vec::new();
        for (demand, found) in layout.demands(client, 1).iter().zip(&answer.found) {
            checks.extend(found.picks.iter().map(|&(shard, cost)| demand.give_back(shard, cost, mode)));
        }
        self.given_back(operation, &checks);
        if !checks.is_empty() {
            let sender = super::network::Sender { instance, owner: Owner::Nobody, origin: since };
            self.send(&checks, sender);
        }
    }

    /// What a walk has charged for nobody is on its way back.
    pub(super) fn given_back(&mut self, operation: usize, checks: &[Check<'_>]) {
        for ask in checks.iter().flat_map(|check| &check.asks) {
            let place = self.layout.find(&ask.key);
            let taken =
                take(&mut self.operations[operation].charges, ask.cost, |charge| charge.place == place);
            if taken.iter().map(|charge| charge.cost).sum::<u64>() != ask.cost {
                let message = format!("{} are given back that were not charged", ask.cost);
                self.blame(Kind::Unaccounted, Some(place), message);
            }
        }
    }

    /// A walk has its answer, so everything it has charged belongs to somebody.
    pub(super) fn nothing_left(&mut self, operation: usize) {
        if let Some(charge) = self.operations[operation].charges.first().copied() {
            let message = format!("{} were charged at {} µs for nobody", charge.cost, charge.at);
            self.blame(Kind::Unaccounted, Some(charge.place), message);
        }
    }

    /// A walk has no answer, so what it has charged is lost.
    pub(super) fn lose(&mut self, operation: usize) {
        let walk = &mut self.operations[operation];
        let lost = walk.charges.drain(..).chain(walk.loan.drain(..));
        self.tally.lost += lost.map(|charge| charge.cost).sum::<u64>();
    }

    /// Nobody waits any more, and nothing is borrowed.
    pub(super) fn close(&mut self) {
        let pending = |request: &Request| request.fate == Fate::Pending;
        if let Some(request) = self.requests.iter().position(pending) {
            self.blame(Kind::Unanswered, None, format!("request {request} has no answer"));
        }
        let leases =
            self.instances.iter().filter(|instance| instance.up).flat_map(|instance| &instance.leases);
        if let Some(lease) = leases.clone().find(|lease| lease.left > 0).cloned() {
            let message =
                format!("{} of {} tokens lent at {} µs never came back", lease.left, lease.tokens, lease.at);
            self.blame(Kind::Unaccounted, lease.places.first().copied(), message);
        }
    }
}

/// How a decision's effect is not what it says, if it is not.
fn wrong(part: &Part, Effect { before, after }: Effect, (mode, decided): (Mode, &Decided)) -> Option<String> {
    let verdict = &decided.verdict;
    let change = i128::from(before) - i128::from(after);
    let (least, most) = match mode {
        Mode::Refund(_) | Mode::Return(_) => (-i128::from(part.cost), 0),
        _ if !verdict.allowed || mode == Mode::Peek => (0, 0),
        _ => {
            let charged = i128::from(part.cost + verdict.leased.tokens);
            // Of a bucket that is nearly full, lending holds a little more.
            let holds = verdict.leased.tokens > 0 && matches!(part.rule, Rule::Bucket(_));
            (charged, if holds { i128::MAX } else { charged })
        }
    };
    let right = (least..=most).contains(&change);
    (!right).then(|| format!("{mode:?} of {} took {change}, and said {verdict:?}", part.cost))
}

/// Takes up to that much out of charges, the newest first: a refund names the oldest.
fn take(charges: &mut Vec<Charge>, mut cost: u64, from: impl Fn(&Charge) -> bool) -> Vec<Charge> {
    let mut taken = Vec::new();
    for charge in charges.iter_mut().rev().filter(|charge| from(charge)) {
        let part = cost.min(charge.cost);
        if part > 0 {
            taken.push(Charge { cost: part, ..*charge });
            (cost, charge.cost) = (cost - part, charge.cost - part);
        }
    }
    charges.retain(|charge| charge.cost > 0);
    taken
}
