//! `CL.THROTTLE key max_burst count period [quantity]`: arguments become a quota, a decision becomes five integers.
//!
//! As in redis-cell: the rate is `count` in `period` seconds, at most `max_burst + 1` are admitted at once, and times
//! are whole seconds, rounded up. What redis-cell crashes on, overflows with or answers nonsense to is refused.

use distributed_rate_limiter::engine::{Demand, Engine, Limit, Want};
use distributed_rate_limiter::{Decision, Error, Micros, Quota, Retry};
use drl_resp::number::integer;
use drl_resp::{Request, Writer};

/// What a quota is made of. The same bucket serves all quotas of a key that have the same period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Parameters {
    /// The most at once: `max_burst + 1`.
    capacity: u64,
    /// So many in each period.
    count: u64,
    /// In seconds.
    period: u64,
}

/// One `CL.THROTTLE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask<'a> {
    pub(super) key: &'a [u8],
    pub(super) parameters: Parameters,
    /// Zero looks and takes nothing.
    pub(super) quantity: u64,
}

/// An argument that is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not an integer or out of range: it must be at least {least}")]
pub(super) struct Malformed {
    name: &'static str,
    least: u64,
}

/// The reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) limited: bool,
    pub(super) limit: u64,
    pub(super) remaining: u64,
    /// Seconds until a denied request can be admitted; `None` if it was not denied, or can never be.
    pub(super) retry_after: Option<u64>,
    /// Seconds until the key is untouched again.
    pub(super) reset_after: u64,
}

impl Parameters {
    pub(super) fn new(capacity: u64, count: u64, period: u64) -> Self {
        Self { capacity, count, period }
    }

    pub(super) fn quota(self) -> Quota {
        Quota::new(self.count, Micros::from_secs(self.period)).burst(self.capacity)
    }
}

impl<'a> Ask<'a> {
    /// Of a request with five or six arguments.
    pub(super) fn read(request: &Request<'a>) -> Result<Self, Malformed> {
        let number = |index, name, least| {
            let number = request.argument(index).and_then(integer);
            let number = number.and_then(|number| u64::try_from(number).ok());
            number.filter(|number| *number >= least).ok_or(Malformed { name, least })
        };
        let max_burst = number(2, "max_burst", 0)?;
        let parameters = Parameters::new(max_burst + 1, number(3, "count", 1)?, number(4, "period", 1)?);
        let quantity = if request.count() > 5 { number(5, "quantity", 0)? } else { 1 };
        Ok(Self { key: request.argument(1).unwrap_or_default(), parameters, quantity })
    }

    /// Whether it only looks.
    pub(super) fn peeks(&self) -> bool {
        self.quantity == 0
    }

    pub(super) async fn decide(&self, engine: &Engine, limit: &Limit) -> Result<Reply, Error> {
        let want = if self.peeks() { Want::Peek } else { Want::Take };
        let demands = [Demand { limit, partition: &[self.key], cost: self.quantity }];
        let ruling = engine.decide(&demands, want).await?;
        // One demand, one decision: without it nothing was admitted.
        Ok(ruling.decisions().first().map_or_else(|| Reply::unknown(limit), Reply::from))
    }
}

impl Reply {
    fn unknown(limit: &Limit) -> Self {
        Self { limited: true, limit: limit.capacity(), remaining: 0, retry_after: None, reset_after: 0 }
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        out.array(5);
        out.integer(i64::from(self.limited));
        out.integer(number(self.limit));
        out.integer(number(self.remaining));
        out.integer(self.retry_after.map_or(-1, number));
        out.integer(number(self.reset_after));
    }
}

impl From<&Decision> for Reply {
    fn from(decision: &Decision) -> Self {
        let limited = !decision.allowed();
        let retry_after = match decision.retry() {
            _ if !limited => None,
            Retry::Never => None,
            Retry::After(wait) => Some(wait.as_secs_ceil().max(1)),
            Retry::Now => Some(1),
        };
        let reset_after = Micros::from(decision.reset_after()).as_secs_ceil();
        Self { limited, limit: decision.limit(), remaining: decision.remaining(), retry_after, reset_after }
    }
}
