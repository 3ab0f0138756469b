//! The store itself: one deadline around each call, at most one execution of it.
//!
//! **Together.** A call goes out at once where nothing is on its way; otherwise it waits in line for its
//! connection, and goes out with all others that wait, as one execution of a script.
//!
//! **At most once.** A call is written to one connection, once. If the answer does not come (the deadline
//! passed, the connection died) the error says that it may have counted, and nothing is sent again. The one
//! exception is a server that has forgotten its scripts: its answer `NOSCRIPT` says that nothing was
//! executed, so they are loaded and the call is sent anew, within the same deadline.
//!
//! **Cancellation.** Dropping a call's future blocks and leaks nothing: what was not written yet is not
//! written any more, what was written may be executed, its answer is thrown away, and other calls on the
//! same connection get theirs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use drl_core::check::Check;
use drl_store::directory::Directory;
use drl_store::{Answer, Answers, Store, StoreError};
use futures_util::future::join_all;
use smallvec::smallvec;
use tokio::time::{Instant, timeout_at};

use crate::link::{Connector, Link, Live};
use crate::script::{self, Order};
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
        Ok(Self { links, turn: AtomicUsize::new(0), timeout, name })
    }

    /// The deadline of each call.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A connection that is up, past the turns of decisions.
    pub(crate) async fn live(&self) -> Result<Arc<Live>, StoreError> {
        self.links[0].live().await
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

    /// What one execution of a script decides at most.
    async fn decide_chunk(&self, checks: &[Check<'_>], deadline: Instant) -> Answers {
        match self.call(checks, deadline).await {
            Ok(answers) => answers,
            Err(error) => smallvec![Err(error); checks.len()],
        }
    }

    async fn call(&self, checks: &[Check<'_>], deadline: Instant) -> Result<Answers, StoreError> {
        let after = self.timeout;
        let link = &self.links[self.turn.fetch_add(1, Ordering::Relaxed) % self.links.len()];
        let Ok(live) = timeout_at(deadline, link.live()).await else {
            return Err(StoreError::Timeout { after, may_have_counted: false });
        };
        let live = live?;
        let mut ticket = live.submit(checks.iter().map(Order::from).collect())?;
        match timeout_at(deadline, &mut ticket).await {
            Ok(answers) => Ok(answers),
            Err(_) => {
                live.probe();
                Err(StoreError::Timeout { after, may_have_counted: ticket.withdraw() })
            }
        }
    }
}

impl Store for RedisStore {
    fn decide<'a>(&'a self, batch: &'a [Check<'_>]) -> Answer<'a> {
        Answer::Pending(Box::pin(self.decide_all(batch)))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("name", &self.name).field("timeout", &self.timeout).finish()
    }
}
