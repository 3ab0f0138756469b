//! One connection as those see it who send and those who supervise.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Value};
use tokio::sync::Notify;

use super::pump;
use super::queue::Queue;
use super::relay::Relay;
use crate::script::SCRIPTS;

/// The connection, and what waits for it.
pub(super) struct Wire {
    connection: MultiplexedConnection,
    pub(super) queue: Queue,
    /// Permits one waiting supervisor to notice the end.
    over: Notify,
    retired: AtomicBool,
}

impl Wire {
    pub(super) fn new(connection: MultiplexedConnection) -> Self {
        let (queue, over) = (Queue::default(), Notify::new());
        Self { connection, queue, over, retired: AtomicBool::new(false) }
    }

    /// Sends one command and waits for its answer, for as long as it takes.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        self.connection.clone().send_packed_command(command).await.and_then(Value::extract_error)
    }

    /// Makes the server remember all scripts.
    pub(super) async fn load_scripts(&self) -> RedisResult<()> {
        let load = async |command: redis::Cmd| self.send(&command).await;
        try_join_all(SCRIPTS.loads().map(load)).await.map(|_| ())
    }

    /// Has the connection replaced. Calls on their way may still be answered; those that wait are not sent.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        self.queue.close();
        self.over.notify_one();
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Returns when the connection has died or was retired.
    pub(super) async fn over(&self) {
        self.over.notified().await;
    }

    /// Moves the bytes and serves the queue, in one task: what the one has for the other needs no other task
    /// to be woken.
    pub(super) async fn drive(self: Arc<Self>, bytes: impl Future<Output = ()>) {
        let _end = End(&self);
        let (mut bytes, mut served) = (pin!(bytes), pin!(pump::run(&self)));
        let (relay, mut is_open) = (Relay::new(), true);
        std::future::poll_fn(|context| {
            relay.poll(context, |context| {
                if is_open && bytes.as_mut().poll(context).is_ready() {
                    is_open = false;
                    self.retire();
                }
                served.as_mut().poll(context)
            })
        })
        .await;
    }
}

/// Whatever ends the task ends the connection.
struct End<'a>(&'a Wire);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.retire();
    }
}
