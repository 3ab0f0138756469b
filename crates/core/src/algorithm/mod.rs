//! The five algorithms as pure functions over `(state, cost, now)`.
//!
//! Each file holds one algorithm: its checked configuration, its state, and the same functions:
//!
//! | function | answers |
//! |---|---|
//! | `carry` | the state carried over to this moment and to a changed limit, before anything is asked of it |
//! | `fit` | would this cost be admitted now; if not, when, to the microsecond |
//! | `charge` | the state after admitting a cost that fits |
//! | `refund` | the state after giving back a cost charged earlier |
//! | `lendable` | how many tokens may be lent out, to be spent a little later, and how much later |
//! | `lend` | the state after lending them |
//! | `status` | what is left, and when the limit is untouched again |
//! | `expires` | when the state says nothing any more and can be dropped |
//!
//! `fit` and `status` take the state by shared reference: a denial cannot change anything.
//!
//! **Clock steps.** A store clock can step back (a failover to a machine whose clock is behind). `carry`
//! clamps what is stored to what could have been stored by `now`, so a step back locks a key for one
//! window or one full refill at the most. The clamped state must be written even where the answer is a
//! denial or a peek: it charges nobody, and a denial that left the state as it was would repeat itself
//! until the clock has caught up. What is not promised: a stretch of store time that the clock visits
//! twice can admit twice, and a step forward can admit one extra burst, once.
//!
//! **Leases.** An instance borrows tokens and spends them within the lease's life without asking again. Each
//! algorithm charges them so that its promise holds **whenever** they are spent within that life, and its state
//! stays as small as it is:
//!
//! - *Windows* lend for no longer than the window lasts. What is spent belongs to the window it was charged in.
//! - *The log* stamps borrowed tokens with the last moment of their life, so each leaves the window at the
//!   earliest a window after it can have been spent.
//! - *Buckets* charge them on top of what is in use, taken to be at least [`Bucket::hold`], and lend for no
//!   longer than what is in use takes to drain. So when a token is spent at `t`, the bucket is full again no
//!   earlier than `t` plus the time that all tokens charged since refill in: exactly what GCRA asks for. What
//!   comes back leaves in use what [other leases](Lent) stand on.
//!
//! A lease takes at most an eighth of what there is, so that many instances can borrow from one counter, and
//! the last tokens are found by whoever asks.

mod bucket;
mod fixed_window;
mod lent;
mod sliding_log;
mod sliding_window;

pub use bucket::{Bucket, BucketState, Rate};
pub use fixed_window::{FixedWindow, FixedWindowState};
pub use lent::Lent;
pub use sliding_log::{LogState, SlidingLog};
pub use sliding_window::{SlidingWindow, SlidingWindowState};

use crate::admission::Admission;
use crate::decision::{Leased, Retry};
use crate::time::{Micros, Timestamp};

/// What is left of a limit, before or after a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whole tokens that would be admitted now.
    pub remaining: u64,
    /// How long until the limit is untouched again, if nobody asks.
    pub reset_after: Micros,
}

/// A cost charged earlier, for a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What was charged.
    pub cost: u64,
    /// When, on the store's clock; of what was lent, the last moment at which it could have been spent.
    pub at: Timestamp,
}

/// No lease is longer: what a crashed instance had borrowed is lost for no longer than this.
pub const LONGEST_LEASE: Micros = Micros::from_millis(250);
/// A lease that is shorter is not worth the trouble.
const SHORTEST_LEASE: u64 = 1_000;
/// A lease takes at most this part of what there is.
const LENT_PART: u64 = 8;

/// A checked limit: an algorithm with its configuration, ready to decide.
///
/// Made by [`Quota::rule`](crate::Quota::rule), which refuses what the arithmetic could not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// At most `limit` in each aligned window.
    FixedWindow(FixedWindow),
    /// At most `limit` in every interval of the window's length.
    SlidingLog(SlidingLog),
    /// The two-bucket estimate of a sliding window.
    SlidingWindow(SlidingWindow),
    /// Token bucket, leaky bucket as meter, leaky bucket as queue.
    Bucket(Bucket),
}

