//! Settings → bind → run → drain.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use distributed_rate_limiter::Error;
use distributed_rate_limiter::engine::{Engine, EngineOptions};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{Config, ConfigError};
use crate::decider::Decider;
use crate::http::{self, Bounds};

/// The store without which nothing needs to be installed.
const EMBEDDED: &str = "memory://";

/// Where a front listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Front {
    /// Nowhere.
    Off,
    /// At `host:port`; port 0 picks a free one.
    At(String),
}

impl FromStr for Front {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            _ if text == "off" => Ok(Self::Off),
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self::At(text.to_owned()))
            }
            _ => Err(format!("`{text}` is neither host:port nor `off`")),
        }
    }
}

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The policies.
    pub config: Config,
    /// The store's URL; wins over the one in the policy file. `memory://` if there is neither.
    pub store: Option<String>,
    /// The HTTP front.
    pub http: Front,
    /// How long requests in flight may take once the server drains.
    pub drain: Duration,
}

impl Settings {
    /// These policies, everything else as it is by default.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let http = Front::At("127.0.0.1:8080".to_owned());
        Self { config, store: None, http, drain: Duration::from_secs(10) }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store's URL as it was given beside the files, or a limit that it is to keep.
    #[error(transparent)]
    Limiter(#[from] Error),
    /// The store's URL in a policy file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address that cannot be listened at.
    #[error("cannot listen at {address}: {error}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        error: std::io::Error,
    },
    /// Every front is off.
    #[error("every front is off: there is nothing to serve")]
    NothingToServe,
}

/// What all fronts share.
#[derive(Debug)]
pub(crate) struct App {
    decider: Decider,
    stop: watch::Sender<bool>,
}

impl App {
    pub(crate) fn decider(&self) -> &Decider {
        &self.decider
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.stop.borrow()
    }
}

/// Tells a front when to stop accepting.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    pub(crate) fn new(stop: &watch::Sender<bool>) -> Self {
        Self(stop.subscribe())
    }

    /// Waits until the server drains.
    pub(crate) async fn wait(&mut self) {
        // An error means that the server is gone, which is a reason to stop as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// A server that listens; it answers once it [runs](Server::run).
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    http: TcpListener,
    addresses: Addresses,
    bounds: Bounds,
}

/// Where the fronts listen. Reads as the line by which a starter knows that everything does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The HTTP front.
    pub http: Option<SocketAddr>,
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.http {
            Some(address) => write!(f, "ready http={address} grpc=off resp=off admin=off"),
            None => f.write_str("ready http=off grpc=off resp=off admin=off"),
        }
    }
}

impl Server {
    /// Makes the limits and listens. The store is not waited for: until it answers, the policies' failure
    /// modes hold.
    ///
    /// # Errors
    /// If the store's URL is malformed or an address cannot be listened at.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let url = match (&settings.store, &settings.config.store) {
            (Some(url), _) => url,
            (None, Some(store)) => {
                settings.config.check_store().await?;
                &store.url
            }
            (None, None) => EMBEDDED,
        };
        let engine = Engine::connect(url, EngineOptions::default()).await?;
        Self::on_engine(engine, settings).await
    }

    /// The same on an engine of the caller's; [`Settings::store`] is not looked at.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub async fn on_engine(engine: Engine, settings: Settings) -> Result<Self, StartError> {
        let Front::At(address) = settings.http else { return Err(StartError::NothingToServe) };
        let decider = Decider::new(engine, settings.config)?;
        let listen = async {
            let listener = TcpListener::bind(&address).await?;
            let local = listener.local_addr()?;
            Ok((listener, local))
        };
        let (http, local) =
            listen.await.map_err(|error| StartError::Listen { address: address.clone(), error })?;
        let app = Arc::new(App { decider, stop: watch::Sender::new(false) });
        let bounds = Bounds { connections: 10_000, head: Duration::from_secs(30), drain: settings.drain };
        Ok(Self { app, http, addresses: Addresses { http: Some(local) }, bounds })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until `stop` is done, then drains: not ready, no new connections, what is in flight is
    /// finished as far as [`Settings::drain`] allows.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let stopping = Stopping::new(&self.app.stop);
        let front = http::serve(self.http, http::routes(Arc::clone(&self.app)), self.bounds, stopping);
        let drain = async {
            stop.await;
            tracing::info!("draining");
            self.app.stop.send_replace(true);
        };
        tokio::join!(front, drain);
        self.app.decider().release().await;
        tracing::info!("drained");
    }
}
