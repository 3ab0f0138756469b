//! Scenarios from seeds.

use drl_core::check::Slot;
use drl_core::{Algorithm, Micros, Mode, Quota, State, Timestamp, decide};

use super::node::EPOCH;
use super::random::Random;
use super::scenario::{Arrival, CLIENTS, Fault, Limit, Network, Scenario, Scope, What, Wish};

/// At most so many requests, so that no seed takes long.
const MOST_ARRIVALS: u64 = 1_000;
/// And so many where demand is high enough for leases.
const MOST_WHEN_HOT: u64 = 2_000;

/// How requests are spread over instances and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Over all instances alike.
    Balanced,
    /// All on one instance.
    OnOne,
    /// Many at once, then none for a while.
    Bursty,
}

impl Load {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Balanced, Self::OnOne, Self::Bursty];
}

impl Scenario {
    /// What that seed stands for: anything may go wrong.
    #[must_use]
    pub fn hostile(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let hot = random.chance(350);
        let instances = random.between(1, if hot { 3 } else { 5 });
        let nodes = if random.chance(600) { 1 } else { random.between(2, 4) };
        let apart = random.pick(&[0, 500, 5_000, 30_000]);
        let limits = limits(random, hot);
        let window = limits.iter().map(|limit| limit.quota.window().0).max().unwrap_or(1);
        let mut scenario = Self {
            seed,
            end: (window * random.between(2, if hot { 3 } else { 5 })).clamp(100_000, 6_000_000),
            nodes: (0..nodes).map(|_| random.around_zero(apart)).collect(),
            drifts: (0..instances).map(|_| random.around_zero(10_000)).collect(),
            clients: if hot { 1 } else { random.place(CLIENTS.len() - 1) + 1 },
            network: network(random),
            told: random.chance(500),
            arrivals: Vec::new(),
            faults: Vec::new(),
            limits,
        };
        scenario.arrivals = arrivals(&scenario, hot, random);
        scenario.faults = faults(&scenario, random);
        scenario
    }

    /// Nothing goes wrong, and far more is asked for than there is.
    #[must_use]
    pub fn demanding(seed: u64, algorithm: Algorithm, load: Load) -> Self {
        let mut random = Random::new(seed ^ 0xDE3A_4D00);
        let random = &mut random;
        let per_second = random.pick(&[200, 500, 1_000, 2_000]);
        let window = random.pick(&[500_000, 1_000_000, 2_000_000]);
        let tokens = per_second * window / 1_000_000;
        let quota = Quota::new(tokens, Micros(window)).algorithm(algorithm);
        let shards = random.pick(&[1, 1, 2, 4, 8]);
        let limit = Limit { quota, burst: tokens, algorithm, shards, scope: Scope::Client };
        let (delay, jitter) = (random.between(50, 300), random.between(50, 500));
        let mut scenario = Self {
            seed,
            limits: vec![limit],
            nodes: vec![0],
            drifts: (0..4).map(|_| random.around_zero(100)).collect(),
            clients: 1,
            network: Network {
                delay,
                jitter,
                slow: 0,
                slowness: 0,
                loss: 0,
                connections: 2,
                timeout: 50_000,
            },
            told: random.chance(500),
            arrivals: Vec::new(),
            faults: Vec::new(),
            end: window * 6,
        };
        let wanted = tokens * 6 * random.pick(&[15, 20, 30]) / 10;
        scenario.arrivals = demand(&scenario, (load, wanted), random);
        scenario
    }

    /// What one counter in one place would have admitted of the same requests, had it known them at once.
    #[must_use]
    pub fn possible(&self) -> u64 {
        let Some(Ok(rule)) = self.limits.first().map(|limit| limit.quota.rule()) else { return 0 };
        let mut state = State::Empty;
        let admitted = self.arrivals.iter().map(|arrival| {
            let now = Timestamp(EPOCH + arrival.at);
            decide(&mut [Slot { rule: &rule, cost: arrival.cost, state: &mut state }], Mode::Take, now)
                .granted
        });
        admitted.sum()
    }
}

fn limits(random: &mut Random, hot: bool) -> Vec<Limit> {
    let client = if hot { hot_limit(random) } else { limit(random, Scope::Client) };
    let mut limits = vec![client];
    if random.chance(if hot { 150 } else { 450 }) {
        limits.push(limit(random, Scope::Everybody));
    }
    if random.chance(150) {
        limits.push(limit(random, Scope::Client));
    }
    limits
}

/// A limit that is worth borrowing of.
fn hot_limit(random: &mut Random) -> Limit {
    loop {
        let limit = limit(random, Scope::Client);
        let (tokens, window) = (limit.quota.limit(), limit.quota.window().0);
        if tokens * 1_000_000 / window > 400 && window > 50_000 && !limit.is_queue() {
            return limit;
        }
    }
}

fn limit(random: &mut Random, scope: Scope) -> Limit {
    let window = match random.below(8) {
        0 => random.between(5_000, 50_000),
        1..=3 => random.between(50_000, 500_000),
        4 | 5 => random.pick(&[100_000, 250_000, 1_000_000]),
        _ => random.between(500_000, 1_500_000),
    };
    let tokens = match random.below(10) {
        0..=2 => random.between(1, 8),
        3..=6 => random.between(8, 200),
        _ => random.between(200, 2_500),
    };
    let algorithm = random.pick(&Algorithm::ALL);
    let bucket =
        matches!(algorithm, Algorithm::TokenBucket | Algorithm::LeakyBucket | Algorithm::LeakyBucketQueue);
    let burst = if bucket && random.chance(500) { random.between(1, tokens * 2) } else { tokens };
    let quota = Quota::new(tokens, Micros(window)).algorithm(algorithm);
    let quota = if bucket { quota.burst(burst) } else { quota };
    let quota = quota.spread(algorithm == Algorithm::FixedWindow && random.chance(300));
    let most = if random.chance(150) { 64 } else { 8 };
    let shards = if random.chance(350) { 1 } else { u16::try_from(random.between(1, most)).unwrap_or(1) };
    Limit { quota, burst, algorithm, shards, scope }
}

