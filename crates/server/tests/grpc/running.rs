//! A server that runs beside the test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use drl_proto::client::RateLimitServiceClient;
use drl_proto::{RateLimitRequest, RateLimitResponse};
use drl_server::envoy::{Files, Keeping, SameDomain};
use drl_server::{Config, Front, Legacy, Server, Settings, StartError};
use drl_store::Store;
use tokio::sync::oneshot;
use tonic::Status;
use tonic::transport::Channel;

/// Stops when dropped.
pub(crate) struct Running {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: JoinHandle<()>,
}

impl Running {
    /// On the embedded store.
    pub(crate) async fn start(policies: &str) -> Self {
        Self::on_url(policies, "memory://").await
    }

    pub(crate) async fn on_url(policies: &str, url: &str) -> Self {
        let settings = Settings { store: Some(url.to_owned()), ..settings(parsed(policies)) };
        Self::run(async { Server::bind(settings).await }).await
    }

    pub(crate) async fn on_store(policies: &str, store: Arc<dyn Store>) -> Self {
        let settings = settings(parsed(policies));
        Self::run(async { Server::on_store(store, "test", settings).await }).await
    }

    /// On a store that may take longer than requests may.
    pub(crate) async fn on_store_within(longest: Duration, policies: &str, store: Arc<dyn Store>) -> Self {
        let settings = Settings { request_timeout: longest, ..settings(parsed(policies)) };
        Self::run(async { Server::on_store(store, "test", settings).await }).await
    }

    /// On the embedded store, with the rules of a file of envoyproxy/ratelimit.
    pub(crate) async fn with_rules(rules: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules.yaml");
        std::fs::write(&path, rules).unwrap();
        let files = Files { path, same: SameDomain::Refuse, keeping: Keeping::default() };
        let settings = settings(Config::of_descriptors(files.load().unwrap()));
        Self::run(async { Server::bind(settings).await }).await
    }

    /// On the embedded store, with the fields of old.
    pub(crate) async fn with_legacy_fields(policies: &str) -> Self {
        let settings = Settings { legacy: Legacy::Sent, ..settings(parsed(policies)) };
        Self::run(async { Server::bind(settings).await }).await
    }

    /// On a thread and a runtime of its own.
    async fn run(bind: impl Future<Output = Result<Server, StartError>> + Send + 'static) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, addresses) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = bind.await.unwrap();
                ready.send(server.addresses().clone()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
        });
        let addresses = addresses.await.unwrap();
        Self {
            grpc: addresses.grpc.unwrap().tcp().unwrap(),
            http: addresses.http.unwrap().tcp().unwrap(),
            stop: Some(stop),
            thread,
        }
    }

    pub(crate) async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.grpc)).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        Client(RateLimitServiceClient::new(self.channel().await))
    }

    /// Tells it to drain.
    pub(crate) fn drain(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has drained.
    pub(crate) async fn join(self) {
        tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap();
    }
}

fn parsed(policies: &str) -> Config {
    Config::parse("test.yaml", policies).unwrap()
}

fn settings(config: Config) -> Settings {
    let free = || Front::Tcp("127.0.0.1:0".to_owned());
    let drain = Duration::from_secs(5);
    Settings {
        http: free(),
        grpc: free(),
        resp: Front::Off,
        admin: Front::Off,
        drain,
        ..Settings::new(config)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Client(RateLimitServiceClient<Channel>);

impl Client {
    pub(crate) async fn call(&self, request: RateLimitRequest) -> Result<RateLimitResponse, Status> {
        self.0.clone().should_rate_limit(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn ask(&self, request: RateLimitRequest) -> RateLimitResponse {
        self.call(request).await.unwrap()
    }

    /// Whether it may go on.
    pub(crate) async fn admits(&self, request: RateLimitRequest) -> bool {
        self.ask(request).await.overall_code() == drl_proto::response::Code::Ok
    }
}