/// What one counter remembers. `Empty` is the state of a client never seen, for every algorithm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing charged.
    #[default]
    Empty,
    /// State of [`FixedWindow`].
    FixedWindow(FixedWindowState),
    /// State of [`SlidingLog`]; boxed, since it is the only one of variable size.
    SlidingLog(Box<LogState>),
    /// State of [`SlidingWindow`].
    SlidingWindow(SlidingWindowState),
    /// State of [`Bucket`].
    Bucket(BucketState),
}

/// Calls `$body` with the algorithm and its state. A state of another algorithm counts as empty; it
/// cannot occur through a key, since the algorithm's name is part of every key.
macro_rules! dispatch {
    ($rule:expr, $state:expr, |$algorithm:ident, $inner:ident| $body:expr) => {
        match ($rule, $state) {
            (Rule::FixedWindow($algorithm), State::FixedWindow($inner)) => $body,
            (Rule::SlidingLog($algorithm), State::SlidingLog($inner)) => $body,
            (Rule::SlidingWindow($algorithm), State::SlidingWindow($inner)) => $body,
            (Rule::Bucket($algorithm), State::Bucket($inner)) => $body,
            (Rule::FixedWindow($algorithm), _) => {
                let $inner = &FixedWindowState::default();
                $body
            }
            (Rule::SlidingLog($algorithm), _) => {
                let $inner = &LogState::default();
                $body
            }
            (Rule::SlidingWindow($algorithm), _) => {
                let $inner = &SlidingWindowState::default();
                $body
            }
            (Rule::Bucket($algorithm), _) => {
                let $inner = &BucketState::default();
                $body
            }
        }
    };
}

/// The same for a state that changes; `$empty` decides what happens where there is none yet.
macro_rules! dispatch_mut {
    ($rule:expr, $state:expr, |$algorithm:ident, $inner:ident| $body:expr) => {
        match $rule {
            Rule::FixedWindow($algorithm) => {
                if !matches!($state, State::FixedWindow(_)) {
                    *$state = State::FixedWindow(FixedWindowState::default());
                }
                if let State::FixedWindow($inner) = $state {
                    $body
                }
            }
            Rule::SlidingLog($algorithm) => {
                if !matches!($state, State::SlidingLog(_)) {
                    *$state = State::SlidingLog(Box::default());
                }
                if let State::SlidingLog($inner) = $state {
                    $body
                }
            }
            Rule::SlidingWindow($algorithm) => {
                if !matches!($state, State::SlidingWindow(_)) {
                    *$state = State::SlidingWindow(SlidingWindowState::default());
                }
                if let State::SlidingWindow($inner) = $state {
                    $body
                }
            }
            Rule::Bucket($algorithm) => {
                if !matches!($state, State::Bucket(_)) {
                    *$state = State::Bucket(BucketState::default());
                }
                if let State::Bucket($inner) = $state {
                    $body
                }
            }
        }
    };
}

impl Rule {
    /// The most that can ever be admitted at once: a larger cost is [`Retry::Never`].
    #[must_use]
    pub fn capacity(&self) -> u64 {
        match self {
            Self::FixedWindow(rule) => rule.limit(),
            Self::SlidingLog(rule) => rule.limit(),
            Self::SlidingWindow(rule) => rule.limit(),
            Self::Bucket(rule) => rule.capacity(),
        }
    }

    /// Carries the state over to this rule and this moment: after a step back of the clock, or a changed
    /// limit. Otherwise it changes nothing. Comes before everything that is asked of a state.
    pub fn carry(&self, state: &mut State, now: Timestamp) {
        match (self, state) {
            (Self::FixedWindow(rule), State::FixedWindow(inner)) => rule.carry(inner, now),
            (Self::SlidingLog(rule), State::SlidingLog(inner)) => rule.carry(inner, now),
            (Self::SlidingWindow(rule), State::SlidingWindow(inner)) => rule.carry(inner, now),
            (Self::Bucket(rule), State::Bucket(inner)) => rule.carry(inner, now),
            _ => {}
        }
    }

