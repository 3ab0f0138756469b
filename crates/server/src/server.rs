//! Settings → bind → run → drain.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distributed_rate_limiter::Error;
use distributed_rate_limiter::engine::{Engine, EngineOptions};
use tokio::sync::watch;

use crate::config::{Config, ConfigError};
use crate::decider::Decider;
use crate::forward::Extraction;
use crate::http;
use crate::listen::{self, Address, Bounds, Front, Listener, Stopping, Tls, TlsError, TlsFiles};
use crate::web::Web;

/// The store without which nothing needs to be installed.
const EMBEDDED: &str = "memory://";
/// How long a client may take to shake hands, to send a request's head, to start the next request.
const PATIENCE: Duration = Duration::from_secs(30);
/// Open connections of a front, if the operating system lets it have so many.
const CONNECTIONS: usize = 30_000;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The policies.
    pub config: Config,
    /// The store's URL; wins over the one in the policy file. `memory://` if there is neither.
    pub store: Option<String>,
    /// The HTTP front.
    pub http: Front,
    /// The front for Envoy.
    pub grpc: Front,
    /// The front for Redis clients.
    pub resp: Front,
    /// The front for operators.
    pub admin: Front,
    /// The certificate of the fronts that have TLS.
    pub tls: Option<TlsFiles>,
    /// How long requests in flight may take once the server drains.
    pub drain: Duration,
}

impl Settings {
    /// These policies, everything else as it is by default.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            store: None,
            http: Front::Tcp("127.0.0.1:8080".to_owned()),
            grpc: Front::Off,
            resp: Front::Off,
            admin: Front::Off,
            tls: None,
            drain: Duration::from_secs(10),
        }
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
    /// A certificate, or its key.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    extraction: Extraction,
    stop: watch::Sender<bool>,
}

impl App {
    pub(crate) fn decider(&self) -> &Decider {
        &self.decider
    }

    /// How requests that proxies ask about are described.
    pub(crate) fn extraction(&self) -> &Extraction {
        &self.extraction
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.stop.borrow()
    }
}

/// A server that listens; it answers once it [runs](Server::run).
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    listeners: Fronts<Listener>,
    addresses: Addresses,
    bounds: Bounds,
}

/// Something for each front that is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fronts<T> {
    /// The HTTP front.
    pub http: Option<T>,
    /// The front for Envoy.
    pub grpc: Option<T>,
    /// The front for Redis clients.
    pub resp: Option<T>,
    /// The front for operators.
    pub admin: Option<T>,
}

/// Where the fronts listen. Reads as the line by which a starter knows that everything does.
pub type Addresses = Fronts<Address>;

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ready")?;
        let Self { http, grpc, resp, admin } = self;
        for (name, address) in [("http", http), ("grpc", grpc), ("resp", resp), ("admin", admin)] {
            match address {
                Some(address) => write!(f, " {name}={address}")?,
                None => write!(f, " {name}=off")?,
            }
        }
        Ok(())
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
        let tls = settings.tls.as_ref().map(Tls::load).transpose()?;
        let decider = Decider::new(engine, &settings.config)?;
        let listen = async |front: &Front| {
            let bound = async {
                let listener = Listener::bind(front, tls.as_ref()).await?;
                let address = listener.as_ref().map(Listener::address).transpose()?;
                Ok((listener, address))
            };
            let listen = |error| StartError::Listen { address: front.to_string(), error };
            bound.await.map_err(listen)
        };
        let (http, http_at) = listen(&settings.http).await?;
        let (grpc, grpc_at) = listen(&settings.grpc).await?;
        let (resp, resp_at) = listen(&settings.resp).await?;
        let (admin, admin_at) = listen(&settings.admin).await?;
        let listeners = Fronts { http, grpc, resp, admin };
        let addresses = Fronts { http: http_at, grpc: grpc_at, resp: resp_at, admin: admin_at };
        if addresses == (Fronts { http: None, grpc: None, resp: None, admin: None }) {
            return Err(StartError::NothingToServe);
        }
        let app =
            Arc::new(App { decider, extraction: Extraction::default(), stop: watch::Sender::new(false) });
        let bounds = Bounds { connections: CONNECTIONS, patience: PATIENCE, drain: settings.drain };
        Ok(Self { app, listeners, addresses, bounds })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Serves until `stop` is done, then drains: not ready, no new connections, what is in flight is
    /// finished as far as [`Settings::drain`] allows.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { app, listeners, bounds, .. } = self;
        let stopping = Stopping::new(&app.stop);
        let web = |listener: Option<Listener>, routes: axum::Router| {
            let (stopping, web) = (stopping.clone(), Web::new(routes, bounds.patience));
            async move {
                let Some(listener) = listener else { return };
                listen::serve(listener, bounds, stopping, move |connection| web.clone().converse(connection))
                    .await;
            }
        };
        let drain = async {
            stop.await;
            tracing::info!("draining");
            app.stop.send_replace(true);
        };
        let http = web(listeners.http, http::routes(Arc::clone(&app)));
        tokio::join!(http, drain);
        app.decider().release().await;
        tracing::info!("drained");
    }
}
