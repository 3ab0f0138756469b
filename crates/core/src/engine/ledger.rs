//! What an instance knows between two store calls: who waits for what, what it has borrowed, and what the
//! store has said no to.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use smallvec::SmallVec;

use super::demand::{Answer, Unspent, halves};
use super::denials::{self, Denial, Denials};
use super::flight::{Departure, Flight};
use super::heat::Heat;
use super::lane::{Lane, Passenger};
use super::purse::{Purse, Voyage};
use super::walk::Haul;
use crate::decision::Outcome;
use crate::time::{Micros, Moment};

/// A request, as the ledger sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The [name](super::demand::name) of everything that is demanded.
    pub name: u128,
    /// The cost, the same for every demand; at least 1.
    pub cost: u64,
    /// The longest life of a lease on all demands, or zero: nothing is to be borrowed.
    pub lease: Micros,
    /// Whether the answer is to say what is left.
    pub told: bool,
}

/// What the books alone say to a request that only asks whether.
#[derive(Debug)]
pub enum Known<T, E> {
    /// It is paid with borrowed tokens. With it comes a store call for those who come later, if it is time for
    /// one.
    Paid(Option<Box<Flight<T, E>>>),
    /// It is certainly denied.
    Denied,
}

/// What a request is to do.
#[derive(Debug)]
pub enum Asked<T, E> {
    /// It is decided.
    Decided {
        /// How.
        answer: Answer,
        /// A store call to be made for those who come later; nobody waits for it.
        renewal: Option<Box<Flight<T, E>>>,
    },
    /// Only the store can tell.
    Undecided(Turn),
}

/// How a request gets to the store.
#[derive(Debug)]
pub enum Turn {
    /// Make the store call, then [land](Ledger::land) and [board](Ledger::board) the next flight.
    Lead(Departure),
    /// Wait for the answer.
    Wait,
    /// Give up: too many wait already.
    Overloaded,
}

/// Tokens to be given back, and the errand that knows where.
#[derive(Debug)]
pub struct Return<E> {
    /// What to give back.
    pub unspent: SmallVec<[Unspent; 2]>,
    /// For which demands.
    pub errand: E,
}

/// How a request waits: made only if it has to.
pub trait Caller<T, E> {
    /// How it is told its answer.
    fn ticket(&mut self) -> T;
    /// What it asks for, so that others can ask for it too.
    fn errand(&mut self) -> E;
}

/// How much an instance keeps in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Clients and limits of which something is known: a denial, borrowed tokens, a question under way.
    pub names: u64,
    /// Borrowed tokens that may still be spent.
    pub tokens: u64,
}

/// The books of an instance, or of one stripe of it. `T` is how a request is told its answer; `E` knows what to
/// ask the store for.
#[derive(Debug)]
pub struct Ledger<T, E> {
    lines: HashMap<u128, Line<T, E>, BuildHasherDefault<Named>>,
    denials: Denials<BuildHasherDefault<Named>>,
    heat: Heat,
    /// When leases end.
    ends: BinaryHeap<Reverse<(Moment, u128)>>,
}

#[derive(Debug)]
struct Line<T, E> {
    lane: Lane<T>,
    purse: Purse,
    lease: Micros,
    errand: Option<E>,
}

impl<T, E> Default for Line<T, E> {
    fn default() -> Self {
        Self { lane: Lane::default(), purse: Purse::default(), lease: Micros::ZERO, errand: None }
    }
}

impl<T, E: Clone> Ledger<T, E> {
    /// Empty books, with room for so many denials.
    #[must_use]
    pub fn new(denials: usize) -> Self {
        Self {
            lines: HashMap::default(),
            denials: Denials::new(denials),
            heat: Heat::new(),
            ends: BinaryHeap::new(),
        }
    }

    /// What the books alone say to a request that only asks whether.
    #[inline]
    pub fn recall(&mut self, request: &Request, now: Moment) -> Option<Known<T, E>> {
        let Request { name, cost, .. } = *request;
        if let Some(line) = self.lines.get_mut(&name)
            && line.lane.is_empty()
            && line.purse.pay(cost, now).is_some()
        {
            return Some(Known::Paid(line.renew(name, &mut self.heat, now)));
        }
        self.denials.covers(name, cost, now).then_some(Known::Denied)
    }

