//! A connection that is up, until it is not.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drl_store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Value};
use tokio::task::AbortHandle;

use super::ticket::{Orders, Ticket};
use super::wire::Wire;

/// How long a connection on which a call has timed out may stay silent before it is replaced.
const SILENCE: Duration = Duration::from_millis(400);

/// One connection: many calls share it, each waiting for its own answer. Dropping it closes it.
pub(crate) struct Live {
    wire: Arc<Wire>,
    driver: AbortHandle,
    probing: AtomicBool,
}

impl Live {
    pub(super) fn new(
        connection: MultiplexedConnection,
        bytes: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let wire = Arc::new(Wire::new(connection));
        let driver = tokio::spawn(Arc::clone(&wire).drive(bytes)).abort_handle();
        Self { wire, driver, probing: AtomicBool::new(false) }
    }

    /// Whether calls can be sent. A connection can die at any time, so this only avoids what is in vain.
    pub(crate) fn is_open(&self) -> bool {
        !self.wire.is_retired() && !self.driver.is_finished()
    }

    /// Queues a call; it goes out together with others, in the order in which they came.
    ///
    /// # Errors
    /// If too many wait already, or the connection is gone.
    pub(crate) fn submit(&self, orders: Orders) -> Result<Ticket, StoreError> {
        self.wire.queue.push(orders)
    }

    /// Sends one command past the queue.
    pub(crate) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        self.wire.send(command).await
    }

    /// Makes the server remember all scripts.
    pub(super) async fn load_scripts(&self) -> RedisResult<()> {
        self.wire.load_scripts().await
    }

    /// Returns when the connection has died or was retired.
    pub(super) async fn over(&self) {
        self.wire.over().await;
    }

    /// After a timeout: is the server slow, or does nobody answer on this connection any more? One probe at
    /// a time finds out; a connection that stays silent is replaced.
    pub(crate) fn probe(self: &Arc<Self>) {
        if self.probing.swap(true, Ordering::AcqRel) {
            return;
        }
        let live = Arc::clone(self);
        tokio::spawn(async move {
            let ping = redis::cmd("PING");
            let answered = tokio::time::timeout(SILENCE, live.send(&ping)).await;
            if !matches!(answered, Ok(Ok(_))) {
                live.wire.retire();
            }
            live.probing.store(false, Ordering::Release);
        });
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
