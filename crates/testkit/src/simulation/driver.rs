//! An instance around [`drl_core::engine`]: the flow of the limiter's driver, call by call.

use drl_core::engine::{Answer, Asked, Caller, Departure, Detail, Haul, Known, Step, Trip, Turn, Want};
use drl_core::{Moment, Retry, Timestamp, Verdict};

use super::audit::Source;
use super::bug::Bug;
use super::call::Owner;
use super::instance::Lease;
use super::network::Sender;
use super::operation::{Fate, Operation, Progress, Purpose, Request};
use super::run::{Event, Run};
use super::scenario::{Arrival, Wish};
use super::violation::Kind;

/// A request at the counter.
struct Standing {
    request: usize,
    client: usize,
}

impl Caller<usize, usize> for Standing {
    fn ticket(&mut self) -> usize {
        self.request
    }

    fn errand(&mut self) -> usize {
        self.client
    }
}

impl<'a> Run<'a> {
    pub(super) fn arrive(&mut self, arrival: Arrival) {
        let Arrival { instance, client, cost, wish, patience, refund, .. } = arrival;
        let request = self.request(Request {
            instance,
            client,
            cost,
            wish,
            refund,
            probe: None,
            fate: Fate::Pending,
            leads: None,
            answer: None,
            admitted: Vec::new(),
        });
        if let Some(patience) = patience {
            self.at(self.now + patience, Event::Leave(request));
        }
        self.serve(request);
    }

    pub(super) fn request(&mut self, request: Request) -> usize {
        self.tally.requests += 1;
        self.requests.push(request);
        self.requests.len() - 1
    }

    pub(super) fn serve(&mut self, request: usize) {
        let Request { instance, client, cost, wish, .. } = self.requests[request];
        if !self.instances[instance].up {
            self.fail(request);
            return;
        }
        let want = match wish {
            Wish::Take if self.layout.groupable => return self.take(request),
            Wish::Take => Want::Take,
            Wish::TakeUpTo => Want::TakeUpTo,
            Wish::Peek => Want::Peek,
        };
        let name = self.layout.name(client);
        let unspent = match want {
            Want::TakeUpTo => self.instances[instance].ledger.surrender(name),
            _ => Default::default(),
        };
        let departure = Departure { unspent, ..self.departure(instance) };
        let walk = self.walk((client, cost), want, Detail::Full);
        let operation = self.operation((instance, client), (departure, Purpose::Direct(request)), walk);
        self.requests[request].leads = Some(operation);
        self.begin(operation);
    }

    /// Decided by what the instance knows, or together with others.
    fn take(&mut self, request: usize) {
        let Request { instance, client, cost, .. } = self.requests[request];
        let name = self.layout.name(client);
        let asked =
            drl_core::engine::Request { name, cost, lease: self.layout.lease, told: self.scenario.told };
        let now = self.instances[instance].moment(self.now);
        if !self.scenario.told
            && let Some(known) = self.instances[instance].ledger.recall(&asked, now)
        {
            return self.known(request, known);
        }
        let asked = self.instances[instance].ledger.ask(&asked, now, &mut Standing { request, client });
        match asked {
            Asked::Decided { answer, renewal } => {
                self.overtakes(request, &answer);
                if !answer.allowed {
                    self.remembered((instance, client), (&answer, cost));
                }
                let paid = match answer.borrowed {
                    true => self.instances[instance].pay(client, &answer, self.now),
                    false => None,
                };
                self.answer(request, answer, Source::Lease(paid));
                if let Some(flight) = renewal {
                    self.fly((instance, client), *flight);
                }
            }
            Asked::Undecided(Turn::Wait) => self.instances[instance].waiting[client].push_back(request),
            Asked::Undecided(Turn::Lead(departure)) => {
                let walk = self.walk((client, cost), Want::Take, self.detail());
                let lead = (departure, Purpose::Lead(request));
                let operation = self.operation((instance, client), lead, walk);
                self.requests[request].leads = Some(operation);
                self.begin(operation);
            }
            Asked::Undecided(Turn::Overloaded) => self.fail(request),
        }
        self.watch(instance);
    }

