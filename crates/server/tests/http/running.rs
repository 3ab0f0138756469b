//! A server that runs beside the test, on its own runtime.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use drl_server::{Address, Config, Front, Fronts, Server, Settings};
use drl_store::Store;
use tokio::sync::oneshot;

use crate::client::Client;

const ANY: &str = "policies: [{ name: p, limit: 1/hour }]";

/// Drains and stops when dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// On the embedded store.
    pub(crate) fn start(policies: &str) -> Self {
        Self::on_url(policies, "memory://")
    }

    pub(crate) fn on_url(policies: &str, url: &str) -> Self {
        let settings = Settings { store: Some(url.to_owned()), ..settings(policies) };
        Self::run(move || Box::pin(Server::bind(settings)))
    }

    pub(crate) fn on_store(policies: &str, store: Arc<dyn Store>) -> Self {
        Self::on_store_with(policies, store, |settings| settings)
    }

    /// On a store, with other settings.
    pub(crate) fn on_store_with(
        policies: &str,
        store: Arc<dyn Store>,
        change: impl FnOnce(Settings) -> Settings,
    ) -> Self {
        let settings = change(settings(policies));
        Self::run(move || Box::pin(async { Server::on_store(store, "test", settings).await }))
    }

    /// On the embedded store, with the files of a directory, which may change.
    pub(crate) fn on_path(path: &Path) -> Self {
        let files = Some(path.to_owned());
        let settings = Settings { config: Config::load(path).unwrap(), files, ..settings(ANY) };
        Self::run(move || Box::pin(Server::bind(settings)))
    }

    /// On the embedded store, with other settings.
    pub(crate) fn with(policies: &str, change: impl FnOnce(Settings) -> Settings) -> Self {
        let settings = change(settings(policies));
        Self::run(move || Box::pin(Server::bind(settings)))
    }

    fn run<F>(server: impl FnOnce() -> std::pin::Pin<Box<F>> + Send + 'static) -> Self
    where
        F: Future<Output = Result<Server, drl_server::StartError>>,
    {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, addresses) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = server().await.unwrap();
                let Fronts { http, admin, .. } = server.addresses();
                let tcp = |address: &Option<Address>| address.as_ref().unwrap().tcp().unwrap();
                ready.send((tcp(http), tcp(admin))).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
        });
        let (address, admin) = addresses.recv().unwrap();
        Self { address, admin, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    pub(crate) fn admin(&self) -> Client {
        Client::new(self.admin)
    }

    /// Tells the server to drain; it goes on with what is in flight.
    pub(crate) fn drain(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has drained.
    pub(crate) fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.drain();
        if !std::thread::panicking() {
            self.join();
        }
    }
}

fn settings(policies: &str) -> Settings {
    let config = Config::parse("test.yaml", policies).unwrap();
    let any = || Front::Tcp("127.0.0.1:0".to_owned());
    let drain = Duration::from_secs(5);
    Settings { http: any(), grpc: any(), resp: any(), admin: any(), drain, ..Settings::new(config) }
}
