//! The time since this process looked for the first time, from the processor's cycle counter.
//!
//! Asking the operating system takes 40 ns, reading the counter 15; all the rest of a decision takes 40
//! (`cargo xtask bench --only "hot key"`).
//! But the counter's rate is only estimated, so every millisecond the count is compared with the system's
//! monotonic clock and put right. In between it is off by less than a microsecond at a rate that is wrong by
//! a thousandth; nothing adds up. Where the counter is of no use (its rate changes, another architecture),
//! `quanta` reads the system's clock instead.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use drl_core::Micros;

/// How long a comparison is good for, in nanoseconds.
const GOOD_FOR: u64 = 1_000_000;
/// A comparison that takes longer, in nanoseconds, was interrupted and says nothing.
const UNDISTURBED: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Counter {
    cycles: quanta::Clock,
    started: Instant,
    /// What was to be added to the count, wrapping, when it was compared last.
    correction: AtomicU64,
    /// The count then.
    compared_at: AtomicU64,
}

impl Counter {
    /// There is one, so that it is compared once for everybody.
    pub(super) fn of_this_process() -> &'static Self {
        static COUNTER: LazyLock<Counter> = LazyLock::new(|| Counter {
            cycles: quanta::Clock::new(),
            started: Instant::now(),
            correction: AtomicU64::new(0),
            compared_at: AtomicU64::new(0),
        });
        &COUNTER
    }

    /// The time since the start, in whole microseconds, rounded down: time must not run ahead of itself.
    #[inline]
    pub(super) fn micros(&self) -> Micros {
        let count = self.count();
        // Acquired: the correction that goes with it has been stored before.
        let age = count.wrapping_sub(self.compared_at.load(Ordering::Acquire));
        let nanos = if age < GOOD_FOR {
            count.wrapping_add(self.correction.load(Ordering::Relaxed))
        } else {
            self.compare()
        };
        Micros(nanos / 1_000)
    }

    /// The counted nanoseconds, from a beginning and at a rate that nobody vouches for.
    #[inline]
    fn count(&self) -> u64 {
        self.cycles.delta_as_nanos(0, self.cycles.raw())
    }

    /// What the system says, and the correction from it.
    #[cold]
    fn compare(&self) -> u64 {
        let before = self.count();
        let nanos = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let count = self.count();
        if count.wrapping_sub(before) < UNDISTURBED {
            self.correction.store(nanos.wrapping_sub(count), Ordering::Relaxed);
            self.compared_at.store(count, Ordering::Release);
        }
        nanos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_never_leaves_the_systems_clock() {
        let counter = Counter::of_this_process();
        let elapsed = || Micros(u64::try_from(counter.started.elapsed().as_micros()).unwrap());
        while counter.started.elapsed().as_millis() < 50 {
            let (before, counted, after) = (elapsed(), counter.micros(), elapsed());
            assert!(counted.0 + 5 > before.0 && counted.0 < after.0 + 5, "{before} {counted} {after}");
        }
    }
}
