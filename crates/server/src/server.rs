//! Settings → bind → run → drain.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use distributed_rate_limiter::Error;
use distributed_rate_limiter::engine::{self, Engine, EngineOptions};
use drl_core::policy::Policy;
use drl_store::Store;
use futures_util::future::join_all;
use tokio::sync::watch;

use crate::config::{Config, ConfigError};
use crate::decider::{Answer, Request};
use crate::envoy;
use crate::grpc;
use crate::http::{self, admin, fields::Legacy};
use crate::listen::{self, Address, Bounds, Connection, Front, Listener, Stopping, Tls, TlsError, TlsFiles};
use crate::live::{self, Files, Live};
use crate::metrics::{FrontName, Metrics, Observed};
use crate::resp::{self, Password};
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
    /// Where they were read, if they are to be read again when they change there.
    pub files: Option<PathBuf>,
    /// Where the rules in the format of envoyproxy/ratelimit were read, likewise.
    pub descriptor_files: Option<envoy::Files>,
    /// The store's URL; wins over the one in the policy file. `memory://` if there is neither.
    pub store: Option<String>,
    /// The HTTP front.
    pub http: Front,
    /// The front for Envoy.
    pub grpc: Front,
    /// The front for Redis clients.
    pub resp: Front,
    /// What Redis clients have to say before anything else, if anything.
    pub resp_password: Option<Password>,
    /// The front for operators.
    pub admin: Front,
    /// The certificate of the fronts that have TLS.
    pub tls: Option<TlsFiles>,
    /// What who changes something over the admin front must show. Without one, that front changes things for
    /// this machine only.
    pub admin_token: Option<String>,
    /// Whether clients get `X-RateLimit-*` fields beside the standard ones, at every front that has any. For the HTTP
    /// front the policy file can say so, too.
    pub legacy: Legacy,
    /// How long a request may take over HTTP and gRPC until its answer begins.
    pub request_timeout: Duration,
    /// How long requests in flight may take once the server drains.
    pub drain: Duration,
}

impl Settings {
    /// These policies, everything else as it is by default.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            files: None,
            descriptor_files: None,
            store: None,
            http: Front::Tcp("127.0.0.1:8080".to_owned()),
            grpc: Front::Tcp("127.0.0.1:8081".to_owned()),
            resp: Front::Tcp("127.0.0.1:6380".to_owned()),
            resp_password: None,
            admin: Front::Tcp("127.0.0.1:9090".to_owned()),
            tls: None,
            admin_token: None,
            legacy: Legacy::Omitted,
            // Longer than any policy lets a request wait.
            request_timeout: Policy::LONGEST_WAIT + Duration::from_secs(5),
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
    /// What the gRPC front says about itself.
    #[error(transparent)]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// What all fronts share.
#[derive(Debug)]
pub(crate) struct App {
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    legacy: Legacy,
    longest: Duration,
    stop: watch::Sender<bool>,
}

impl App {
    /// Decides a request that came in at that front.
    pub(crate) async fn decide(&self, front: FrontName, request: &Request<'_>) -> Result<Answer, Error> {
        let started = Instant::now();
        let decided = self.live.decider().decide(request).await;
        self.metrics.decided(front, started.elapsed());
        decided
    }

    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether clients of that front get the older fields, too. Envoy has its own, so files speak for HTTP only.
    pub(crate) fn legacy(&self, front: FrontName) -> Legacy {
        match front {
            FrontName::Http if self.legacy == Legacy::Omitted => self.live.now().config.legacy,
            FrontName::Http | FrontName::Grpc | FrontName::Resp => self.legacy,
        }
    }

