//! What the limiter's tests share.

#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use std::future::Future;
use std::sync::Arc;

use distributed_rate_limiter::{RateLimiter, RateLimiterBuilder};
use drl_core::Timestamp;
use drl_store::{Clock, ManualClock, MemoryStore, Store};

/// A store whose clock stands still until it is moved.
pub(crate) fn still_store() -> (Arc<dyn Store>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000_000)));
    (Arc::new(MemoryStore::builder().clock(Arc::clone(&clock)).build()), clock)
}

/// A limiter on a store of the test's own.
pub(crate) async fn limiter(
    store: &Arc<dyn Store>,
    make: impl FnOnce(RateLimiterBuilder) -> RateLimiterBuilder,
) -> RateLimiter {
    make(RateLimiter::builder().with_store(Arc::clone(store))).build().await.unwrap()
}

/// Runs a test's future on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Store time that follows tokio's clock, so that a paused runtime moves both.
pub(crate) struct TokioClock(pub(crate) tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let passed = u64::try_from(self.0.elapsed().as_micros()).unwrap();
        Timestamp(1_700_000_000_000_000 + passed)
    }
}