    /// The same with an answer, for a request that must not lead to a store call of its own.
    pub fn decide(&mut self, request: &Request, now: Moment) -> Option<Asked<T, E>> {
        let Request { name, cost, .. } = *request;
        if let Some(line) = self.lines.get_mut(&name)
            && line.lane.is_empty()
            && let Some(answer) = line.purse.spend(cost, now)
        {
            return Some(Asked::Decided { answer, renewal: line.renew(name, &mut self.heat, now) });
        }
        let answer = self.denials.recall(name, cost, now)?;
        Some(Asked::Decided { answer, renewal: None })
    }

    /// A request comes.
    pub fn ask(&mut self, request: &Request, now: Moment, caller: &mut impl Caller<T, E>) -> Asked<T, E> {
        self.decide(request, now).unwrap_or_else(|| Asked::Undecided(self.join(request, now, caller)))
    }

    /// A request that the books alone say nothing to.
    pub fn join(&mut self, request: &Request, now: Moment, caller: &mut impl Caller<T, E>) -> Turn {
        let Request { name, cost, lease, told } = *request;
        let line = self.lines.entry(name).or_default();
        line.lease = lease;
        if lease > Micros::ZERO {
            self.heat.note(name, cost, now);
        }
        if line.lane.is_flying() {
            if line.lane.is_full() {
                return Turn::Overloaded;
            }
            line.errand.get_or_insert_with(|| caller.errand());
            line.lane.wait(Passenger { ticket: caller.ticket(), cost, told });
            return Turn::Wait;
        }
        line.lane.take_off();
        let departure = line.depart(name, &mut self.heat, now);
        if departure.extra > 0 {
            line.errand.get_or_insert_with(|| caller.errand());
        }
        Turn::Lead(departure)
    }

    /// A store call has come back with `haul`: keeps what it has borrowed and what it has learned, and serves
    /// those who wait. `cost` is what the call asked for, where that was one request's.
    pub fn land(&mut self, name: u128, trip: &Trip<'_>, now: Moment) -> Vec<(T, Answer)> {
        let Trip { departure, haul, cost } = *trip;
        let line = self.lines.entry(name).or_default();
        if let Some(denial) = &haul.denial {
            let held = if line.lease > Micros::ZERO { line.lease } else { denials::LONGEST };
            let (asked, answer) = (departure.at, denial.clone());
            self.denials.learn(name, Denial { cost, asked, heard: now, held, answer });
        }
        if departure.extra > 0 && haul.loan.leased.tokens * 4 < departure.extra {
            line.purse.be_patient(now + Micros(line.lease.0 / 8));
        }
        if haul.loan.leased.tokens == 0 {
            return Vec::new();
        }
        let outcomes: SmallVec<[Outcome; 2]> = haul.found.iter().map(|found| found.outcome).collect();
        let voyage = Voyage { asked: departure.at, heard: now };
        let end = line.purse.put(haul.loan.clone(), outcomes, voyage);
        self.ends.push(Reverse((end, name)));
        let mut served = Vec::new();
        while let Some(cost) = line.lane.first_cost()
            && let Some(answer) = line.purse.spend(cost, now)
            && let Some(passenger) = line.lane.pop()
        {
            served.push((passenger.ticket, answer));
        }
        served
    }

    /// The call has failed: those who wait are not made to wait for the same. What is borrowed stays, and the
    /// lane is still to be [boarded](Self::board).
    pub fn strand(&mut self, name: u128) -> Vec<T> {
        self.lines.get_mut(&name).map(|line| line.lane.clear().collect()).unwrap_or_default()
    }

    /// The next flight; nobody, and the lane is idle.
    pub fn board(&mut self, name: u128, now: Moment) -> Option<Flight<T, E>> {
        let line = self.lines.get_mut(&name)?;
        let passengers = line.lane.board();
        if let Some(errand) = line.errand.clone().filter(|_| !passengers.is_empty()) {
            let departure = line.depart(name, &mut self.heat, now);
            return Some(Flight { passengers, departure, errand });
        }
        self.close(name, now);
        None
    }

    /// An answer has found nobody: what it was paid with is there for others.
    pub fn put_back(&mut self, name: u128, answer: &Answer) -> bool {
        self.lines.get_mut(&name).is_some_and(|line| line.purse.put_back(answer))
    }

    /// What was borrowed, taken out of the books: to be given back before a question that leases don't answer.
    pub fn surrender(&mut self, name: u128) -> SmallVec<[Unspent; 2]> {
        self.lines.get_mut(&name).map(|line| line.purse.empty()).unwrap_or_default()
    }

