//! The circuit breaker: after a few failures in a row, calls are answered at once instead of waiting for
//! the deadline again and again. A probe in the background finds out when the store is back.

use std::sync::atomic::{AtomicU32, Ordering};

/// Failures in a row that open the breaker.
const THRESHOLD: u32 = 3;

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Breaker(AtomicU32);

/// What a failure changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing: failures are still few, or the breaker is open already.
    None,
    /// This failure opened the breaker; whoever sees this starts the probe, once.
    Opened,
}

impl Breaker {
    /// Whether calls are to be answered without the store.
    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= THRESHOLD
    }

    pub(super) fn failed(&self) -> Change {
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |failures| {
            (failures < THRESHOLD).then_some(failures + 1)
        });
        if before == Ok(THRESHOLD - 1) { Change::Opened } else { Change::None }
    }

    /// The store has answered. A late answer does not close an open breaker: the probe does.
    pub(super) fn succeeded(&self) {
        if self.0.load(Ordering::Relaxed) != 0 {
            let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |failures| {
                (failures < THRESHOLD).then_some(0)
            });
        }
    }

    /// The probe got an answer.
    pub(super) fn close(&self) {
        self.0.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_in_a_row_open_it_and_only_one_caller_is_told() {
        let breaker = Breaker::default();
        for _ in 0..10 {
            assert_eq!((breaker.failed(), breaker.failed()), (Change::None, Change::None));
            breaker.succeeded();
        }
        assert!(!breaker.is_open());
        let changes = [breaker.failed(), breaker.failed(), breaker.failed(), breaker.failed()];
        assert_eq!(changes, [Change::None, Change::None, Change::Opened, Change::None]);
        breaker.succeeded();
        assert!(breaker.is_open(), "only the probe closes it");
        breaker.close();
        assert!(!breaker.is_open());
    }
}
