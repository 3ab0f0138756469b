//! What holds now: what the files say, and what operators have changed since.
//!
//! ```text
//! files ──────────► Config ─┐
//!                           ├─► effective policies ─► Decider::replace
//! store: directory ► Changes ┘
//! ```
//!
//! Files are looked at twice a second ([`watch`]), the directory in the store four times ([`follow`]), so every
//! instance follows within a second whichever was told. What is wrong replaces nothing.

mod changes;
mod effective;
mod files;
mod follow;
mod stamp;
mod tiers;
mod watch;

use std::sync::Arc;

use arc_swap::ArcSwap;
use distributed_rate_limiter::Error;
use distributed_rate_limiter::engine::{Engine, Entry, Holdings, Mark};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::config::{Config, ConfigError};
use crate::decider::Decider;
use crate::metrics::Metrics;
use changes::{Change, Changes};
use files::Loaded;

pub(crate) use changes::PolicyId;
pub(crate) use effective::Refused;
pub(crate) use files::Files;
pub(crate) use follow::follow;
pub(crate) use tiers::Tiers;
pub(crate) use watch::{watch_certificate, watch_files};

/// Keeps a decider's policies up to date.
#[derive(Debug)]
pub(crate) struct Live {
    engine: Engine,
    decider: Decider,
    tiers: Arc<Tiers>,
    /// One change at a time.
    state: Mutex<State>,
    now: ArcSwap<Now>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct State {
    config: Config,
    changes: Changes,
    mark: Mark,
}

/// What holds at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Now {
    /// The policies with all changes made.
    pub(crate) config: Config,
    /// What operators have changed.
    pub(crate) changes: Changes,
    /// What they have changed in vain: the file has become such that the change makes no sense any more.
    pub(crate) refused: Vec<Refused>,
    /// Which files, and how many changes of the directory have been seen.
    pub(crate) version: String,
}

/// Why an operator's change is not made.
#[derive(Debug)]
pub(crate) enum ChangeError {
    /// There is no such policy.
    Unknown,
    /// The policy would make no sense.
    Invalid(ConfigError),
    /// The store did not take it.
    Store(Error),
}

impl Live {
    /// # Errors
    /// If the engine cannot keep one of the limits.
    pub(crate) fn new(engine: Engine, config: Config, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let tiers = Arc::new(Tiers::default());
        let decider =
            Decider::new(engine.clone(), &config, Arc::clone(&tiers), Arc::clone(&metrics.policies))?;
        let state = State { config, changes: Changes::default(), mark: Mark::default() };
        let now = ArcSwap::from_pointee(state.now());
        Ok(Self { engine, decider, tiers, state: Mutex::new(state), now, metrics })
    }

    pub(crate) fn holdings(&self) -> Holdings {
        self.engine.holdings()
    }

    pub(crate) fn decider(&self) -> &Decider {
        &self.decider
    }

    pub(crate) fn now(&self) -> Arc<Now> {
        self.now.load_full()
    }

    /// The files were read anew: taken over, or not valid. Nothing if they were as before.
    fn reloaded(&self, taken: Option<bool>) {
        taken.into_iter().for_each(|taken| self.metrics.reloaded(taken));
    }

    /// These files hold from now on; others stay as they are.
    ///
    /// # Errors
    /// If the engine cannot keep one of the limits; then everything stays as it was.
    async fn replace(&self, loaded: Loaded) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        let config = loaded.beside(&state.config);
        let before = std::mem::replace(&mut state.config, config);
        self.apply(&state).inspect_err(|_| state.config = before)
    }

    /// Changes a policy, here at once and everywhere within a second. Null takes a change back. Returns the
    /// version from which on it holds.
    ///
    /// # Errors
    /// If there is no such policy, or it would make no sense, or the store does not take it: then nothing has
    /// changed here.
    pub(crate) async fn patch(&self, id: PolicyId, change: Map<String, Value>) -> Result<(), ChangeError> {
        let mut state = self.state.lock().await;
        // Changes that others have made are not to be undone by this one.
        self.catch_up(&mut state).await.map_err(ChangeError::Store)?;
        let patch = state.changes.patched(&id, change);
        let source = state.config.source(&id.domain, &id.policy).ok_or(ChangeError::Unknown)?;
        crate::config::patch(source, &Value::Object(patch.clone())).map_err(ChangeError::Invalid)?;
        self.write(&mut state, Change::Policy(id, (!patch.is_empty()).then_some(patch))).await
    }

    /// Puts a client into a tier, or takes it out.
    ///
    /// # Errors
    /// If the store does not take it.
    pub(crate) async fn set_tier(&self, client: String, tier: Option<String>) -> Result<(), ChangeError> {
        let mut state = self.state.lock().await;
        self.write(&mut state, Change::Tier(client, tier)).await
    }

    /// The tier that operators have put a client into.
    pub(crate) fn tier(&self, client: &[u8]) -> Option<Arc<str>> {
        self.tiers.of(client)
    }

    /// Reads what has changed in the store.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn read_changes(&self) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        self.catch_up(&mut state).await
    }

    async fn write(&self, state: &mut State, change: Change) -> Result<(), ChangeError> {
        let entry: Entry = change.into_entry();
        self.engine.write_directory(&[entry]).await.map_err(ChangeError::Store)?;
        self.catch_up(state).await.map_err(ChangeError::Store)
    }

    async fn catch_up(&self, state: &mut State) -> Result<(), Error> {
        let before = state.mark;
        let mut changed = false;
        loop {
            let page = self.engine.read_directory(state.mark).await?;
            if page.afresh {
                tracing::info!("reading the directory afresh");
                state.changes = Changes::default();
                self.tiers.clear();
                changed = true;
            }
            for entry in page.entries {
                match Change::from_entry(entry) {
                    Some(Change::Policy(id, patch)) => {
                        state.changes.set(id, patch);
                        changed = true;
                    }
                    Some(Change::Tier(client, tier)) => self.tiers.set(&client, tier.as_deref()),
                    None => {} // of a later version of this program
                }
            }
            state.mark = page.mark;
            if !page.more {
                break;
            }
        }
        if changed || state.mark != before {
            self.apply(state)?;
        }
        Ok(())
    }

    fn apply(&self, state: &State) -> Result<(), Error> {
        let now = state.now();
        self.decider.replace(&now.config)?;
        for Refused { id, reason } in &now.refused {
            tracing::warn!(policy = %id, %reason, "an operator's change no longer makes sense and is left out");
        }
        tracing::info!(version = now.version, "policies and rules in force");
        self.now.store(Arc::new(now));
        Ok(())
    }
}

impl State {
    fn now(&self) -> Now {
        let (config, refused) = effective::effective(&self.config, &self.changes);
        let files = [self.config.version(), self.config.descriptors.version()];
        let files: Vec<&str> = files.into_iter().filter(|version| !version.is_empty()).collect();
        let version = format!("{}+{}", files.join("-"), self.mark.version);
        Now { config, changes: self.changes.clone(), refused, version }
    }
}
