//! What an operator writes, "100 a minute with a burst of 20", and how it becomes a checked [`Rule`].

use std::fmt;
use std::str::FromStr;

use crate::algorithm::{Bucket, FixedWindow, Rate, Rule, SlidingLog, SlidingWindow};
use crate::time::Micros;

/// Which promise a limit keeps; see [`algorithm`](crate::algorithm).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// At most the limit in each aligned window.
    FixedWindow,
    /// At most the limit in every interval of the window's length; O(limit) memory, bounded.
    SlidingWindowLog,
    /// The two-bucket estimate of a sliding window; O(1) memory.
    SlidingWindow,
    /// A burst at once, refilled at the limit's rate.
    #[default]
    TokenBucket,
    /// Leaky bucket as meter: the token bucket's twin.
    LeakyBucket,
    /// Leaky bucket as queue: admitted requests are spaced evenly and told how long to wait.
    LeakyBucketQueue,
}

impl Algorithm {
    /// Every algorithm, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::FixedWindow,
        Self::SlidingWindowLog,
        Self::SlidingWindow,
        Self::TokenBucket,
        Self::LeakyBucket,
        Self::LeakyBucketQueue,
    ];

    /// The name used in policy files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FixedWindow => "fixed_window",
            Self::SlidingWindowLog => "sliding_window_log",
            Self::SlidingWindow => "sliding_window",
            Self::TokenBucket => "token_bucket",
            Self::LeakyBucket => "leaky_bucket",
            Self::LeakyBucketQueue => "leaky_bucket_queue",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = QuotaError;

    fn from_str(name: &str) -> Result<Self, QuotaError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| QuotaError::UnknownAlgorithm(name.to_owned()))
    }
}

/// A limit as it is written: so many in so long, kept by an algorithm. Unchecked until [`Quota::rule`].
///
/// ```
/// use drl_core::{Algorithm, Quota};
///
/// let quota = Quota::per_minute(100).burst(20);
/// assert_eq!(quota, "100/minute".parse::<Quota>()?.burst(20));
/// let strict = Quota::per_second(10).algorithm(Algorithm::SlidingWindowLog);
/// assert!(strict.rule().is_ok());
/// # Ok::<(), drl_core::QuotaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    limit: u64,
    window: Micros,
    algorithm: Algorithm,
    burst: Option<u64>,
    spread: bool,
}

impl Quota {
    /// The largest limit or burst: counts up to here are exact in every store.
    pub const MAX_LIMIT: u64 = 1 << 32;
    /// The shortest window: one millisecond, the resolution of key expiry in Redis.
    pub const MIN_WINDOW: Micros = Micros::from_millis(1);
    /// The longest window: 366 days.
    pub const MAX_WINDOW: Micros = Micros::from_secs(366 * 86_400);

    /// `limit` in each `window`.
    #[must_use]
    pub fn new(limit: u64, window: impl Into<Micros>) -> Self {
        Self { limit, window: window.into(), algorithm: Algorithm::default(), burst: None, spread: false }
    }

    /// `limit` a second.
    #[must_use]
    pub fn per_second(limit: u64) -> Self {
        Self::new(limit, Micros::SECOND)
    }

    /// `limit` a minute.
    #[must_use]
    pub fn per_minute(limit: u64) -> Self {
        Self::new(limit, Micros::from_secs(60))
    }

    /// `limit` an hour.
    #[must_use]
    pub fn per_hour(limit: u64) -> Self {
        Self::new(limit, Micros::from_secs(3_600))
    }

    /// `limit` a day of 24 hours.
    #[must_use]
    pub fn per_day(limit: u64) -> Self {
        Self::new(limit, Micros::from_secs(86_400))
    }

    /// The algorithm that keeps it.
    #[must_use]
    pub fn kind(&self) -> Algorithm {
        self.algorithm
    }

    /// The algorithm that keeps it; [`Algorithm::TokenBucket`] unless said otherwise.
    #[must_use]
    pub fn algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// The bucket's capacity: what can be admitted at once (token bucket, meter) or may wait (queue).
    /// The limit itself unless said otherwise; an error for the window algorithms.
    #[must_use]
    pub fn burst(self, burst: u64) -> Self {
        Self { burst: Some(burst), ..self }
    }