    /// What the books alone say to who asks only whether.
    fn known(&mut self, request: usize, known: Known<usize, usize>) {
        let Request { instance, client, cost, .. } = self.requests[request];
        let no = Answer { allowed: false, granted: 0, at: Timestamp(0), found: Vec::new(), borrowed: false };
        match known {
            Known::Paid(renewal) => {
                let paid = self.instances[instance].pay_any(client, cost, self.now);
                let at = Timestamp(paid.as_ref().map_or(0, |lease| lease.last));
                let yes = Answer { allowed: true, granted: cost, at, borrowed: true, ..no };
                self.overtakes(request, &yes);
                self.answer(request, yes, Source::Lease(paid));
                if let Some(flight) = renewal {
                    self.fly((instance, client), *flight);
                }
            }
            Known::Denied => {
                self.remembered((instance, client), (&no, cost));
                self.answer(request, no, Source::Lease(None));
            }
        }
        self.watch(instance);
    }

    /// Nobody is paid with borrowed tokens while others wait for some.
    fn overtakes(&mut self, request: usize, answer: &Answer) {
        let Request { instance, client, .. } = self.requests[request];
        if answer.allowed && !self.instances[instance].waiting[client].is_empty() {
            self.blame(Kind::OutOfOrder, None, format!("request {request} overtakes those who wait"));
        }
    }

    pub(super) fn detail(&self) -> Detail {
        if self.scenario.told { Detail::Full } else { Detail::Verdict }
    }

    pub(super) fn departure(&self, instance: usize) -> Departure {
        Departure { at: self.instances[instance].moment(self.now), ..Departure::default() }
    }

    pub(super) fn operation(
        &mut self,
        (instance, client): (usize, usize),
        (departure, purpose): (Departure, Purpose),
        walk: drl_core::engine::Walk<'a>,
    ) -> usize {
        self.operations.push(Operation {
            instance,
            life: self.instances[instance].life,
            client,
            walk,
            departure,
            purpose,
            since: self.now,
            state: Progress::Running,
            charges: Vec::new(),
            loan: Vec::new(),
            loan_life: 0,
        });
        self.operations.len() - 1
    }

    /// The first question of a walk.
    pub(super) fn begin(&mut self, operation: usize) {
        let Operation { instance, client, .. } = self.operations[operation];
        let unspent = self.operations[operation].departure.unspent.clone();
        let origin = self.hand_back((instance, client), &unspent);
        if self.operations[operation].empties_the_purse() {
            self.instances[instance].emptied(client);
        }
        let walk = &mut self.operations[operation];
        let batch = walk.walk.start(&self.instances[instance].hints, &walk.departure);
        if self.bug == Some(Bug::ReturnTwice) && !unspent.is_empty() {
            self.give_back((instance, client), &unspent, origin);
        }
        self.send(&batch, Sender { instance, owner: Owner::Operation(operation), origin });
    }

    /// The answers to a walk's question are there, or nothing is.
    pub(super) fn resume(&mut self, operation: usize, answers: Vec<Result<Verdict, ()>>) {
        let walk = &mut self.operations[operation];
        if walk.state != Progress::Running {
            return;
        }
        let instance = walk.instance;
        if matches!(walk.purpose, Purpose::Settle(_)) {
            self.settled(operation);
            return;
        }
        match walk.walk.resume(&self.instances[instance].hints, answers) {
            Ok(Step::Ask(batch)) => {
                let (owner, origin) = (Owner::Operation(operation), self.now);
                self.send(&batch, Sender { instance, owner, origin });
            }
            Ok(Step::Done(haul)) => {
                walk.state = Progress::Done;
                self.done(operation, haul);
            }
            Err(()) => {
                walk.state = Progress::Lost;
                self.failed(operation);
            }
        }
    }

    fn done(&mut self, operation: usize, haul: Haul) {
        let Operation { instance, client, .. } = self.operations[operation];
        self.borrow(operation, &haul);
        match std::mem::replace(&mut self.operations[operation].purpose, Purpose::Flight(None)) {
            Purpose::Lead(request) => {
                let cost = self.requests[request].cost;
                self.land(operation, &haul, cost);
                self.answer(request, haul.into_answer(), Source::Walk(operation)); // or the walk would be lost
                self.nothing_left(operation);
                self.board(instance, client);
            }
            Purpose::Flight(Some(flight)) => self.landed(operation, flight, haul),
            Purpose::Alone(passenger, rest) => {
                if let Some(answer) =
                    self.answer(passenger.ticket, haul.into_answer(), Source::Walk(operation))
                {
                    self.unwanted(operation, &answer);
                }
                self.nothing_left(operation);
                self.alone((instance, client), rest);
            }
            Purpose::Direct(request) => {
                self.answer(request, haul.into_answer(), Source::Walk(operation)); // or the walk would be lost
                self.nothing_left(operation);
            }
            Purpose::Flight(None) | Purpose::Settle(_) => {}
        }
        self.watch(instance);
    }

