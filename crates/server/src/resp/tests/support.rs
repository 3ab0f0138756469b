//! A client, and what it talks to.

use std::io::{Cursor, Result};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use distributed_rate_limiter::engine::Engine;
use drl_core::Timestamp;
use drl_core::check::Check;
use drl_store::{Answer, ManualClock, MemoryStore, Store};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::listen::Stopping;
use crate::resp::connection::{End, converse};
use crate::resp::{Front, Options};

/// A connection, seen from the client's end.
pub(super) struct Client {
    stream: DuplexStream,
    pub(super) server: JoinHandle<Result<End>>,
    pub(super) stop: watch::Sender<bool>,
}

/// What the network takes while nobody reads.
pub(super) const PIPE: usize = 1 << 20;

impl Client {
    pub(super) fn of(front: &Arc<Front>) -> Self {
        Self::with_pipe(front, PIPE)
    }

    pub(super) fn with_pipe(front: &Arc<Front>, pipe: usize) -> Self {
        let (stream, other) = tokio::io::duplex(pipe);
        let (front, stop) = (Arc::clone(front), watch::Sender::new(false));
        let stopping = Stopping::new(&stop);
        let server = tokio::spawn(async move { converse(other, &front, stopping).await });
        Self { stream, server, stop }
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends inline commands and expects these bytes back, and no others.
    pub(super) async fn hears(&mut self, lines: &str, expected: &str) {
        self.send(format!("{lines}\r\n")).await;
        self.receives(expected).await;
        self.send("ECHO that-was-all\r\n").await;
        self.receives("$12\r\nthat-was-all\r\n").await;
    }

    pub(super) async fn receives(&mut self, expected: &str) {
        let mut received = Vec::new();
        while received.len() < expected.len() {
            let mut byte = [0];
            match self.stream.read(&mut byte).await.unwrap() {
                0 => break,
                _ => received.push(byte[0]),
            }
            if !expected.as_bytes().starts_with(&received) {
                break; // nothing that comes behind it makes it right
            }
        }
        assert_eq!(received.escape_ascii().to_string(), expected.as_bytes().escape_ascii().to_string());
    }

    /// What one read brings.
    pub(super) async fn read(&mut self) -> Vec<u8> {
        let mut received = vec![0; PIPE];
        let read = self.stream.read(&mut received).await.unwrap();
        received.truncate(read);
        received
    }

    /// Everything up to the end.
    pub(super) async fn read_to_end(&mut self) -> Vec<u8> {
        let mut received = Vec::new();
        self.stream.read_to_end(&mut received).await.unwrap();
        received
    }

    /// Goes away, and says why the connection has ended.
    pub(super) async fn leaves(self) -> End {
        drop(self.stream);
        self.server.await.unwrap().unwrap()
    }
}

pub(super) fn front(engine: Engine) -> Arc<Front> {
    Arc::new(Front::new(engine, Options::default()))
}

pub(super) fn with_password(password: &str) -> Arc<Front> {
    let options = Options { password: Some(password.parse().unwrap()), ..Options::default() };
    Arc::new(Front::new(embedded(), options))
}

pub(super) fn embedded() -> Engine {
    Engine::with_store(Arc::new(MemoryStore::new()), "test")
}

/// A store whose clock is set by the test.
pub(super) fn on_clock() -> (Arc<ManualClock>, Arc<Front>) {
    let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000_000)));
    let store = MemoryStore::builder().clock(Arc::clone(&clock)).build();
    (clock, front(Engine::with_store(Arc::new(store), "test")))
}

/// As a store outside this process: calls take until the test lets them pass.
#[derive(Debug)]
pub(super) struct Remote {
    inner: MemoryStore,
    pub(super) open: watch::Sender<bool>,
    pub(super) waiting: AtomicUsize,
    pub(super) most: AtomicUsize,
}

impl Remote {
    pub(super) fn new() -> Arc<Self> {
        let (waiting, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { inner: MemoryStore::new(), open: watch::Sender::new(false), waiting, most })
    }
}

impl Store for Remote {
    fn decide<'a>(&'a self, batch: &'a [Check<'_>]) -> Answer<'a> {
        Answer::Pending(Box::pin(async move {
            let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(waiting, Ordering::SeqCst);
            let _ = self.open.subscribe().wait_for(|open| *open).await;
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            self.inner.decide(batch).wait().await
        }))
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// A client that has sent everything, takes everything, and remembers in which pieces.
pub(super) struct Wire {
    sent: Cursor<String>,
    writes: Writes,
}

type Writes = Arc<Mutex<Vec<usize>>>;

impl Wire {
    pub(super) fn new(sent: String) -> (Self, Writes) {
        let writes = Writes::default();
        (Self { sent: Cursor::new(sent), writes: Arc::clone(&writes) }, writes)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.sent).poll_read(context, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.writes.lock().unwrap().push(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}