    /// Shifts each client's fixed windows by a hash of its key, so that not all reset at once.
    #[must_use]
    pub fn spread(self, spread: bool) -> Self {
        Self { spread, ..self }
    }

    /// How many are admitted in each window.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The window's length.
    #[must_use]
    pub fn window(&self) -> Micros {
        self.window
    }

    /// Whether each client's fixed windows are shifted by a hash of its key.
    #[must_use]
    pub fn is_spread(&self) -> bool {
        self.spread
    }

    /// What a counter of this quota is called in its key. Two quotas share counters only where one can
    /// follow the other while it runs: the limit and the burst may change, the algorithm and the window
    /// may not.
    #[must_use]
    pub fn identity(&self) -> String {
        let code = match self.algorithm {
            Algorithm::FixedWindow if self.spread => "fp",
            Algorithm::FixedWindow => "fw",
            Algorithm::SlidingWindowLog => "sl",
            Algorithm::SlidingWindow => "sw",
            Algorithm::TokenBucket => "tb",
            Algorithm::LeakyBucket => "lb",
            Algorithm::LeakyBucketQueue => "lq",
        };
        match self.window.0 {
            whole if whole % 1_000_000 == 0 => format!("{code}{}s", whole / 1_000_000),
            fine => format!("{code}{fine}us"),
        }
    }

    /// The checked form.
    ///
    /// # Errors
    /// If the limit, window or burst is zero or beyond what the arithmetic holds exactly, or a burst is
    /// given to an algorithm that has none.
    pub fn rule(&self) -> Result<Rule, QuotaError> {
        let Self { limit, window, .. } = *self;
        if limit == 0 {
            return Err(QuotaError::ZeroLimit);
        }
        if !(Self::MIN_WINDOW..=Self::MAX_WINDOW).contains(&window) {
            return Err(QuotaError::Window(window));
        }
        let capacity = match self.algorithm {
            Algorithm::LeakyBucketQueue => self.burst.unwrap_or(limit).saturating_add(1),
            _ => self.burst.unwrap_or(limit),
        };
        if capacity == 0 {
            return Err(QuotaError::ZeroBurst);
        }
        if capacity > Self::MAX_LIMIT {
            return Err(QuotaError::TooLarge(capacity));
        }
        let bucket = |queue| {
            Rate::new(limit, window, capacity).map(|rate| Rule::Bucket(Bucket::new(rate, capacity, queue)))
        };
        match self.algorithm {
            Algorithm::TokenBucket | Algorithm::LeakyBucket => bucket(false),
            Algorithm::LeakyBucketQueue => bucket(true),
            _ if self.burst.is_some() => Err(QuotaError::BurstWithoutBucket(self.algorithm)),
            Algorithm::FixedWindow => Ok(Rule::FixedWindow(FixedWindow::new(limit, window))),
            Algorithm::SlidingWindowLog => Ok(Rule::SlidingLog(SlidingLog::new(limit, window))),
            Algorithm::SlidingWindow => Ok(Rule::SlidingWindow(SlidingWindow::new(limit, window))),
        }
    }
}

/// `100/minute`, `5/15s`: the form used in policy files. Units: `second`, `minute`, `hour`, `day`, `week`,
/// or a number with `ms`, `s`, `m`, `h`, `d`.
impl FromStr for Quota {
    type Err = QuotaError;

    fn from_str(text: &str) -> Result<Self, QuotaError> {
        let malformed = || QuotaError::Malformed(text.to_owned());
        let (limit, window) = text.split_once('/').ok_or_else(malformed)?;
        let limit = limit.trim().replace('_', "").parse::<u64>().map_err(|_| malformed())?;
        let window = match window.trim() {
            "second" => Micros::SECOND,
            "minute" => Micros::from_secs(60),
            "hour" => Micros::from_secs(3_600),
            "day" => Micros::from_secs(86_400),
            "week" => Micros::from_secs(7 * 86_400),
            counted => {
                let digits = counted.find(|c: char| !c.is_ascii_digit()).unwrap_or(counted.len());
                let (count, unit) = counted.split_at(digits);
                let count = count.parse::<u64>().map_err(|_| malformed())?;
                match unit.trim() {
                    "ms" => Micros::from_millis(count),
                    "s" => Micros::from_secs(count),
                    "m" => Micros::from_secs(count.saturating_mul(60)),
                    "h" => Micros::from_secs(count.saturating_mul(3_600)),
                    "d" => Micros::from_secs(count.saturating_mul(86_400)),
                    _ => return Err(malformed()),
                }
            }
        };
        Ok(Self::new(limit, window))
    }
}

