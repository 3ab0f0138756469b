//! The store itself: one deadline around each call, at most one execution of it.
//!
//! **At most once.** A call is written to one connection, once. If the answer does not come (the deadline
//! passed, the connection died) the error says that it may have counted, and nothing is sent again. The one
//! exception is a server that has forgotten the script: its answer `NOSCRIPT` says that nothing was
//! executed, so the script is loaded and the call is sent anew, within the same deadline.
//!
//! **Cancellation.** Dropping a call's future blocks and leaks nothing: what was not written yet is not
//! written any more, what was written may be executed, its answer is thrown away, and other calls on the
//! same connection get theirs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use drl_core::check::Check;
use drl_store::{Answer, Answers, Store, StoreError};
use futures_util::future::join_all;
use redis::{Cmd, RedisResult, Value};
use smallvec::smallvec;
use tokio::time::{Instant, timeout_at};

use crate::fault;
use crate::link::{Connector, Link, Live};
use crate::script::{self, Request, SCRIPT};
use crate::url::StoreUrl;

/// How the store is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The deadline of each call: waiting for a connection, connecting, sending and the answer together.
    /// A `timeout_ms` in the URL takes its place.
    pub timeout: Duration,
    /// How many connections calls are spread over. Calls share connections, so this is about cores and
    /// network queues, not about concurrency.
    pub connections: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { timeout: Duration::from_millis(50), connections: 1 }
    }
}

/// Counters on a Redis or Valkey server, shared by all instances that use it.
pub struct RedisStore {
    links: Box<[Link]>,
    turn: AtomicUsize,
    calls: AtomicU64,
    timeout: Duration,
    name: String,
}

impl RedisStore {
    /// Connects, and fails if that fails. (The deadline of calls does not apply: a first connection may
    /// take up to half a second.)
    ///
    /// # Errors
    /// If the server is out of reach, refuses us, or is no Redis.
    pub async fn connect(url: &StoreUrl, options: Options) -> Result<Self, StoreError> {
        let store = Self::lazy(url, options)?;
        store.links[0].live().await?;
        Ok(store)
    }

    /// Connects when it is first called. A server that is down makes calls fail, each within its deadline,
    /// until it is there.
    ///
    /// # Errors
    /// If the URL asks for what this version can't do, or names a CA file that can't be read.
    pub fn lazy(url: &StoreUrl, options: Options) -> Result<Self, StoreError> {
        let connector = Arc::new(Connector::new(url)?);
        let timeout = url.timeout().unwrap_or(options.timeout);
        let link = |_| Link::new(Arc::clone(&connector), timeout);
        let links = (0..options.connections.max(1)).map(link).collect();
        let name = connector.name().to_owned();
        Ok(Self { links, turn: AtomicUsize::new(0), calls: AtomicU64::new(0), timeout, name })
    }

    /// The deadline of each call.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    async fn decide_all(&self, batch: &[Check<'_>]) -> Answers {
        let deadline = Instant::now() + self.timeout;
        let mut chunks = script::chunks(batch);
        match (chunks.next(), chunks.next()) {
            (None, _) => Answers::new(),
            (Some(only), None) => self.decide_chunk(only, deadline).await,
            (Some(_), Some(_)) => {
                let all = script::chunks(batch).map(|chunk| self.decide_chunk(chunk, deadline));
                join_all(all).await.into_iter().flatten().collect()
            }
        }
    }

    /// One execution of the script.
    async fn decide_chunk(&self, checks: &[Check<'_>], deadline: Instant) -> Answers {
        let request = Request { call: self.calls.fetch_add(1, Ordering::Relaxed), checks };
        let progress = Progress::default();
        let failure = match timeout_at(deadline, self.call(&request, &progress)).await {
            Ok(Ok(answers)) => return answers,
            Ok(Err(error)) => error,
            Err(_) => {
                if let Some(live) = progress.live.get() {
                    live.probe();
                }
                StoreError::Timeout { after: self.timeout, may_have_counted: progress.left() }
            }
        };
        smallvec![Err(failure); checks.len()]
    }

    async fn call(&self, request: &Request<'_, '_>, progress: &Progress) -> Result<Answers, StoreError> {
        let link = &self.links[self.turn.fetch_add(1, Ordering::Relaxed) % self.links.len()];
        let live = link.live().await?;
        let live = progress.live.get_or_init(|| live);
        let command = request.command(&SCRIPT);
        let reloads = live.reloads().await;
        let mut reply = progress.send(live, &command).await;
        if reply.as_ref().is_err_and(fault::is_unknown_script) {
            // Nothing was executed: the only answer after which a call is sent again.
            progress.recall();
            live.reload(reloads).await.map_err(|error| fault::failed(&error, false))?;
            reply = progress.send(live, &command).await;
        }
        let answers = reply
            .map_err(|error| fault::failed(&error, progress.left()))
            .and_then(|reply| script::read(request, reply));
        if needs_another_connection(&answers) {
            live.retire();
        }
        answers
    }
}

/// Whether the node can't be written to any more, or answers what was not asked.
fn needs_another_connection(answers: &Result<Answers, StoreError>) -> bool {
    match answers {
        Ok(answers) => answers.iter().flat_map(|answer| answer.as_ref().err()).any(fault::is_read_only),
        Err(StoreError::Protocol { .. }) => true,
        Err(error) => fault::is_read_only(error),
    }
}

/// How far a call has come, for the error if its deadline passes.
#[derive(Default)]
struct Progress {
    live: std::sync::OnceLock<Arc<Live>>,
    left: AtomicBool,
}

impl Progress {
    async fn send(&self, live: &Live, command: &Cmd) -> RedisResult<Value> {
        self.left.store(true, Ordering::Relaxed);
        live.send(command).await.and_then(Value::extract_error)
    }

    fn recall(&self) {
        self.left.store(false, Ordering::Relaxed);
    }

    fn left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }
}

impl Store for RedisStore {
    fn decide<'a>(&'a self, batch: &'a [Check<'_>]) -> Answer<'a> {
        Answer::Pending(Box::pin(self.decide_all(batch)))
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("name", &self.name).field("timeout", &self.timeout).finish()
    }
}
