//! A connection that comes back by itself.
//!
//! One task per link, started by its first call, connects, waits for the end, and connects again, with
//! jittered pauses. Callers only look at what it has achieved: a caller that goes away in the middle of
//! anything takes nothing with it.

mod connector;
mod live;
mod pump;
mod queue;
mod relay;
mod ticket;
mod tls;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use drl_store::StoreError;
use rand::Rng as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use connector::Connector;
pub(crate) use live::Live;

/// An attempt to connect takes no longer than this, or than the call's deadline if that is longer.
const ATTEMPT: Duration = Duration::from_millis(500);
/// The pause after the first failed attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause: with an attempt it stays within the second in which we promise to be back.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// Keeps one connection alive.
pub(crate) struct Link {
    shared: Arc<Shared>,
    supervisor: std::sync::Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    connector: Arc<Connector>,
    attempt: Duration,
    state: watch::Sender<State>,
}

#[derive(Clone)]
enum State {
    /// Nobody has called yet, or an attempt is under way: wait.
    Connecting,
    /// Calls can be sent.
    Up(Arc<Live>),
    /// The last attempt failed, the next one comes soon: fail at once.
    Down(StoreError),
}

impl Link {
    pub(crate) fn new(connector: Arc<Connector>, deadline: Duration) -> Self {
        let (state, _) = watch::channel(State::Connecting);
        let shared = Arc::new(Shared { connector, attempt: ATTEMPT.max(deadline), state });
        Self { shared, supervisor: std::sync::Mutex::default() }
    }

    /// The connection: at once if it is up, or when an attempt under way has come to its end. For how long
    /// to wait is up to the caller.
    pub(crate) async fn live(&self) -> Result<Arc<Live>, StoreError> {
        if let State::Up(live) = &*self.shared.state.borrow()
            && live.is_open()
        {
            return Ok(Arc::clone(live));
        }
        self.supervise();
        let mut changes = self.shared.state.subscribe();
        loop {
            match &*changes.borrow_and_update() {
                State::Up(live) if live.is_open() => return Ok(Arc::clone(live)),
                State::Down(error) => return Err(error.clone()),
                State::Up(_) | State::Connecting => {}
            }
            if changes.changed().await.is_err() {
                let reason = "the store was closed".to_owned();
                return Err(StoreError::Unavailable { reason, may_have_counted: false });
            }
        }
    }

    /// Starts the supervisor, unless it runs: it ends with the runtime that it was started on.
    fn supervise(&self) {
        let mut supervisor = self.supervisor.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if supervisor.as_ref().is_none_or(JoinHandle::is_finished) {
            self.shared.state.send_replace(State::Connecting);
            *supervisor = Some(tokio::spawn(Arc::clone(&self.shared).supervise()));
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let supervisor = self.supervisor.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(supervisor) = supervisor.take() {
            supervisor.abort();
        }
    }
}

impl Shared {
    async fn supervise(self: Arc<Self>) {
        let mut outage = Outage::default();
        loop {
            self.state.send_replace(State::Connecting);
            match self.attempt().await {
                Ok(live) => {
                    outage.ends(self.connector.name());
                    let live = Arc::new(live);
                    self.state.send_replace(State::Up(Arc::clone(&live)));
                    live.over().await;
                    outage.lost = true;
                    tracing::warn!(store = self.connector.name(), "store lost");
                }
                Err(error) => {
                    outage.continues(self.connector.name(), &error);
                    self.state.send_replace(State::Down(error));
                    tokio::time::sleep(outage.pause()).await;
                }
            }
        }
    }

    async fn attempt(&self) -> Result<Live, StoreError> {
        match tokio::time::timeout(self.attempt, self.connector.open()).await {
            Ok(opened) => opened,
            Err(_) => {
                let (name, after) = (self.connector.name(), self.attempt);
                let reason = format!("{name} did not answer within {after:?} of connecting");
                Err(StoreError::Unavailable { reason, may_have_counted: false })
            }
        }
    }
}

/// From the loss of a connection to the next one: logged once at each end.
#[derive(Default)]
struct Outage {
    lost: bool,
    failures: u32,
}

impl Outage {
    fn continues(&mut self, store: &str, error: &StoreError) {
        if !self.lost {
            self.lost = true;
            tracing::warn!(store, %error, "store lost");
        }
        self.failures = self.failures.saturating_add(1);
    }

    fn ends(&mut self, store: &str) {
        if self.lost {
            tracing::info!(store, "store back");
        }
        *self = Self::default();
    }

    /// Doubling, with the upper half at random: instances that lost the store together come back apart.
    fn pause(&self) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.clamp(1, 10).saturating_sub(1));
        doubled.min(LONGEST_PAUSE).mul_f64(rand::rng().random_range(0.5..1.0))
    }
}
