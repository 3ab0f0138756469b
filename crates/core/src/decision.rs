//! What a decision says: granted or not, what is left, when to try again, and who knew.

use smallvec::SmallVec;

use crate::time::{Micros, Timestamp};

/// When a request may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It fits now.
    Now,
    /// It will fit after exactly this long, if nobody else takes the room: a retry then is admitted,
    /// one a microsecond earlier is not.
    After(Micros),
    /// It can never fit: the cost is above the capacity.
    Never,
}

impl Retry {
    /// Whether the request fits now.
    #[must_use]
    pub fn is_now(self) -> bool {
        self == Self::Now
    }

    /// The later of the two: when both limits fit.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::After(a), Self::After(b)) => Self::After(a.max(b)),
            (Self::After(a), Self::Now) | (Self::Now, Self::After(a)) => Self::After(a),
            (Self::Now, Self::Now) => Self::Now,
        }
    }

    /// The earlier of the two: when either limit fits.
    #[must_use]
    pub fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::Now, _) | (_, Self::Now) => Self::Now,
            (Self::After(a), Self::After(b)) => Self::After(a.min(b)),
            (Self::After(a), Self::Never) | (Self::Never, Self::After(a)) => Self::After(a),
            (Self::Never, Self::Never) => Self::Never,
        }
    }
}

/// What one limit of a check answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// When this limit, for itself, has room for the cost. `Now` although the check was denied means
    /// that another limit was in the way.
    pub retry: Retry,
    /// Whole tokens left after the decision. Never more than there were.
    pub remaining: u64,
    /// How long until the limit is untouched again, if nobody asks.
    pub reset_after: Micros,
    /// How long an admitted request has to wait for its turn; zero except for a leaky bucket as queue.
    pub delay: Micros,
}

impl Outcome {
    /// Of a counter that nothing is known of.
    pub(crate) const EMPTY: Self =
        Self { retry: Retry::Now, remaining: 0, reset_after: Micros::ZERO, delay: Micros::ZERO };
}

/// Tokens that were charged before they are spent, the same number to each limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leased {
    /// How many.
    pub tokens: u64,
    /// For how long after the decision they may be spent. Who borrows counts it from before the question was
    /// sent, on a clock of its own.
    pub life: Micros,
}

impl Leased {
    /// The last moment at which what was lent at `at` can be spent.
    #[must_use]
    pub fn last(&self, at: Timestamp) -> Timestamp {
        at + Micros(self.life.0.saturating_sub(1))
    }
}

/// What a store answered to one check: all of its limits, decided together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the check was admitted (for a peek: would have been).
    pub allowed: bool,
    /// The cost charged to each limit: zero for a denial and for a peek. With
    /// [`Mode::TakeUpTo`](crate::Mode::TakeUpTo) it can be less than what was asked for.
    pub granted: u64,
    /// What was lent beside it.
    pub leased: Leased,
    /// The store's clock when it decided.
    pub at: Timestamp,
    /// One outcome per limit, in the order of the check.
    pub outcomes: SmallVec<[Outcome; 2]>,
}

impl Verdict {
    /// When all limits fit together: exact, because a limit that fits keeps fitting until somebody takes.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.outcomes.iter().fold(Retry::Now, |retry, outcome| retry.later(outcome.retry))
    }
}

/// Who knew the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The store decided.
    Store,
    /// Tokens borrowed from the store in advance were spent.
    Lease,
    /// The store had said "no until T", and T has not come.
    DenialMemory,
    /// The store was out of reach, and the failure policy decided.
    Fallback,
    /// A policy that allows or denies without counting.
    Policy,
}

impl Source {
    /// The name used in metrics and replies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Lease => "lease",
            Self::DenialMemory => "denial_memory",
            Self::Fallback => "fallback",
            Self::Policy => "policy",
        }
    }
}
