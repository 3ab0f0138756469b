//! One instance: its books, its clock, and what the checker knows of its leases.

use std::collections::VecDeque;

use drl_core::Moment;
use drl_core::engine::{Answer, Hints, Ledger, Unspent};
use drl_core::identity::Secret;
use smallvec::SmallVec;

/// An instance between two crashes.
pub(super) struct Instance {
    /// Tickets are requests, errands are clients.
    pub(super) ledger: Ledger<usize, usize>,
    pub(super) hints: Hints,
    /// How often it has been started.
    pub(super) life: usize,
    pub(super) up: bool,
    pub(super) paused_until: u64,
    /// How long it has been paused in all, for the bug that loses that time.
    pub(super) paused: u64,
    /// Which generation of connections it has.
    pub(super) link: u64,
    /// When it is to look for leases that have ended.
    pub(super) ticks_at: Option<u64>,
    /// Who waits in line, by client, in the order of coming.
    pub(super) waiting: Vec<VecDeque<usize>>,
    pub(super) leases: Vec<Lease>,
    /// For each client, since when the last denial that was heard is known, in true time.
    pub(super) denied: Vec<u64>,
    clock: Clock,
}

/// A monotonic clock that runs at a speed of its own.
#[derive(Clone, Copy, Debug)]
struct Clock {
    started: u64,
    shows: u64,
    drift: i64,
}

/// What is known of a lease from outside.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) client: usize,
    /// How the ledger names it: the last moment at which it may be spent, on the store's clock.
    pub(super) last: u64,
    pub(super) tokens: u64,
    pub(super) left: u64,
    pub(super) places: SmallVec<[usize; 2]>,
    pub(super) shards: SmallVec<[u16; 2]>,
    /// When it ends on the instance's clock.
    pub(super) until: Moment,
    /// When it was charged, in true time.
    pub(super) at: u64,
    /// In which stretch of its node's time.
    pub(super) stretch: usize,
    pub(super) life: u64,
}

const MILLION: i64 = 1_000_000;
/// How many denials an instance remembers.
const DENIALS: usize = 64;

impl Instance {
    /// A fresh start.
    pub(super) fn new((index, life): (usize, usize), drift: i64, (now, clients): (u64, usize)) -> Self {
        let secret = Secret::known([index as u64 + 1, life as u64]);
        Self {
            ledger: Ledger::new(DENIALS),
            hints: Hints::new(secret),
            life,
            up: true,
            paused_until: 0,
            paused: 0,
            link: 0,
            ticks_at: None,
            waiting: vec![VecDeque::new(); clients],
            leases: Vec::new(),
            denied: vec![0; clients],
            clock: Clock { started: now, shows: 1_000 * (index as u64 + 1), drift },
        }
    }

    /// What its clock shows.
    pub(super) fn moment(&self, now: u64) -> Moment {
        let passed = now.saturating_sub(self.clock.started).saturating_sub(self.paused);
        let passed = scaled(passed, MILLION + self.clock.drift, MILLION);
        Moment(self.clock.shows + passed)
    }

    /// When its clock will show that, in true time, or shortly after.
    pub(super) fn when(&self, moment: Moment) -> u64 {
        let passed = moment.0.saturating_sub(self.clock.shows);
        self.clock.started + self.paused + scaled(passed, MILLION, MILLION + self.clock.drift) + 1
    }

    /// Pays an answer as the ledger does: out of the oldest lease that can, of those that end when it says. (Several
    /// end in the same moment, with their window.)
    pub(super) fn pay(&mut self, client: usize, answer: &Answer, now: u64) -> Option<Lease> {
        let now = self.moment(now);
        let could = self.called(client, answer).filter(|(_, lease)| lease.left >= answer.granted);
        let could: SmallVec<[(usize, bool); 2]> =
            could.map(|(index, lease)| (index, lease.until > now)).collect();
        let (index, _) = could.iter().find(|(_, valid)| *valid).or(could.first())?;
        self.leases[*index].left -= answer.granted;
        Some(self.leases[*index].clone())
    }

    /// Pays out of the oldest lease that can, for who does not ask which.
    pub(super) fn pay_any(&mut self, client: usize, cost: u64, now: u64) -> Option<Lease> {
        let now = self.moment(now);
        let can = |lease: &&mut Lease| lease.client == client && lease.until > now && lease.left >= cost;
        let lease = self.leases.iter_mut().find(can)?;
        lease.left -= cost;
        Some(lease.clone())
    }

    /// An answer has been put back: into a lease of the same counters and end.
    pub(super) fn put_back(&mut self, client: usize, answer: &Answer) {
        let cost = answer.granted;
        let room = self.called(client, answer).find(|(_, lease)| lease.left + cost <= lease.tokens);
        if let Some(index) = room.map(|(index, _)| index) {
            self.leases[index].left += cost;
        }
    }

    /// The leases that an answer can speak of.
    fn called(&self, client: usize, answer: &Answer) -> impl Iterator<Item = (usize, &Lease)> {
        let told = answer.found.iter().filter_map(|found| found.picks.first()).map(|&(shard, _)| shard);
        let (told, last): (SmallVec<[u16; 2]>, u64) = (told.collect(), answer.at.0);
        self.leases.iter().enumerate().filter(move |(_, lease)| {
            lease.client == client && lease.last == last && (told.is_empty() || lease.shards == told)
        })
    }

    /// What the ledger no longer holds; since when it was charged, or nothing if it is not what is known.
    pub(super) fn returned(&mut self, client: usize, unspent: &Unspent) -> Option<u64> {
        let index = self.leases.iter().position(|lease| {
            lease.client == client
                && lease.last == unspent.last.0
                && lease.left == unspent.tokens
                && lease.shards == unspent.shards
        })?;
        Some(self.leases.remove(index).at)
    }

    /// The ledger holds nothing for that client any more.
    pub(super) fn emptied(&mut self, client: usize) {
        self.leases.retain(|lease| lease.client != client || lease.left > 0);
    }

    /// The ledger holds nothing any more that has ended.
    pub(super) fn ticked(&mut self, now: u64) {
        let now = self.moment(now);
        self.leases.retain(|lease| lease.left > 0 || lease.until > now);
    }
}

fn scaled(span: u64, by: i64, of: i64) -> u64 {
    let scaled = i128::from(span) * i128::from(by) / i128::from(of);
    u64::try_from(scaled).unwrap_or(0)
}
