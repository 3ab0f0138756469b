//! What the property tests share: quotas and arrivals as hostile as they come, and a counter to try them on.

use drl_core::algorithm::FixedWindow;
use drl_core::check::Slot;
use drl_core::{Algorithm, Micros, Mode, Quota, Retry, Rule, State, Timestamp, Verdict, decide};
use drl_testkit::bound::{Admission, Promise};
use proptest::prelude::*;

/// A limit under test: what was asked for, and what came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) algorithm: Algorithm,
    pub(crate) limit: u64,
    pub(crate) window: Micros,
    /// The burst of a bucket, what may wait in a queue.
    pub(crate) burst: u64,
    pub(crate) phase: u64,
}

impl Limit {
    pub(crate) fn quota(&self) -> Quota {
        let quota = Quota::new(self.limit, self.window).algorithm(self.algorithm);
        if self.is_bucket() { quota.burst(self.burst) } else { quota }
    }

    pub(crate) fn rule(&self) -> Rule {
        match self.quota().rule().expect("a valid quota") {
            Rule::FixedWindow(rule) => Rule::FixedWindow(FixedWindow::with_phase(rule, self.phase)),
            rule => rule,
        }
    }

    pub(crate) fn is_bucket(&self) -> bool {
        use Algorithm::{LeakyBucket, LeakyBucketQueue, TokenBucket};
        matches!(self.algorithm, TokenBucket | LeakyBucket | LeakyBucketQueue)
    }

    pub(crate) fn is_queue(&self) -> bool {
        self.algorithm == Algorithm::LeakyBucketQueue
    }

    /// What the documentation promises, from the words of the quota alone.
    pub(crate) fn promises(&self) -> Vec<Promise> {
        let Self { limit, window, burst, .. } = *self;
        let phase = Micros(self.phase % window.0);
        match self.algorithm {
            Algorithm::FixedWindow => vec![Promise::FixedWindow { limit, window, phase }],
            Algorithm::SlidingWindowLog => vec![Promise::EveryInterval { limit, window }],
            Algorithm::SlidingWindow => vec![
                Promise::FixedWindow { limit, window, phase: Micros::ZERO },
                Promise::EveryInterval { limit: 2 * limit - 1, window },
            ],
            Algorithm::TokenBucket | Algorithm::LeakyBucket => {
                vec![Promise::Bucket { burst, tokens: limit, per: window }]
            }
            Algorithm::LeakyBucketQueue => vec![
                Promise::Bucket { burst: burst + 1, tokens: limit, per: window },
                Promise::Spaced { waiting: burst, tokens: limit, per: window },
            ],
        }
    }

    /// What holds where the two come in turn: as much as either allows.
    pub(crate) fn laxer(&self, other: &Self) -> Self {
        Self { limit: self.limit.max(other.limit), burst: self.burst.max(other.burst), ..*self }
    }

    /// The longest that any cost may have to wait: the window (a log's stamps may lie a lease's life ahead), or a
    /// full refill.
    pub(crate) fn longest_wait(&self) -> Micros {
        match self.rule() {
            Rule::FixedWindow(_) => self.window,
            Rule::SlidingLog(rule) => Micros(self.window.0 + rule.slice().0 + self.rule().longest_lease().0),
            Rule::SlidingWindow(_) => Micros(2 * self.window.0),
            Rule::Bucket(rule) => Micros((rule.capacity() * rule.rate().every).div_ceil(rule.rate().per)),
        }
    }
}

/// When the next request comes, as seen from the state of things.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gap {
    /// In the same microsecond.
    None,
    /// Some 65,536ths of the window later.
    Part(u16),
    /// So many microseconds later.
    Micros(u16),
    /// At the next edge of an aligned window, or a microsecond before or after it.
    Edge(i8),
    /// A window after the last request, or a microsecond before or after it.
    Window(i8),
    /// When the last verdict said that it would fit, or a microsecond before or after it.
    Retry(i8),
    /// After so many windows of silence.
    Idle(u8),
}

/// What the next request costs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cost {
    Exactly(u64),
    /// So many 65,536ths of the capacity.
    Part(u16),
    /// The capacity and so many more.
    Capacity(u64),
}

impl Cost {
    pub(crate) fn of(self, rule: &Rule) -> u64 {
        let capacity = rule.capacity();
        match self {
            Self::Exactly(cost) => cost,
            Self::Part(part) => (capacity * u64::from(part)) >> 16,
            Self::Capacity(more) => capacity.saturating_add(more),
        }
    }
}

/// What a request wants.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wish {
    Take,
    TakeUpTo,
    Peek,
    /// To give back the admission of that index (modulo their number).
    Refund(u8),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) gap: Gap,
    pub(crate) cost: Cost,
    pub(crate) wish: Wish,
}

pub(crate) fn limits() -> impl Strategy<Value = Limit> {
    let limit = prop_oneof![3 => 1_u64..8, 2 => 8_u64..120, 1 => 1_000_u64..3_000];
    let window = prop_oneof![
        Just(Micros::from_millis(1)),
        Just(Micros::SECOND),
        Just(Micros::from_secs(60)),
        (1_000_u64..3_000).prop_map(Micros),
        (1_000_u64..10_000_000).prop_map(Micros),
    ];
    let burst = prop_oneof![1 => Just(None), 1 => (1_u64..30).prop_map(Some)];
    let phase = prop_oneof![Just(0), any::<u64>()];
    (0..Algorithm::ALL.len(), limit, window, burst, phase).prop_map(
        |(algorithm, limit, window, burst, phase)| {
            let algorithm = Algorithm::ALL[algorithm];
            let phase = if algorithm == Algorithm::FixedWindow { phase } else { 0 };
            Limit { algorithm, limit, window, burst: burst.unwrap_or(limit), phase }
        },
    )
}