    /// How much of what was borrowed may still be spent.
    #[must_use]
    pub fn at_hand(&self, name: u128, now: Moment) -> u64 {
        self.lines.get(&name).map_or(0, |line| line.purse.left(now))
    }

    /// Something was given back, so a denial is not certain any more.
    pub fn forget(&mut self, name: u128) {
        self.denials.forget(name);
    }

    /// How much is in the books.
    #[must_use]
    pub fn holdings(&self, now: Moment) -> Holdings {
        let tokens = self.lines.values().map(|line| line.purse.left(now)).sum();
        Holdings { names: (self.lines.len() + self.denials.len()) as u64, tokens }
    }

    /// When something borrowed expires next.
    #[must_use]
    pub fn next_end(&self) -> Option<Moment> {
        self.ends.peek().map(|Reverse((end, _))| *end)
    }

    /// Time has passed: what can't be spent any more goes back.
    pub fn tick(&mut self, now: Moment) -> Vec<Return<E>> {
        let mut returns = Vec::new();
        while let Some(&Reverse((end, name))) = self.ends.peek()
            && end <= now
        {
            self.ends.pop();
            let Some(line) = self.lines.get_mut(&name) else { continue };
            let unspent = line.purse.expired(now);
            if let Some(errand) = line.errand.clone().filter(|_| !unspent.is_empty()) {
                returns.push(Return { unspent, errand });
            }
            self.close(name, now);
        }
        returns
    }

    /// Everything that is borrowed goes back: the instance is about to stop.
    pub fn give_up(&mut self) -> Vec<Return<E>> {
        self.ends.clear();
        let unspent = self.lines.values_mut().filter_map(|line| {
            let errand = line.errand.clone()?;
            Some(Return { unspent: line.purse.empty(), errand })
        });
        unspent.filter(|returned| !returned.unspent.is_empty()).collect()
    }

    /// Drops a line that nothing is known of any more.
    fn close(&mut self, name: u128, now: Moment) {
        if let Entry::Occupied(mut line) = self.lines.entry(name)
            && line.get().purse.is_empty()
            && !line.get().lane.is_flying()
        {
            let spent = line.get_mut().purse.take_spent();
            if spent > 0 {
                self.heat.note(name, spent, now);
            }
            line.remove();
        }
    }
}

/// A store call that has come back.
#[derive(Clone, Copy, Debug)]
pub struct Trip<'a> {
    /// How it started.
    pub departure: &'a Departure,
    /// What it has brought.
    pub haul: &'a Haul,
    /// The cost that its denial speaks of.
    pub cost: u64,
}

impl<T, E: Clone> Line<T, E> {
    /// What the next call is to do beside: it gives back what is left of the leases, which were too small for
    /// whoever makes it, and borrows anew.
    fn depart(&mut self, name: u128, heat: &mut Heat, now: Moment) -> Departure {
        Departure { at: now, extra: self.appetite(name, heat, now), unspent: self.purse.empty() }
    }

    /// A call for those who come later, if it is time for one.
    #[inline]
    fn renew(&mut self, name: u128, heat: &mut Heat, now: Moment) -> Option<Box<Flight<T, E>>> {
        if self.lane.is_flying() || !self.purse.runs_low(now) {
            return None;
        }
        self.renewal(name, heat, now)
    }

    #[cold]
    fn renewal(&mut self, name: u128, heat: &mut Heat, now: Moment) -> Option<Box<Flight<T, E>>> {
        let errand = self.errand.clone()?;
        let extra = self.appetite(name, heat, now);
        self.purse.be_patient(now + Micros(self.lease.0 / 8));
        if extra == 0 {
            return None;
        }
        self.lane.take_off();
        let departure = Departure { at: now, extra, unspent: SmallVec::new() };
        Some(Box::new(Flight { passengers: Vec::new(), departure, errand }))
    }

    fn appetite(&mut self, name: u128, heat: &mut Heat, now: Moment) -> u64 {
        let spent = self.purse.take_spent();
        if spent > 0 {
            heat.note(name, spent, now);
        }
        if self.lease > Micros::ZERO { heat.appetite(name, self.lease, now) } else { 0 }
    }
}

/// The hash of a name is the name: it is random, under a secret that no client knows.
#[derive(Debug, Default)]
pub struct Named(u64);

impl Hasher for Named {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u128(&mut self, name: u128) {
        let [high, low] = halves(name);
        self.0 = high ^ low;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
