//! A connection that is up, until it is not.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Value};
use tokio::sync::{Mutex, Notify};
use tokio::task::AbortHandle;

use crate::script::SCRIPT;

/// How long a connection on which a call has timed out may stay silent before it is replaced.
const SILENCE: Duration = Duration::from_millis(400);

/// One connection: many calls share it, each waiting for its own answer. Dropping it closes it.
pub(crate) struct Live {
    connection: MultiplexedConnection,
    driver: AbortHandle,
    /// Permits one waiting supervisor to notice the end.
    over: Arc<Notify>,
    retired: AtomicBool,
    probing: AtomicBool,
    /// Counts the times the script was loaded again; held while loading.
    reloads: Mutex<u64>,
}

impl Live {
    pub(super) fn new(
        connection: MultiplexedConnection,
        driver: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let over = Arc::new(Notify::new());
        let notify = Arc::clone(&over);
        let driver = tokio::spawn(async move {
            driver.await;
            notify.notify_one();
        });
        Self {
            connection,
            driver: driver.abort_handle(),
            over,
            retired: AtomicBool::new(false),
            probing: AtomicBool::new(false),
            reloads: Mutex::new(0),
        }
    }

    /// Whether calls can be sent. A connection can die at any time, so this only avoids what is in vain.
    pub(crate) fn is_open(&self) -> bool {
        !self.retired.load(Ordering::Acquire) && !self.driver.is_finished()
    }

    /// Sends one command and waits for its answer, for as long as it takes.
    pub(crate) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        self.connection.clone().send_packed_command(command).await
    }

    /// Has the connection replaced. Calls on their way may still be answered.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        self.over.notify_one();
    }

    /// Returns when the connection has died or was retired.
    pub(super) async fn over(&self) {
        self.over.notified().await;
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
                live.retire();
            }
            live.probing.store(false, Ordering::Release);
        });
    }

    /// How often the script was loaded again: to be asked before a call, for [`Self::reload`].
    pub(crate) async fn reloads(&self) -> u64 {
        *self.reloads.lock().await
    }

    /// Loads the script, unless somebody else did since `seen`: a thousand calls that find it gone make
    /// one load.
    pub(crate) async fn reload(&self, seen: u64) -> RedisResult<()> {
        let mut reloads = self.reloads.lock().await;
        if *reloads == seen {
            self.send(&SCRIPT.load()).await.and_then(Value::extract_error)?;
            *reloads += 1;
            tracing::info!("script reloaded");
        }
        Ok(())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