    /// Whether `cost` is admitted at `now`, and if not, when. Zero always fits.
    #[must_use]
    pub fn fit(&self, state: &State, cost: u64, now: Timestamp) -> Retry {
        if cost > self.capacity() {
            return Retry::Never;
        }
        if cost == 0 {
            return Retry::Now; // even where a lowered limit is overdrawn
        }
        dispatch!(self, state, |rule, inner| rule.fit(inner, cost, now))
    }

    /// Charges `cost`, which must fit (see [`Rule::fit`]).
    pub fn charge(&self, state: &mut State, cost: u64, now: Timestamp) {
        debug_assert!(self.fit(state, cost, now).is_now(), "charged {cost}, which does not fit");
        if cost > 0 {
            dispatch_mut!(self, state, |rule, inner| rule.charge(inner, cost, now));
        }
    }

    /// Decides this limit alone as [`decide`](crate::decide) does in [`Mode::Take`](crate::Mode::Take), and says
    /// of it as much as a caller reads who asks for permission and nothing else.
    #[inline]
    pub fn admit(&self, state: &mut State, cost: u64, now: Timestamp) -> Admission {
        if cost == 0 || cost > self.capacity() {
            self.carry(state, now);
            return Admission { allowed: cost == 0, exhausted: !self.fit(state, 1, now).is_now() };
        }
        match (self, &mut *state) {
            (Self::FixedWindow(rule), State::FixedWindow(inner)) => return rule.admit(inner, cost, now),
            (Self::Bucket(rule), State::Bucket(inner)) => return rule.admit(inner, cost, now),
            _ => self.carry(state, now),
        }
        let allowed = self.fit(state, cost, now).is_now();
        if allowed {
            self.charge(state, cost, now);
        }
        Admission { allowed, exhausted: !self.fit(state, 1, now).is_now() }
    }

    /// Gives a charge back, or what was not spent of a lease. Nothing comes back that has already left the
    /// window, and nothing is lifted above the capacity.
    pub fn refund(&self, state: &mut State, charge: Charge, now: Timestamp) {
        if charge.cost > 0 && *state != State::Empty {
            dispatch_mut!(self, state, |rule, inner| rule.refund(inner, charge, now));
        }
    }

    /// What may be lent out at `now`: an eighth of what there is, and nothing where a lease would be too short
    /// to be of use. A queue lends nothing, since spacing is its point.
    #[must_use]
    pub fn lendable(&self, state: &State, now: Timestamp) -> Leased {
        let Leased { tokens, life } = dispatch!(self, state, |rule, inner| rule.lendable(inner, now));
        if life.0 < SHORTEST_LEASE { Leased::default() } else { Leased { tokens: tokens / LENT_PART, life } }
    }

    /// Charges what is lent, at most what is [lendable](Rule::lendable), to be spent within its life.
    pub fn lend(&self, state: &mut State, leased: Leased, now: Timestamp) {
        dispatch_mut!(self, state, |rule, inner| rule.lend(inner, leased, now));
    }

    /// The longest life of a lease under this rule.
    #[must_use]
    pub fn longest_lease(&self) -> Micros {
        match self {
            Self::FixedWindow(rule) => rule.longest_lease(),
            Self::SlidingLog(rule) => rule.hold(),
            Self::SlidingWindow(rule) => rule.longest_lease(),
            Self::Bucket(rule) => rule.longest_lease(),
        }
    }

    /// What is left at `now`.
    #[must_use]
    pub fn status(&self, state: &State, now: Timestamp) -> Status {
        dispatch!(self, state, |rule, inner| rule.status(inner, now))
    }

    /// How long a request admitted at `now` waits for its turn: zero except for a leaky bucket as queue.
    #[must_use]
    pub fn delay(&self, state: &State, now: Timestamp) -> Micros {
        match (self, state) {
            (Self::Bucket(rule), State::Bucket(inner)) => rule.delay(inner, now),
            _ => Micros::ZERO,
        }
    }

    /// The first moment at which the state says nothing any more.
    #[must_use]
    pub fn expires(&self, state: &State) -> Timestamp {
        dispatch!(self, state, |rule, inner| rule.expires(inner))
    }
}
