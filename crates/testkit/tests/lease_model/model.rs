//! What can happen, and what must hold.

use drl_core::{Mode, Timestamp};
use smallvec::{SmallVec, smallvec};
use stateright::{Model, Property};

use crate::ledger::Ledger;
use crate::limit::Limit;
use crate::store::Counter;
use crate::world::{Answer, Back, Credit, Instance, Lease, Question, Wish, World};

/// A mistake that a protocol could make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// A lease's life is counted from when its answer is heard.
    LifeFromTheAnswer,
    /// A return is sent again, since the first may have been lost, and taken twice.
    ReturnedTwice,
    /// What is given back can still be spent.
    ReturnedAndKept,
    /// The store charges what it lends like anything else, and lends it for the longest life there is.
    LentPlainly,
    /// What comes back is credited to the moment at which it comes.
    CreditedWhenItComes,
}

/// The lease protocol under one limit.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    pub(crate) limit: Limit,
    pub(crate) instances: usize,
    pub(crate) mistake: Option<Mistake>,
    /// The properties to be checked.
    pub(crate) properties: fn() -> Vec<Property<Protocol>>,
}

/// What happens next. Instances and messages go by their place in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Time goes on to the next moment.
    Wait,
    /// An instance starts its clock and sends a question.
    Ask(usize, Wish),
    /// The instance's question reaches the store.
    Decide(usize),
    /// A question that nobody waits for reaches the store.
    DecideAdrift(usize),
    /// The answer reaches the instance.
    Hear(usize),
    /// The instance waits no longer.
    GiveUp(usize),
    /// The instance spends one token of a lease.
    Spend { instance: usize, lease: usize },
    /// The instance sends back what is left of a lease.
    Return { instance: usize, lease: usize },
    /// What was sent back reaches the store.
    Credit(usize),
    /// The instance forgets everything, and starts anew.
    Crash(usize),
    /// Somebody else takes all there is, at once.
    TakeAll,
}

impl Protocol {
    pub(crate) fn now(&self, world: &World) -> Timestamp {
        self.limit.moment(world.moment)
    }

    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// Something is granted here and now.
    fn admit(&self, world: &mut World, cost: u64) {
        world.ledger.admit(&self.limit, self.now(world), cost);
    }

    fn take_all(&self, world: &mut World, most: u64) {
        let now = self.now(world);
        let taken = world.counter.decide(&self.limit, now, (Mode::TakeUpTo, most)).granted;
        self.admit(world, taken);
    }

    fn decide(&self, world: &mut World, wish: Wish) -> Answer {
        let (limit, now) = (&self.limit, self.now(world));
        let verdict = if self.is(Mistake::LentPlainly) {
            world.counter.lend_plainly(limit, now, (wish.need(), wish.extra()))
        } else {
            world.counter.decide(limit, now, (Mode::Lease(wish.extra()), wish.need()))
        };
        if verdict.allowed {
            self.admit(world, wish.admits());
        }
        let (leased, vain) = (verdict.leased, wish == Wish::TakeInVain);
        let refundable = if vain { verdict.granted } else { 0 };
        Answer { refundable, tokens: leased.tokens, life: leased.life.0, at: verdict.at.0 }
    }

    fn hear(&self, world: &mut World, instance: usize) -> Option<()> {
        let now = self.now(world);
        let Question { sent, answer, .. } = world.instances[instance].question.take()?;
        let Answer { refundable, tokens, life, at } = answer?;
        let from = if self.is(Mistake::LifeFromTheAnswer) { now.0 } else { sent };
        let last = (at + life).saturating_sub(1);
        let lease = Lease { tokens, over: from + life, last, given_back: false };
        world.instances[instance].leases.push(lease);
        if refundable > 0 {
            world.credits.push(Credit { tokens: refundable, back: Back::Spent(at), copies: 1 });
        }
        Some(())
    }

    fn give_back(&self, world: &mut World, (instance, lease): (usize, usize)) {
        let lease = &mut world.instances[instance].leases[lease];
        let copies = if self.is(Mistake::ReturnedTwice) { 2 } else { 1 };
        world.credits.push(Credit { tokens: lease.tokens, back: Back::Unspent(lease.last), copies });
        lease.given_back = true;
        if !self.is(Mistake::ReturnedAndKept) {
            lease.tokens = 0;
        }
    }