/// Why a quota cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuotaError {
    /// A limit of zero admits nobody.
    ZeroLimit,
    /// A burst of zero admits nobody.
    ZeroBurst,
    /// The limit or burst is above [`Quota::MAX_LIMIT`].
    TooLarge(u64),
    /// The window is not between [`Quota::MIN_WINDOW`] and [`Quota::MAX_WINDOW`].
    Window(Micros),
    /// The burst takes longer to refill than the arithmetic reaches: 142 years, or fewer for bursts of
    /// billions at a rate that is no whole number of microseconds per token.
    RefillTooSlow,
    /// The rate is too high to be kept to a millionth (above 10 million a second).
    RateTooHigh,
    /// A burst was given to an algorithm without one.
    BurstWithoutBucket(Algorithm),
    /// Not of the form `100/minute`.
    Malformed(String),
    /// No algorithm of that name.
    UnknownAlgorithm(String),
}

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroLimit => f.write_str("the limit must be at least 1"),
            Self::ZeroBurst => f.write_str("the burst must be at least 1"),
            Self::TooLarge(limit) => write!(f, "{limit} is above the largest limit, {}", Quota::MAX_LIMIT),
            Self::Window(window) => {
                write!(f, "a window of {window} is not between 1 ms and 366 days")
            }
            Self::RefillTooSlow => {
                f.write_str("the burst would take too long to refill for its rate to be exact")
            }
            Self::RateTooHigh => f.write_str("the rate is above 10 million per second"),
            Self::BurstWithoutBucket(algorithm) => write!(f, "{algorithm} has no burst"),
            Self::Malformed(text) => {
                write!(f, "`{text}` is not a limit such as 100/minute, 10/second or 5/15s")
            }
            Self::UnknownAlgorithm(name) => {
                write!(f, "`{name}` is not an algorithm; there are ")?;
                for (index, algorithm) in Algorithm::ALL.iter().enumerate() {
                    write!(f, "{}{algorithm}", if index == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for QuotaError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_operators_write_them() {
        for (text, expected) in [
            ("100/minute", Quota::per_minute(100)),
            ("1_000 / hour", Quota::per_hour(1_000)),
            ("5/15s", Quota::new(5, Micros::from_secs(15))),
            ("1/week", Quota::new(1, Micros::from_secs(604_800))),
            ("7/250ms", Quota::new(7, Micros::from_millis(250))),
        ] {
            assert_eq!(text.parse::<Quota>().unwrap(), expected, "{text}");
        }
        for text in ["", "100", "/minute", "-1/second", "5/fortnight", "5/15", "5/s", "1e3/minute"] {
            assert!(text.parse::<Quota>().is_err(), "{text}");
        }
    }

    #[test]
    fn absurd_quotas_are_refused_with_the_reason() {
        let minute = Micros::from_secs(60);
        for (quota, error) in [
            (Quota::per_second(0), QuotaError::ZeroLimit),
            (Quota::per_second(1).burst(0), QuotaError::ZeroBurst),
            (Quota::new(1, Micros::ZERO), QuotaError::Window(Micros::ZERO)),
            (Quota::new(1, Micros(u64::MAX)), QuotaError::Window(Micros(u64::MAX))),
            (Quota::new(u64::MAX, minute), QuotaError::TooLarge(u64::MAX)),
            (Quota::per_day(1).burst(1_000_000), QuotaError::RefillTooSlow),
            (Quota::new(u64::MAX, minute).burst(5), QuotaError::RateTooHigh),
            (
                Quota::per_second(1).burst(2).algorithm(Algorithm::FixedWindow),
                QuotaError::BurstWithoutBucket(Algorithm::FixedWindow),
            ),
        ] {
            assert_eq!(quota.rule(), Err(error), "{quota:?}");
        }
    }

    #[test]
    fn every_algorithm_name_reads_back() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse::<Algorithm>(), Ok(algorithm));
        }
    }
}
