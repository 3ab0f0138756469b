//! What was borrowed and is not spent in time goes back to the store.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use drl_core::check::Check;
use drl_core::engine::Return;

use super::Inner;
use super::errand::Errand;

impl Inner {
    /// Sees to it that leases are returned when they end: one task for all, for as long as there are any.
    pub(super) fn watch(self: &Arc<Self>) {
        if !self.watched.swap(true, Ordering::AcqRel) {
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(watch(Watch(Arc::downgrade(self))))),
                Err(_) => self.watched.store(false, Ordering::Release),
            }
        }
    }

    /// Gives back. What fails to arrive counts as spent.
    pub(super) async fn give_back_unspent(&self, returns: Vec<Return<Arc<Errand>>>) {
        for Return { unspent, errand } in returns {
            let partitions = errand.partitions();
            let demands = errand.demands(&partitions, 0);
            let batch: Vec<Check<'_>> = unspent.iter().flat_map(|unspent| unspent.checks(&demands)).collect();
            self.store.decide(&batch).wait().await;
        }
    }
}

/// The duty to return; it ends with the runtime that it was taken up in, too.
struct Watch(Weak<Inner>);

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(engine) = self.0.upgrade() {
            engine.watched.store(false, Ordering::Release);
        }
    }
}

async fn watch(watch: Watch) {
    loop {
        let Some(engine) = watch.0.upgrade() else { return };
        let Some(end) = engine.books.next_end() else {
            // Whoever borrows from now on finds nobody on watch, or is seen here.
            engine.watched.store(false, Ordering::Release);
            if engine.books.next_end().is_none() || engine.watched.swap(true, Ordering::AcqRel) {
                std::mem::forget(watch);
                return;
            }
            continue;
        };
        let wait = engine.books.until(end);
        if !wait.is_zero() {
            drop(engine);
            tokio::time::sleep(wait).await;
            continue;
        }
        let expired = engine.books.expired();
        engine.give_back_unspent(expired).await;
    }
}
