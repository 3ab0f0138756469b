//! One run: a queue of events in virtual time, and everything that they happen to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use drl_core::State;
use drl_core::engine::Walk;

use super::bug::Bug;
use super::call::{Call, Message};
use super::instance::Instance;
use super::layout::Layout;
use super::node::Node;
use super::operation::{Operation, Request};
use super::random::Random;
use super::scenario::{Scenario, What};
use super::trace::Trace;
use super::violation::{Kind, Violation};
use crate::bound::Admission;

/// No run needs more; one that does turns in circles.
const MOST_EVENTS: u64 = 3_000_000;

/// Something that happens at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The request of that number comes.
    Arrive(usize),
    /// A message is at its node.
    Deliver(usize),
    /// Its answer is at the instance.
    Reply(usize),
    /// The deadline of a call.
    Timeout(usize),
    /// The instance of that number and life looks for leases that have ended.
    Tick(usize, usize),
    /// The caller of a request goes away.
    Leave(usize),
    /// The caller of a request wants its charge back.
    Refund(usize),
    /// The fault of that number.
    Strike(usize),
    /// An instance is started again after the crash that began its next life.
    Revive(usize, usize),
    /// A client wants to be served, and does what it is told until it is. Since then.
    Probe(usize, u64),
    /// Every instance gives back what it holds.
    Stop,
}

/// What was admitted at one counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted {
    /// In true time.
    pub(super) at: u64,
    /// When it was charged, in true time.
    pub(super) charged: u64,
    /// In which stretch of the node's time it was charged.
    pub(super) stretch: usize,
    /// Before or after what happened in the same microsecond.
    pub(super) order: u64,
    pub(super) admission: Admission,
}

/// Numbers of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// What happened, in events.
    pub events: u64,
    /// Requests that were made.
    pub requests: u64,
    /// Of which were admitted.
    pub allowed: u64,
    /// Of which paid with borrowed tokens.
    pub borrowed: u64,
    /// Of which were denied from memory.
    pub remembered: u64,
    /// Requests that were told an error.
    pub failed: u64,
    /// Messages to store nodes.
    pub messages: u64,
    /// Tokens charged by calls of which no answer came, or nobody to read it.
    pub lost: u64,
    /// Borrowed tokens that went back unspent.
    pub returned: u64,
    /// Of which could be had again.
    pub credited: u64,
}

impl Tally {
    /// The numbers of another run as well.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.requests += other.requests;
        self.allowed += other.allowed;
        self.borrowed += other.borrowed;
        self.remembered += other.remembered;
        self.failed += other.failed;
        self.messages += other.messages;
        self.lost += other.lost;
        self.returned += other.returned;
        self.credited += other.credited;
    }
}