fn network(random: &mut Random) -> Network {
    let jitter = random.pick(&[10, 200, 200, 2_000, 10_000]);
    let least = if random.chance(800) { jitter * 4 } else { 0 };
    Network {
        delay: random.between(20, 500),
        jitter,
        slow: random.pick(&[0, 5, 30]),
        slowness: random.pick(&[5_000, 30_000, 100_000, 400_000]),
        loss: random.pick(&[0, 0, 0, 3, 30]),
        connections: random.place(3) + 1,
        timeout: random.pick(&[10_000, 50_000, 50_000, 200_000]).max(least),
    }
}

fn arrivals(scenario: &Scenario, hot: bool, random: &mut Random) -> Vec<Arrival> {
    let Some(first) = scenario.limits.first() else { return Vec::new() };
    let windows = scenario.end / first.quota.window().0 + 1;
    let demand = first.quota.limit() * windows * scenario.clients as u64 * random.pick(&[5, 15, 30]) / 10;
    let count = demand.clamp(20, if hot { MOST_WHEN_HOT } else { MOST_ARRIVALS });
    let load = random.pick(&Load::ALL);
    let (leavers, refunds, others) =
        (random.pick(&[0, 0, 50]), random.pick(&[0, 0, 40]), random.pick(&[0, 0, 60]));
    let heavy = random.pick(&[0, 20, 200]);
    let mut times = times(scenario, (load, count), random);
    times.sort_unstable();
    let one = random.place(scenario.drifts.len());
    let arrival = |at| {
        let cost = if random.chance(heavy) { random.between(1, first.quota.limit().min(60) + 1) } else { 1 };
        let wish = match random.chance(others) {
            true if random.chance(500) => Wish::TakeUpTo,
            true => Wish::Peek,
            false => Wish::Take,
        };
        Arrival {
            at,
            instance: if load == Load::OnOne { one } else { random.place(scenario.drifts.len()) },
            client: random.place(scenario.clients),
            cost,
            wish,
            patience: random.chance(leavers).then(|| random.between(50, 5_000)),
            refund: random.chance(refunds).then(|| random.between(0, first.quota.window().0 * 3 / 2)),
        }
    };
    times.into_iter().map(arrival).collect()
}

/// When requests come: any time, many at once, or around the edges of the first limit's windows.
fn times(scenario: &Scenario, (load, count): (Load, u64), random: &mut Random) -> Vec<u64> {
    let mut times = Vec::new();
    let window = scenario.limits.first().map_or(1, |limit| limit.quota.window().0);
    let crowd = random.between(2, 60);
    let edges = random.pick(&[0, 0, 300]);
    while (times.len() as u64) < count {
        let at = random.below(scenario.end);
        let at = if random.chance(edges) {
            (at / window * window).saturating_add_signed(random.around_zero(window / 50 + 1_000))
        } else {
            at
        };
        let size = if load == Load::Bursty { random.between(1, crowd) } else { 1 };
        let within = random.pick(&[0, 200, 5_000]);
        times.extend((0..size).map(|_| at + random.below(within + 1)));
    }
    times
}

fn faults(scenario: &Scenario, random: &mut Random) -> Vec<Fault> {
    let count = random.pick(&[0, 0, 1, 1, 2, 4]);
    let mut faults: Vec<Fault> = (0..count)
        .map(|_| {
            let (instance, node) = (random.place(scenario.drifts.len()), random.place(scenario.nodes.len()));
            let what = match random.below(12) {
                0..=2 => What::Crash { instance, down: random.between(1_000, 400_000) },
                3..=6 => What::Pause { instance, length: random.between(5_000, 600_000) },
                7 | 8 => What::Cut { instance },
                9 | 10 => What::Step { node, by: random_step(random) },
                _ => What::Restart {
                    node,
                    down: random.between(1_000, 200_000),
                    keeps_data: random.chance(500),
                },
            };
            Fault { at: random.below(scenario.end), what }
        })
        .collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn random_step(random: &mut Random) -> i64 {
    let reach = random.pick(&[1_000, 100_000, 2_000_000, 100_000_000_000]);
    random.around_zero(reach)
}

fn demand(scenario: &Scenario, (load, wanted): (Load, u64), random: &mut Random) -> Vec<Arrival> {
    let mut times: Vec<u64> = Vec::new();
    let end = scenario.end;
    while (times.len() as u64) < wanted {
        let at = random.below(end);
        let size = if load == Load::Bursty { random.between(10, 60) } else { 1 };
        times.extend((0..size).map(|_| at + random.below(1_000)));
    }
    times.sort_unstable();
    let arrival = |at| Arrival {
        at,
        instance: if load == Load::OnOne { 0 } else { random.place(scenario.drifts.len()) },
        client: 0,
        cost: 1,
        wish: Wish::Take,
        patience: None,
        refund: None,
    };
    times.into_iter().map(arrival).collect()
}