    fn failed(&mut self, operation: usize) {
        let Operation { instance, client, .. } = self.operations[operation];
        self.lose(operation);
        match std::mem::replace(&mut self.operations[operation].purpose, Purpose::Flight(None)) {
            Purpose::Lead(request) => {
                self.fail(request);
                self.strand(instance, client);
            }
            Purpose::Flight(Some(flight)) => {
                flight.into_tickets().for_each(|request| self.fail(request));
                self.strand(instance, client);
            }
            Purpose::Alone(passenger, rest) => {
                self.fail(passenger.ticket);
                self.alone((instance, client), rest);
            }
            Purpose::Direct(request) => self.fail(request),
            Purpose::Flight(None) | Purpose::Settle(_) => {}
        }
    }

    /// What a call has brought beside: leases are kept, denials remembered, and those who wait are served.
    pub(super) fn land(&mut self, operation: usize, haul: &Haul, cost: u64) {
        let Operation { instance, client, since, .. } = self.operations[operation];
        let now = self.instances[instance].moment(self.now);
        let mut departure = self.operations[operation].departure.clone();
        if self.bug == Some(Bug::LeaseFromReply) && haul.denial.is_none() {
            departure.at = now;
        }
        if haul.denial.is_some() {
            self.instances[instance].denied[client] = since;
        }
        let name = self.layout.name(client);
        let trip = Trip { departure: &departure, haul, cost };
        let served = self.instances[instance].ledger.land(name, &trip, now);
        // All of them are paid before the first of them is told.
        let paid: Vec<Option<Lease>> =
            served.iter().map(|(_, answer)| self.instances[instance].pay(client, answer, self.now)).collect();
        for ((request, answer), paid) in served.into_iter().zip(paid) {
            self.called((instance, client), request);
            let origin = paid.as_ref().map_or(self.now, |lease| lease.at);
            if let Some(answer) = self.answer(request, answer, Source::Lease(paid)) {
                self.put_back((instance, client), (&answer, origin));
            }
        }
    }

    /// A denial that the instance remembers: not for too long.
    fn remembered(&mut self, (instance, client): (usize, usize), (answer, cost): (&Answer, u64)) {
        self.tally.remembered += 1;
        let lease = self.layout.lease.0;
        let longest = if lease > 0 { lease } else { 1_000_000 };
        let since = self.instances[instance].denied[client];
        if self.now - since > longest + longest / 50 {
            let message = format!("a denial of {since} µs is still remembered, {longest} µs is the longest");
            self.blame(Kind::StaleDenial, None, message);
        }
        if self.bug == Some(Bug::DenyForever) && !answer.found.is_empty() {
            let departure = self.departure(instance);
            let haul = Haul { denial: Some(answer.clone()), ..Haul::default() };
            let name = self.layout.name(client);
            let now: Moment = departure.at;
            let trip = Trip { departure: &departure, haul: &haul, cost };
            self.instances[instance].ledger.land(name, &trip, now);
        }
    }

    /// A client in need: it asks some instance, and waits as long as it is told.
    pub(super) fn probe(&mut self, client: usize, since: u64) {
        let clients = self.scenario.clients as u64;
        let longest = 2 * self.scenario.longest_wait() * clients + 3_000_000;
        if self.now > since + longest {
            let message = format!("client {client} has been asking since {since} µs, and is not served");
            self.blame(Kind::Starved, None, message);
        }
        let instance = self.random.place(self.instances.len());
        let request = self.request(Request {
            instance,
            client,
            cost: 1,
            wish: Wish::Take,
            refund: None,
            probe: Some(since),
            fate: Fate::Pending,
            leads: None,
            answer: None,
            admitted: Vec::new(),
        });
        self.serve(request);
    }

    /// What a client in need does with its answer.
    pub(super) fn probed(&mut self, request: usize, retry: Option<Retry>) {
        let Request { client, probe: Some(since), .. } = self.requests[request] else { return };
        match retry {
            Some(Retry::Now) if client + 1 < self.scenario.clients => {
                self.at(self.now, Event::Probe(client + 1, self.now));
            }
            Some(Retry::Now) => self.at(self.now + 1_000_000, Event::Stop),
            Some(Retry::After(wait)) => self.at(self.now + wait.0, Event::Probe(client, since)),
            Some(Retry::Never) => {
                self.blame(Kind::Starved, None, format!("client {client} is told that 1 never fits"));
            }
            None => self.at(self.now + 20_000, Event::Probe(client, since)),
        }
    }
}
