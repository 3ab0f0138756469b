//! Whose time it is: the embedded store's clock. (A store outside the process has its own.)

mod counter;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use drl_core::{Micros, Moment, Timestamp};

use self::counter::Counter;

/// A source of store time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// The moment of a decision about counters that were last decided on at `last`, asked for while they are
    /// locked by somebody who had `read` the clock before. A clock that may be set back is read again. One
    /// that never steps back need not be: who read it and was overtaken by another has come at the same moment
    /// as the other. (So the counters are locked for less long, and two cores may read a clock a little
    /// differently.)
    fn moment(&self, read: Timestamp, last: Timestamp) -> Timestamp {
        let _ = (read, last);
        self.now()
    }
}

/// The system's clock, made monotonic: wall-clock time when it was made, plus the time that has passed
/// since. It never steps, whatever happens to the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    /// The wall-clock time at which the counter stood at zero.
    zero: Timestamp,
    counter: &'static Counter,
}

impl SystemClock {
    /// A clock that agrees with the wall clock now.
    #[must_use]
    pub fn new() -> Self {
        let counter = Counter::of_this_process();
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { zero: Timestamp(Micros::from(epoch).0) - counter.micros(), counter }
    }

    /// The moment on this instance's own clock, which is the same for all of its `SystemClock`s: a third of
    /// what [`Instant::now`](std::time::Instant::now) takes.
    #[inline]
    #[must_use]
    pub fn uptime(&self) -> Moment {
        Moment(self.counter.micros().0)
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Timestamp {
        self.zero + self.counter.micros()
    }

    #[inline]
    fn moment(&self, read: Timestamp, last: Timestamp) -> Timestamp {
        read.max(last)
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

    fn moment(&self, read: Timestamp, last: Timestamp) -> Timestamp {
        C::moment(self, read, last)
    }
}
