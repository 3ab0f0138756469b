//! What a trace does: where its time goes, what it asks.

use std::collections::HashMap;
use std::time::Duration;

use drl_core::algorithm::{Bucket, Rate};
use drl_core::check::{Ask, Check, Mode, Slot};
use drl_core::{Algorithm, Keyspace, Micros, Quota, Retry, Rule, State, Timestamp, Verdict, decide};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::Effect;

/// Long enough to go through many windows, short enough for a second.
const STEPS: usize = 250;
const COUNTERS: usize = 4;
/// Where traces end (in 2041): the script takes moments after 2112 for the end of time.
const DOOMSDAY: u64 = 1 << 51;
const WINDOWS: [u64; 8] =
    [1_000, 7_001, 250_000, 1_000_000, 60_000_000, 3_600_000_000, 86_399_999_999, 30 * 86_400_000_000];
const LIMITS: [u64; 14] =
    [1, 2, 3, 7, 10, 100, 999, 1_024, 1_025, 5_000, 999_983, 10_000_000, 67_108_859, 1 << 32];

/// One key and the limits it is held to: the first mostly, the others when the limit is changed.
#[derive(Clone)]
pub(super) struct Counter {
    space: Keyspace,
    rules: Vec<Rule>,
    window: u64,
    pub(super) rule: Rule,
    pub(super) name: String,
}

/// A random walk, reproducible from its seed.
pub(super) struct Trace {
    pub(super) seed: u64,
    pub(super) counters: Vec<Counter>,
    random: StdRng,
    states: HashMap<String, State>,
    now: u64,
    left: usize,
    filling: bool,
    /// What a step may come back to: the retry of the last denial, and the charges so far.
    retry: Option<u64>,
    charges: Vec<Timestamp>,
    /// The last moments of what was lent so far.
    leases: Vec<Timestamp>,
    most_entries: usize,
}

impl Counter {
    fn random(random: &mut StdRng, prefix: &str, algorithm: Algorithm) -> Self {
        loop {
            let window = *WINDOWS.choose(random).unwrap();
            let rules: Vec<Rule> = (0..3).filter_map(|_| rule(random, algorithm, window)).collect();
            if let Some(&rule) = rules.first() {
                return Self::new(Keyspace::new(prefix, "limit", "any"), rules, window, rule);
            }
        }
    }

    /// Another counter held to the same limits.
    fn twin(&self, prefix: &str) -> Self {
        Self::new(Keyspace::new(prefix, "limit", "any"), self.rules.clone(), self.window, self.rule)
    }

    fn new(space: Keyspace, rules: Vec<Rule>, window: u64, rule: Rule) -> Self {
        let mut name = String::new();
        space.key(&[b"client"], 0).render(&mut name);
        Self { space, rules, window, rule, name }
    }

    /// How much longer than it has to the key may live: a sixteenth of a refill, of the capacity of one limit at
    /// the rate of another where the state keeps that.
    pub(super) fn slack(&self) -> Duration {
        let bucket = |rule: &Rule| if let Rule::Bucket(bucket) = rule { Some(*bucket) } else { None };
        let buckets = || self.rules.iter().filter_map(bucket);
        let capacity = buckets().map(|bucket| bucket.capacity()).max().unwrap_or(0);
        let slack = |bucket: Bucket| {
            let Rate { per, every } = bucket.rate();
            capacity.saturating_mul(every).min(1 << 52) / per / 16
        };
        Duration::from_micros(buckets().map(slack).max().unwrap_or(0))
    }
}

fn rule(random: &mut StdRng, algorithm: Algorithm, window: u64) -> Option<Rule> {
    let any = |random: &mut StdRng| match *LIMITS.choose(random).unwrap() {
        limit if random.random_bool(0.5) => limit,
        limit => random.random_range(1..=limit),
    };
    let mut quota = Quota::new(any(random), Micros(window)).algorithm(algorithm);
    let bucket =
        matches!(algorithm, Algorithm::TokenBucket | Algorithm::LeakyBucket | Algorithm::LeakyBucketQueue);
    if bucket && random.random_bool(0.5) {
        quota = quota.burst(any(random));
    }
    match quota.rule().ok()? {
        Rule::FixedWindow(rule) if random.random_bool(0.3) => {
            Some(Rule::FixedWindow(rule.with_phase(u64::MAX / 3)))
        }
        rule => Some(rule),
    }
}