    fn credit(&self, world: &mut World, index: usize) {
        let now = self.now(world);
        let credit = &mut world.credits[index];
        credit.copies -= 1;
        let mode = match credit.back {
            Back::Unspent(_) if self.is(Mistake::CreditedWhenItComes) => Mode::Return(now),
            back => back.mode(),
        };
        world.counter.decide(&self.limit, now, (mode, credit.tokens));
    }

    /// The instance has given up or is gone: its question may be decided all the same, and its answer is lost.
    fn abandon(world: &mut World, instance: usize) {
        let question = world.instances[instance].question.take();
        if let Some(Question { wish, answer: None, .. }) = question {
            world.adrift.push(wish);
        }
    }

    fn steps_of(&self, world: &World, index: usize, steps: &mut Vec<Step>) {
        let (now, instance) = (self.now(world), &world.instances[index]);
        match instance.question {
            None if world.left.questions > 0 => {
                steps.extend(Wish::ALL.map(|wish| Step::Ask(index, wish)));
            }
            None => {}
            Some(Question { answer: None, .. }) => steps.extend([Step::Decide(index), Step::GiveUp(index)]),
            Some(_) => steps.extend([Step::Hear(index), Step::GiveUp(index)]),
        }
        for (lease, one) in instance.leases.iter().enumerate() {
            if one.may_be_spent(now) {
                steps.push(Step::Spend { instance: index, lease });
            }
            if !one.given_back {
                steps.push(Step::Return { instance: index, lease });
            }
        }
        if world.left.crashes > 0 && *instance != Instance::default() {
            steps.push(Step::Crash(index));
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let start = |taken: &u64| {
            let mut world = World {
                moment: 0,
                counter: Counter::default(),
                instances: smallvec![Instance::default(); self.instances],
                adrift: SmallVec::new(),
                credits: SmallVec::new(),
                ledger: Ledger::new(&self.limit, self.limit.moment(0)),
                left: self.limit.left,
            };
            self.take_all(&mut world, *taken);
            world
        };
        self.limit.taken.iter().map(start).collect()
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.moment + 1 < self.limit.moments.len() {
            steps.push(Step::Wait);
        }
        for index in 0..world.instances.len() {
            // One of several that are alike is enough.
            if index == 0 || world.instances[index] != world.instances[index - 1] {
                self.steps_of(world, index, steps);
            }
        }
        steps.extend((0..world.adrift.len()).map(Step::DecideAdrift));
        steps.extend((0..world.credits.len()).map(Step::Credit));
        if world.left.others > 0 && world.counter.remaining(&self.limit, self.now(world)) > 0 {
            steps.push(Step::TakeAll);
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut world = world.clone();
        match step {
            Step::Wait => {
                world.moment += 1;
                let now = self.now(&world);
                world.ledger.wait(&self.limit, now);
                world.counter.expire(&self.limit, now);
            }
            Step::Ask(index, wish) => {
                world.left.questions -= 1;
                let sent = self.now(&world).0;
                world.instances[index].question = Some(Question { sent, wish, answer: None });
            }
            Step::Decide(index) => {
                let question = world.instances[index].question?;
                let answer = self.decide(&mut world, question.wish);
                // An answer that changes nothing may as well be heard at once.
                let heard = answer.tokens == 0 && answer.refundable == 0;
                let question = Question { answer: Some(answer), ..question };
                world.instances[index].question = Some(question).filter(|_| !heard);
            }
            Step::DecideAdrift(index) => {
                let wish = world.adrift.remove(index);
                self.decide(&mut world, wish);
            }
            Step::Hear(index) => self.hear(&mut world, index)?,
            Step::GiveUp(index) => Self::abandon(&mut world, index),
            Step::Spend { instance, lease } => {
                world.instances[instance].leases[lease].tokens -= 1;
                self.admit(&mut world, 1);
            }
            Step::Return { instance, lease } => self.give_back(&mut world, (instance, lease)),
            Step::Credit(index) => self.credit(&mut world, index),
            Step::Crash(index) => {
                world.left.crashes -= 1;
                Self::abandon(&mut world, index);
                world.instances[index] = Instance::default();
            }
            Step::TakeAll => {
                world.left.others -= 1;
                self.take_all(&mut world, self.limit.tokens);
            }
        }
        world.sort();
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        (self.properties)()
    }
}