    /// How long a request may take.
    pub(crate) fn longest(&self) -> Duration {
        self.longest
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.stop.borrow()
    }
}

/// A server that listens; it answers once it [runs](Server::run).
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    redis_clients: Arc<resp::Front>,
    listeners: Fronts<Listener>,
    grpc: axum::Router,
    addresses: Addresses,
    bounds: Bounds,
    files: Vec<Files>,
    tls: Option<(Tls, TlsFiles)>,
    admin_token: Option<String>,
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
        let (store, prefix) = engine::open(url, &EngineOptions::default())?;
        Self::on_store(store, &prefix, settings).await
    }

    /// The same on a store of the caller's; [`Settings::store`] is not looked at. `prefix` keeps deployments
    /// apart that share a store.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub async fn on_store(
        store: Arc<dyn Store>,
        prefix: &str,
        settings: Settings,
    ) -> Result<Self, StartError> {
        let tls = settings.tls.as_ref().map(Tls::load).transpose()?;
        let metrics = Arc::new(Metrics::default());
        let observed = Observed::new(Arc::clone(&store), metrics.store.clone());
        let engine = Engine::with_store(Arc::new(observed), prefix);
        // In this process a decision takes less time than counting it does.
        let bare = if store.is_shared() { engine.clone() } else { Engine::with_store(store, prefix) };
        let (password, metrics_of_resp) = (settings.resp_password, Arc::clone(&metrics));
        let options = resp::Options { password, metrics: metrics_of_resp, ..resp::Options::default() };
        let redis_clients = Arc::new(resp::Front::new(bare, options));
        let live = Arc::new(Live::new(engine, settings.config, Arc::clone(&metrics))?);
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
        let (legacy, longest) = (settings.legacy, settings.request_timeout);
        let app = Arc::new(App { live, metrics, legacy, longest, stop: watch::Sender::new(false) });
        let grpc = grpc::routes(Arc::clone(&app), Stopping::new(&app.stop))?;
        let bounds = Bounds { connections: CONNECTIONS, patience: PATIENCE, drain: settings.drain };
        let Settings { files, descriptor_files, tls: tls_files, admin_token, .. } = settings;
        let files = files.map(Files::Policies).into_iter();
        let files = files.chain(descriptor_files.map(Files::Descriptors)).collect();
        let tls = tls.zip(tls_files);
        Ok(Self { app, redis_clients, listeners, grpc, addresses, bounds, files, tls, admin_token })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Serves until `stop` is done, then drains: not ready, no new connections, what is in flight is
    /// finished as far as [`Settings::drain`] allows.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { app, redis_clients, listeners, grpc, addresses, bounds, files, tls, admin_token } = self;
        let stopping = Stopping::new(&app.stop);
        let redis = async {
            let Some(listener) = listeners.resp else { return };
            let talk = move |Connection { stream, stopping, .. }| {
                resp::attend(stream, Arc::clone(&redis_clients), stopping)
            };
            listen::serve(listener, bounds, stopping.clone(), talk).await;
        };
        let drain = async {
            stop.await;
            tracing::info!("draining");
            app.stop.send_replace(true);
        };
        let watch_files = join_all(
            files.into_iter().map(|files| live::watch_files(Arc::clone(&app.live), files, stopping.clone())),
        );
        let watch_certificate = async {
            if let Some((tls, files)) = tls {
                live::watch_certificate(tls, files, stopping.clone()).await;
            }
        };
        let guard = admin::Guard::new(admin_token, addresses.admin.as_ref().is_some_and(Address::is_local));
        tokio::join!(
            web(listeners.http, http::routes(Arc::clone(&app)), (bounds, stopping.clone())),
            web(listeners.grpc, grpc, (bounds, stopping.clone())),
            web(listeners.admin, admin::routes(Arc::clone(&app), guard), (bounds, stopping.clone())),
            redis,
            live::follow(Arc::clone(&app.live), stopping.clone()),
            watch_files,
            watch_certificate,
            drain,
        );
        app.live.decider().release().await;
        tracing::info!("drained");
    }
}

/// Serves a front that speaks HTTP, if it is on.
async fn web(listener: Option<Listener>, routes: axum::Router, (bounds, stopping): (Bounds, Stopping)) {
    let Some(listener) = listener else { return };
    let web = Web::new(routes, bounds.patience);
    listen::serve(listener, bounds, stopping, move |connection| web.clone().converse(connection)).await;
}
