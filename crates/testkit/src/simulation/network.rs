//! From instances to nodes and back: messages take their time, get lost, overtake each other on different
//! connections, and calls are given up.

use drl_core::check::Check;
use drl_core::{Mode, Verdict};
use smallvec::SmallVec;

use super::bug::Bug;
use super::call::{Call, Item, Message, Owner, Question, Stage};
use super::node::{Part, decide_on};
use super::run::{Event, Run};

/// The way to a node, and the way back.
const THERE: usize = 0;
const BACK: usize = 1;

/// Who sends what is given back, and since when it was charged, in true time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender {
    pub(super) instance: usize,
    pub(super) owner: Owner,
    pub(super) origin: u64,
}

impl Run<'_> {
    /// Asks the store.
    pub(super) fn send(&mut self, batch: &[Check<'_>], sender: Sender) {
        let Sender { instance, owner, origin } = sender;
        let questions: Vec<Question> = batch.iter().map(|check| self.question(check)).collect();
        let mut letters: Vec<(usize, Vec<Item>)> = Vec::new();
        for (question, asked) in questions.iter().enumerate() {
            let item = Item { question, leg: 0, mode: asked.mode };
            address(&mut letters, asked.legs[0].node, item);
        }
        let (call, life) = (self.calls.len(), self.instances[instance].life);
        let open = questions.len();
        let call_made = Call { owner, instance, life, questions, open, over: false, retried: false, origin };
        self.calls.push(call_made);
        for (node, items) in letters {
            self.post(call, node, items);
        }
        self.at(self.now + self.scenario.network.timeout, Event::Timeout(call));
    }

    fn question(&self, check: &Check<'_>) -> Question {
        let part = |ask: &drl_core::check::Ask<'_>| {
            let index = self.layout.find(&ask.key);
            let place = &self.layout.places[index];
            let first = index - usize::from(place.shard);
            let rounded_up = self.bug == Some(Bug::ShardsRoundedUp);
            let rule = if rounded_up { self.layout.places[first].rule } else { ask.rule };
            (place.node, Part { place: index, rule, cost: ask.cost })
        };
        Question::new(check.mode, check.asks.iter().map(part))
    }

    fn post(&mut self, call: usize, node: usize, items: Vec<Item>) {
        let connection = self.random.place(self.scenario.network.connections);
        let link = self.instances[self.calls[call].instance].link;
        let message = self.messages.len();
        self.messages.push(Message { call, node, connection, link, items, verdicts: Vec::new() });
        self.tally.messages += 1;
        if self.loses() {
            self.trace.note(self.now, || (None, Vec::new(), format!("call {call}: question lost")));
        } else {
            let at = self.travel(message, THERE);
            self.at(at, Event::Deliver(message));
        }
    }

    fn loses(&mut self) -> bool {
        self.now < self.scenario.end && self.random.chance(self.scenario.network.loss)
    }

    /// When a message arrives: never before the one before it on its connection.
    fn travel(&mut self, message: usize, way: usize) -> u64 {
        let network = self.scenario.network;
        let hostile = self.now < self.scenario.end;
        let jitter = if hostile { network.jitter } else { network.jitter.min(network.timeout / 20) };
        let mut delay = network.delay + self.random.below(jitter + 1);
        if hostile && self.random.chance(network.slow) {
            delay += self.random.below(network.slowness + 1);
        }
        let Message { call, node, connection, .. } = self.messages[message];
        let line = self.calls[call].instance * self.scenario.nodes.len() + node;
        let arrived = &mut self.arrived[line * network.connections + connection][way];
        *arrived = (*arrived).max(self.now + delay);
        *arrived
    }

    /// A message is at its node.
    pub(super) fn deliver(&mut self, message: usize) {
        let Message { call, node, link, .. } = self.messages[message];
        let broken = link != self.instances[self.calls[call].instance].link;
        if self.now < self.nodes[node].down_until || (broken && self.random.chance(500)) {
            self.trace.note(self.now, || (None, Vec::new(), format!("call {call}: question lost")));
            return;
        }
        let items = self.messages[message].items.clone();
        let verdicts = items.iter().map(|item| self.execute((call, node), item)).collect();
        if self.bug == Some(Bug::DeliverTwice) && self.random.chance(50) {
            items.iter().for_each(|item| drop(self.execute((call, node), item)));
        }
        self.messages[message].verdicts = verdicts;
        if self.loses() {
            self.trace.note(self.now, || (None, Vec::new(), format!("call {call}: answer lost")));
        } else {
            let at = self.travel(message, BACK);
            self.at(at, Event::Reply(message));
        }
    }

    /// One leg of a check, decided by its node's clock.
    fn execute(&mut self, (call, node): (usize, usize), item: &Item) -> Verdict {
        let clock = self.nodes[node].stretch().clock(self.now);
        let leg = &self.calls[call].questions[item.question].legs[item.leg];
        let parts: SmallVec<[Part; 2]> = leg.parts.iter().map(|&(_, part)| part).collect();
        let decided = decide_on(&mut self.states, &parts, (item.mode, clock), self.bug);
        self.trace.note(self.now, || {
            let places: Vec<usize> = parts.iter().map(|part| part.place).collect();
            let keys: Vec<&str> =
                places.iter().map(|&place| self.layout.places[place].key.as_str()).collect();
            let costs: Vec<u64> = parts.iter().map(|part| part.cost).collect();
            let verdict = &decided.verdict;
            let said = match (item.mode, verdict.allowed) {
                (Mode::Refund(_) | Mode::Return(_), _) => "given back".to_owned(),
                (Mode::Reset, _) => "forgotten".to_owned(),
                (_, false) => format!("denied, {:?}", verdict.retry()),
                (_, true) if verdict.leased.tokens > 0 => {
                    format!("granted {}, lent {:?}", verdict.granted, verdict.leased)
                }
                (_, true) => format!("granted {}", verdict.granted),
            };
            let left: Vec<u64> = decided.effects.iter().map(|effect| effect.after).collect();
            let (mode, clock) = (item.mode, clock.0);
            let text = format!(
                "call {call}: node {node} at {clock}: {mode:?} {costs:?} of {keys:?}: {said}; left {left:?}"
            );
            (None, places, text)
        });
        self.account((call, node), item.mode, (&parts, &decided));
        if item.mode != self.calls[call].questions[item.question].mode {
            self.undone(call, &parts); // (what is given back of a lease is asked for as such)
        }
        decided.verdict
    }

    /// An answer is there.
    pub(super) fn reply(&mut self, message: usize) {
        let Message { call, link, .. } = self.messages[message];
        let instance = self.calls[call].instance;
        let (life, now_link) = (self.instances[instance].life, self.instances[instance].link);
        if self.calls[call].over || self.calls[call].life != life || link != now_link {
            return;
        }
        let items = std::mem::take(&mut self.messages[message].items);
        let verdicts = std::mem::take(&mut self.messages[message].verdicts);
        let bug = self.bug == Some(Bug::NoUndo);
        let mut letters: Vec<(usize, Vec<Item>)> = Vec::new();
        let heard = &mut self.calls[call];
        for (item, verdict) in items.into_iter().zip(verdicts) {
            let question = &mut heard.questions[item.question];
            let undo = item.mode != question.mode;
            let before = question.answer.is_some();
            for (leg, mode) in question.hear(verdict, (undo, bug)) {
                let next = Item { question: item.question, leg, mode };
                address(&mut letters, question.legs[leg].node, next);
            }
            heard.open -= usize::from(!before && question.answer.is_some());
        }
        let done = heard.open == 0;
        for (node, items) in letters {
            self.post(call, node, items);
        }
        if done {
            self.complete(call);
        }
    }

    /// The deadline of a call: what has no answer by now has none. Never sent again: it may have counted.
    pub(super) fn time_out(&mut self, call: usize) {
        if self.calls[call].over {
            return;
        }
        self.trace.note(self.now, || (None, Vec::new(), format!("call {call}: given up")));
        if self.bug == Some(Bug::RetryAfterTimeout) && !self.calls[call].retried {
            self.calls[call].retried = true;
            let asking = |(question, asked): (usize, &Question)| match asked.stage {
                Stage::Asking(leg) if asked.answer.is_none() => {
                    Some((asked.legs[leg].node, Item { question, leg, mode: asked.mode }))
                }
                _ => None,
            };
            let again: Vec<(usize, Item)> =
                self.calls[call].questions.iter().enumerate().filter_map(asking).collect();
            for (node, item) in again {
                self.post(call, node, vec![item]);
            }
            self.at(self.now + self.scenario.network.timeout, Event::Timeout(call));
            return;
        }
        self.complete(call);
    }

    fn complete(&mut self, call: usize) {
        let made = &mut self.calls[call];
        made.over = true;
        let (owner, instance) = (made.owner, made.instance);
        let answers: Vec<Result<Verdict, ()>> =
            made.questions.iter_mut().map(|question| question.answer.take().ok_or(())).collect();
        if made.life != self.instances[instance].life {
            return;
        }
        match owner {
            Owner::Operation(operation) => self.resume(operation, answers),
            Owner::Refund(client) => {
                let name = self.layout.name(client);
                self.instances[instance].ledger.forget(name);
            }
            Owner::Nobody => {}
        }
    }
}

fn address(letters: &mut Vec<(usize, Vec<Item>)>, node: usize, item: Item) {
    match letters.iter_mut().find(|(to, _)| *to == node) {
        Some((_, items)) => items.push(item),
        None => letters.push((node, vec![item])),
    }
}