pub(super) struct Run<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) layout: &'a Layout<'a>,
    pub(super) bug: Option<Bug>,
    pub(super) now: u64,
    pub(super) random: Random,
    pub(super) states: Vec<State>,
    pub(super) nodes: Vec<Node>,
    pub(super) instances: Vec<Instance>,
    pub(super) requests: Vec<Request>,
    pub(super) operations: Vec<Operation<'a>>,
    pub(super) calls: Vec<Call>,
    pub(super) messages: Vec<Message>,
    /// When the last message on each connection arrives, there and back.
    pub(super) arrived: Vec<[u64; 2]>,
    /// Per counter.
    pub(super) admitted: Vec<Vec<Admitted>>,
    /// Per counter: the stretch in which, and how much of what was charged before it came back.
    pub(super) foreign: Vec<Vec<(usize, u64)>>,
    pub(super) violation: Option<Violation>,
    pub(super) tally: Tally,
    pub(super) trace: Trace,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(scenario: &'a Scenario, layout: &'a Layout<'a>, bug: Option<Bug>) -> Self {
        let instance =
            |(index, &drift): (usize, &i64)| Instance::new((index, 0), drift, (0, scenario.clients));
        let connections = scenario.drifts.len() * scenario.nodes.len() * scenario.network.connections;
        let counters = layout.places.len();
        let mut run = Self {
            scenario,
            layout,
            bug,
            now: 0,
            random: Random::new(scenario.seed ^ 0x5EED),
            states: vec![State::Empty; counters],
            nodes: scenario.nodes.iter().map(|&offset| Node::new(offset)).collect(),
            instances: scenario.drifts.iter().enumerate().map(instance).collect(),
            requests: Vec::with_capacity(scenario.arrivals.len()),
            operations: Vec::new(),
            calls: Vec::new(),
            messages: Vec::new(),
            arrived: vec![[0; 2]; connections],
            admitted: vec![Vec::new(); counters],
            foreign: vec![Vec::new(); counters],
            violation: None,
            tally: Tally::default(),
            trace: Trace::default(),
            queue: BinaryHeap::with_capacity(scenario.arrivals.len() * 2),
            sequence: 0,
        };
        for (index, arrival) in scenario.arrivals.iter().enumerate() {
            run.at(arrival.at, Event::Arrive(index));
        }
        for (index, fault) in scenario.faults.iter().enumerate() {
            run.at(fault.at, Event::Strike(index));
        }
        run
    }

    pub(super) fn at(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse((at.max(self.now), self.sequence, event)));
    }

    /// Lets everything happen until nothing does, or something must not.
    pub(super) fn go(&mut self) {
        while let Some(Reverse((at, _, event))) = self.queue.pop() {
            self.now = at;
            self.tally.events += 1;
            if self.tally.events > MOST_EVENTS {
                self.blame(Kind::Unanswered, None, "the run does not end".to_owned());
            }
            if let Some(instance) = self.instance_of(event)
                && self.instances[instance].paused_until > at
            {
                self.at(self.instances[instance].paused_until, event);
                continue;
            }
            self.happen(event);
            if self.violation.is_some() {
                return;
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(index) => self.arrive(self.scenario.arrivals[index]),
            Event::Deliver(message) => self.deliver(message),
            Event::Reply(message) => self.reply(message),
            Event::Timeout(call) => self.time_out(call),
            Event::Tick(instance, life) if self.instances[instance].life == life => self.tick(instance),
            Event::Tick(..) => {}
            Event::Leave(request) => self.leave(request),
            Event::Refund(request) => self.refund(request),
            Event::Strike(index) => self.strike(self.scenario.faults[index].what),
            Event::Revive(instance, life) => self.revive(instance, life),
            Event::Probe(client, since) => self.probe(client, since),
            Event::Stop => self.stop(),
        }
    }

    /// Whose pause puts the event off.
    fn instance_of(&self, event: Event) -> Option<usize> {
        match event {
            Event::Arrive(index) => Some(self.scenario.arrivals[index].instance),
            Event::Reply(message) => Some(self.calls[self.messages[message].call].instance),
            Event::Timeout(call) => Some(self.calls[call].instance),
            Event::Tick(instance, _) => Some(instance),
            Event::Leave(request) | Event::Refund(request) => Some(self.requests[request].instance),
            _ => None,
        }
    }

    fn strike(&mut self, what: What) {
        self.trace.note(self.now, || (None, Vec::new(), format!("FAULT {what:?}")));
        let (now, nodes, instances) = (self.now, self.nodes.len(), self.instances.len());
        match what {
            What::Crash { instance, down } => {
                let instance = instance % instances;
                let life = self.instances[instance].life + 1;
                self.instances[instance].up = false;
                self.instances[instance].life = life;
                self.instances[instance].leases.clear();
                for request in &mut self.requests {
                    request.crash(instance);
                }
                self.at(now + down, Event::Revive(instance, life));
            }
            What::Pause { instance, length } => {
                let instance = &mut self.instances[instance];
                let until = instance.paused_until.max(now + length);
                if self.bug == Some(Bug::ClockStopsInPause) {
                    instance.paused += until - instance.paused_until.max(now);
                }
                instance.paused_until = until;
            }
            What::Cut { instance } => {
                let instance = instance % instances;
                self.instances[instance].link += 1;
                let open = |(_, call): &(usize, &Call)| call.instance == instance && !call.over;
                let broken: Vec<usize> =
                    self.calls.iter().enumerate().filter(open).map(|(call, _)| call).collect();
                for call in broken {
                    self.at(now, Event::Timeout(call));
                }
            }
            What::Step { node, by } => self.nodes[node % nodes].step(now, by),
            What::Restart { node, down, keeps_data } => {
                let node = node % nodes;
                self.nodes[node].down_until = self.nodes[node].down_until.max(now + down);
                if !keeps_data {
                    self.nodes[node].step(now, 0);
                    for (place, state) in self.layout.places.iter().zip(&mut self.states) {
                        if place.node == node {
                            *state = State::Empty;
                        }
                    }
                }
            }
        }
    }

    fn revive(&mut self, instance: usize, life: usize) {
        if self.instances[instance].life != life {
            return; // it has crashed once more
        }
        let (now, clients) = (self.now, self.scenario.clients);
        let old = &self.instances[instance];
        let mut new = Instance::new((instance, old.life), self.scenario.drifts[instance], (now, clients));
        (new.link, new.paused_until) = (old.link + 1, old.paused_until);
        self.instances[instance] = new;
    }

    /// A number larger than all before.
    pub(super) fn order(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Something happened that must not; only the first is kept.
    pub(super) fn blame(&mut self, kind: Kind, place: Option<usize>, message: String) {
        let at = self.now;
        self.violation.get_or_insert(Violation { kind, place, at, message });
    }

    /// A walk for that client.
    pub(super) fn walk(
        &self,
        (client, cost): (usize, u64),
        want: drl_core::engine::Want,
        detail: drl_core::engine::Detail,
    ) -> Walk<'a> {
        Walk::new(self.layout.demands(client, cost), want, detail)
    }
}