/// The present, to the microsecond, or shortly after the beginning of time.
pub(crate) fn beginnings() -> impl Strategy<Value = Timestamp> {
    prop_oneof![0_u64..10_000_000, 1_700_000_000_000_000_u64..1_800_000_000_000_000].prop_map(Timestamp)
}

pub(crate) fn gaps() -> impl Strategy<Value = Gap> {
    prop_oneof![
        4 => Just(Gap::None),
        3 => any::<u16>().prop_map(Gap::Part),
        2 => (0_u16..500).prop_map(Gap::Part),
        1 => (1_u16..5).prop_map(Gap::Micros),
        2 => (-1_i8..=1).prop_map(Gap::Edge),
        1 => (-1_i8..=1).prop_map(Gap::Window),
        3 => (-1_i8..=1).prop_map(Gap::Retry),
        1 => (1_u8..4).prop_map(Gap::Idle),
    ]
}

pub(crate) fn costs() -> impl Strategy<Value = Cost> {
    prop_oneof![
        6 => (0_u64..4).prop_map(Cost::Exactly),
        3 => any::<u16>().prop_map(Cost::Part),
        2 => (0_u64..3).prop_map(Cost::Capacity),
    ]
}

pub(crate) fn requests(wishes: impl Strategy<Value = Wish>) -> impl Strategy<Value = Vec<Request>> {
    let request = (gaps(), costs(), wishes).prop_map(|(gap, cost, wish)| Request { gap, cost, wish });
    proptest::collection::vec(request, 1..80)
}

pub(crate) fn takes() -> impl Strategy<Value = Wish> {
    Just(Wish::Take)
}

pub(crate) fn wishes() -> impl Strategy<Value = Wish> {
    prop_oneof![
        6 => Just(Wish::Take),
        2 => Just(Wish::TakeUpTo),
        1 => Just(Wish::Peek),
        2 => any::<u8>().prop_map(Wish::Refund),
    ]
}

/// Decides one limit.
pub(crate) fn decide_one(
    rule: &Rule,
    state: &mut State,
    cost: u64,
    (mode, now): (Mode, Timestamp),
) -> Verdict {
    decide(&mut [Slot { rule, cost, state }], mode, now)
}

/// One counter, its clock, and what it has admitted.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    pub(crate) rule: Rule,
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) retry: Retry,
    pub(crate) admitted: Vec<Admission>,
}

impl Counter {
    pub(crate) fn new(rule: Rule, now: Timestamp) -> Self {
        Self { rule, state: State::Empty, now, retry: Retry::Now, admitted: Vec::new() }
    }

    /// The moment of the next request.
    pub(crate) fn after(&self, gap: Gap, window: Micros) -> Timestamp {
        let nudge = |time: u64, by: i8| time.saturating_add_signed(i64::from(by));
        let (now, window) = (self.now.0, window.0);
        let phase = if let Rule::FixedWindow(rule) = self.rule { rule.phase().0 } else { 0 };
        let next = match gap {
            Gap::None => now,
            Gap::Part(part) => now + ((window * u64::from(part)) >> 16),
            Gap::Micros(micros) => now + u64::from(micros),
            Gap::Edge(by) => nudge(now + window - (now + phase) % window, by),
            Gap::Window(by) => nudge(now + window, by),
            Gap::Retry(by) => match self.retry {
                Retry::After(wait) => nudge(now + wait.0, by),
                _ => now,
            },
            Gap::Idle(windows) => now + window * u64::from(windows),
        };
        Timestamp(next.max(now))
    }

    pub(crate) fn decide(&mut self, cost: u64, mode: Mode) -> Verdict {
        let verdict = decide_one(&self.rule, &mut self.state, cost, (mode, self.now));
        self.retry = verdict.retry();
        if verdict.granted > 0 {
            let delay = verdict.outcomes[0].delay;
            self.admitted.push(Admission { at: self.now, cost: verdict.granted, delay });
        }
        verdict
    }

    /// Moves on and does what the request wants. A refund takes an admission off the record.
    pub(crate) fn serve(&mut self, request: Request, window: Micros) -> Verdict {
        self.now = self.after(request.gap, window);
        let cost = request.cost.of(&self.rule);
        match request.wish {
            Wish::Take => self.decide(cost, Mode::Take),
            Wish::TakeUpTo => self.decide(cost, Mode::TakeUpTo),
            Wish::Peek => self.decide(cost, Mode::Peek),
            Wish::Refund(_) if self.admitted.is_empty() => self.decide(0, Mode::Peek),
            Wish::Refund(index) => {
                let charge = self.admitted.remove(usize::from(index) % self.admitted.len());
                self.decide(charge.cost, Mode::Refund(charge.at))
            }
        }
    }

    /// What would come of it at that moment, without doing it.
    pub(crate) fn would(&self, cost: u64, at: Timestamp) -> Verdict {
        decide_one(&self.rule, &mut self.state.clone(), cost, (Mode::Take, at))
    }
}
