//! One task for two futures that wake each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Rounds before others get their turn.
const ROUNDS: usize = 4;

/// A task that wakes itself is handed to the scheduler, which wakes another thread for it: tens of
/// microseconds when idle. So what is woken while its task runs anyway is only looked at once more.
pub(super) struct Relay {
    bell: Arc<Bell>,
    waker: Waker,
}

#[derive(Default)]
struct Bell {
    task: AtomicWaker,
    running: AtomicBool,
    rung: AtomicBool,
}

impl Relay {
    pub(super) fn new() -> Self {
        let bell = Arc::<Bell>::default();
        Self { waker: Waker::from(Arc::clone(&bell)), bell }
    }

    /// Polls `round` until nobody in it wakes anybody in it any more.
    pub(super) fn poll<T>(
        &self,
        context: &Context<'_>,
        mut round: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.bell.task.register(context.waker());
        for _ in 0..ROUNDS {
            self.bell.running.store(true, Ordering::SeqCst);
            self.bell.rung.store(false, Ordering::SeqCst);
            if let Poll::Ready(done) = round(&mut Context::from_waker(&self.waker)) {
                return Poll::Ready(done);
            }
            self.bell.running.store(false, Ordering::SeqCst);
            // Whoever rings from here on wakes the task.
            if !self.bell.rung.load(Ordering::SeqCst) {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        if !self.running.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::task::noop_waker;

    use super::*;

    #[test]
    fn what_is_woken_from_within_is_looked_at_again() {
        let (relay, rounds, waker) = (Relay::new(), Cell::new(0), noop_waker());
        let polled: Poll<()> = relay.poll(&Context::from_waker(&waker), |context| {
            rounds.set(rounds.get() + 1);
            if rounds.get() == 1 {
                context.waker().wake_by_ref();
            }
            Poll::Pending
        });
        assert_eq!((polled, rounds.get()), (Poll::Pending, 2));
    }

    #[test]
    fn one_that_always_wakes_itself_lets_others_have_their_turn() {
        let (relay, rounds, waker) = (Relay::new(), Cell::new(0), noop_waker());
        let polled: Poll<()> = relay.poll(&Context::from_waker(&waker), |context| {
            rounds.set(rounds.get() + 1);
            context.waker().wake_by_ref();
            Poll::Pending
        });
        assert_eq!((polled, rounds.get()), (Poll::Pending, ROUNDS));
    }
}