impl Trace {
    pub(super) fn new(seed: u64, attempt: u32, algorithms: &[Algorithm]) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let prefix = |index: usize| format!("{}-{seed}-{attempt}-{index}", algorithms.len());
        let mut counters: Vec<Counter> = (1..COUNTERS)
            .map(|index| {
                let algorithm = *algorithms.choose(&mut random).unwrap();
                Counter::random(&mut random, &prefix(index), algorithm)
            })
            .collect();
        counters.push(counters[0].twin(&prefix(0)));
        Self::with(seed, random, counters, STEPS)
    }

    /// One log with limits around the number from which it coarsens, filled in small steps.
    pub(super) fn filling_a_log(seed: u64, attempt: u32) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let window = 1_000_000;
        let rule = |limit| {
            let quota = Quota::new(limit, Micros(window)).algorithm(Algorithm::SlidingWindowLog);
            quota.rule().unwrap()
        };
        let rules = if seed.is_multiple_of(2) {
            vec![rule(1_024), rule(900)]
        } else {
            vec![rule(5_000), rule(1_000)]
        };
        let first = rules[0];
        let space = Keyspace::new(&format!("full-{seed}-{attempt}"), "limit", "sl1s");
        let counter = Counter::new(space, rules, window, first);
        Self { filling: true, ..Self::with(seed, random, vec![counter], 3_000) }
    }

    fn with(seed: u64, random: StdRng, counters: Vec<Counter>, left: usize) -> Self {
        Self {
            seed,
            counters,
            random,
            left,
            now: 1_764_000_000_000_000,
            states: HashMap::new(),
            filling: false,
            retry: None,
            charges: Vec::new(),
            leases: Vec::new(),
            most_entries: 0,
        }
    }

    /// The most entries a log has had.
    pub(super) fn most_entries(&self) -> usize {
        self.most_entries
    }

    /// The next batch and its moment.
    pub(super) fn next<'a>(&mut self, counters: &'a [Counter]) -> Option<(Timestamp, Vec<Check<'a>>)> {
        self.left = self.left.checked_sub(1)?;
        self.walk(counters);
        let size = if self.random.random_bool(0.8) { 1 } else { self.random.random_range(2..=4) };
        let checks = if self.filling || self.random.random_bool(0.5) {
            (0..size).map(|_| self.check(counters)).collect()
        } else {
            self.quick(counters, size)
        };
        Some((Timestamp(self.now), checks))
    }

    /// Mostly forwards, at the pace of the limit; sometimes nowhere, far, back, or to where the last denial
    /// said that it would fit, give or take a microsecond.
    fn walk(&mut self, counters: &[Counter]) {
        let random = &mut self.random;
        let counter = counters.choose(random).unwrap();
        let (window, limit) = (counter.window, counter.rule.capacity());
        let pace = (window / limit).max(1);
        self.now = match random.random_range(0..100) {
            _ if self.filling && random.random_bool(0.99) => self.now + random.random_range(1..1_400),
            0..25 => self.now,
            25..45 => self.now + random.random_range(0..=2 * pace),
            45..60 => self.now + random.random_range(0..=window / 3),
            60..65 if self.now < DOOMSDAY => self.now + random.random_range(0..=3 * window),
            60..65 => self.now,
            65..67 => self.now + random.random_range(0..1_000_000),
            67..70 => self.now + 1,
            70..75 => self.now - random.random_range(0..=(3 * window).min(1 << 42)),
            75..78 => self.now - random.random_range(0..=2 * pace),
            78..85 => self.retry.unwrap_or(self.now + 1) - 1,
            85..95 => self.retry.unwrap_or(self.now),
            _ => self.now - self.now % window + random.random_range(0..2),
        };
    }

    fn check<'a>(&mut self, counters: &'a [Counter]) -> Check<'a> {
        let asks = self.random.random_range(1..=counters.len().min(3));
        let random = &mut self.random;
        let mode = match random.random_range(0..100) {
            _ if self.filling && random.random_bool(0.95) => Mode::Take,
            0..42 => Mode::Take,
            42..54 => Mode::TakeUpTo,
            54..70 if self.filling => Mode::Lease(1),
            54..70 => Mode::Lease(most(random)),
            70..80 => Mode::Peek,
            80..82 if !self.filling => Mode::Reset,
            80..90 => Mode::Refund(moment(random, &self.charges, self.now)),
            _ => Mode::Return(moment(random, &self.leases, self.now)),
        };
        self.ask(counters, mode, asks)
    }

    /// What a quick script can decide, mostly: checks of one counter each, some alike but for the counter.
    fn quick<'a>(&mut self, counters: &'a [Counter], size: usize) -> Vec<Check<'a>> {
        let mut checks: Vec<Check<'a>> = Vec::new();
        for _ in 0..size {
            let alike = checks.last().filter(|_| self.random.random_bool(0.7)).cloned();
            checks.push(match alike {
                Some(mut check) => {
                    let rule = check.asks[0].rule;
                    let same = counters.iter().filter(|counter| counter.rules.contains(&rule));
                    let counter = same.collect::<Vec<_>>().choose(&mut self.random).copied().unwrap();
                    check.asks[0].key = counter.space.key(&[b"client"], 0);
                    check
                }
                None => {
                    let mode = *[Mode::Take, Mode::TakeUpTo, Mode::Peek].choose(&mut self.random).unwrap();
                    self.ask(counters, mode, 1)
                }
            });
        }
        checks
    }

    /// Asks so many counters.
    fn ask<'a>(&mut self, counters: &'a [Counter], mode: Mode, asks: usize) -> Check<'a> {
        let random = &mut self.random;
        let chosen: Vec<&Counter> = counters.choose_multiple(random, asks).collect();
        let asks = chosen
            .into_iter()
            .map(|counter| {
                let changed = if self.filling { 0.002 } else { 0.1 };
                let rule = match counter.rules.choose(random) {
                    Some(&other) if random.random_bool(changed) => other,
                    _ => counter.rule,
                };
                let cost = if self.filling { 1 } else { cost(random, &rule) };
                Ask { key: counter.space.key(&[b"client"], 0), rule, cost }
            })
            .collect();
        Check { asks, mode }
    }

    /// What the specification says, and what that does to the counters.
    pub(super) fn decide<'c>(
        &mut self,
        counters: &'c [Counter],
        checks: &[Check<'_>],
        now: Timestamp,
    ) -> (Vec<Verdict>, Vec<Effect<'c>>) {
        let mut effects: HashMap<String, Effect<'c>> = HashMap::new();
        let mut verdicts = Vec::new();
        for check in checks {
            let mut states: Vec<(String, State)> = check
                .asks
                .iter()
                .map(|ask| {
                    let mut name = String::new();
                    ask.key.render(&mut name);
                    let state = self.states.get(&name).cloned().unwrap_or_default();
                    (name, state)
                })
                .collect();
            let before: Vec<State> = states.iter().map(|(_, state)| state.clone()).collect();
            let mut slots: Vec<Slot<'_>> = states
                .iter_mut()
                .zip(&check.asks)
                .map(|((_, state), ask)| Slot { rule: &ask.rule, cost: ask.cost, state })
                .collect();
            let verdict = decide(&mut slots, check.mode, now);
            self.remember(check, &verdict);
            for ((name, after), before) in states.into_iter().zip(before) {
                if let State::SlidingLog(log) = &after {
                    self.most_entries = self.most_entries.max(log.entries());
                }
                let counter = counters.iter().find(|counter| counter.name == name).unwrap();
                let effect = Effect { counter, before, after: after.clone() };
                effects.entry(name.clone()).and_modify(|e| e.after = after.clone()).or_insert(effect);
                self.states.insert(name, after);
            }
            verdicts.push(verdict);
        }
        (verdicts, effects.into_values().collect())
    }

    fn remember(&mut self, check: &Check<'_>, verdict: &Verdict) {
        self.retry = match verdict.retry() {
            Retry::After(wait) => Some(verdict.at.0 + wait.0).filter(|&retry| retry < DOOMSDAY),
            Retry::Now | Retry::Never => self.retry.filter(|&retry| retry > self.now),
        };
        if verdict.granted > 0 && check.mode != Mode::Peek {
            self.charges.push(verdict.at);
        }
        if verdict.leased.tokens > 0 {
            self.leases.push(verdict.leased.last(verdict.at));
        }
    }
}

/// One of these moments, or another.
fn moment(random: &mut StdRng, known: &[Timestamp], now: u64) -> Timestamp {
    match known.choose(random) {
        Some(&at) if random.random_bool(0.9) => at,
        _ => *[Timestamp(now + 5), Timestamp(0), Timestamp(u64::MAX)].choose(random).unwrap(),
    }
}

/// How much to borrow.
fn most(random: &mut StdRng) -> u64 {
    match random.random_range(0..10) {
        0 => 0,
        1 => u64::MAX,
        bits => random.random_range(1..=1 << (3 * bits)),
    }
}

fn cost(random: &mut StdRng, rule: &Rule) -> u64 {
    let capacity = rule.capacity();
    match random.random_range(0..100) {
        0..5 => 0,
        5..40 => 1,
        40..60 => random.random_range(1..=capacity.min(5)),
        60..75 => random.random_range(1..=capacity.div_ceil(3)),
        75..90 => random.random_range(1..=capacity),
        90..95 => capacity,
        95..98 => capacity + 1,
        _ => u64::MAX,
    }
}
