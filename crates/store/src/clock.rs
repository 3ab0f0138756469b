//! Whose time it is: the embedded store's clock. (A store outside the process has its own.)

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use drl_core::{Micros, Timestamp};

/// A source of store time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The system's clock, made monotonic: wall-clock time when it was made, plus the time that has passed
/// since. It never steps, whatever happens to the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    epoch: Timestamp,
    started: Instant,
}

impl SystemClock {
    /// A clock that agrees with the wall clock now.
    #[must_use]
    pub fn new() -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { epoch: Timestamp(Micros::from(epoch).0), started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let passed = self.started.elapsed();
        // Whole microseconds, rounded down: time must not run ahead of itself.
        self.epoch + Micros(passed.as_secs() * 1_000_000 + u64::from(passed.subsec_micros()))
    }
}

/// A clock that moves when it is told to: for tests, and for replaying a log in its own time.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicU64::new(now.0))
    }

    /// Moves the clock, forwards or back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Release);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: impl Into<Micros>) {
        self.0.fetch_add(by.into().0, Ordering::AcqRel);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Acquire))
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        C::now(self)
    }
}
