//! Envoy, running.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::setup;
use crate::tools::{tool, until};

/// A proxy with two listeners in front of an upstream that answers `upstream`. Killed when dropped.
pub(crate) struct Envoy {
    _process: Process,
    _directory: TempDir,
    lenient: SocketAddr,
    strict: SocketAddr,
    agent: ureq::Agent,
}

/// Killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a listener does when the rate-limit service cannot decide.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Listener {
    /// Lets requests pass.
    Lenient,
    /// Refuses them (`failure_mode_deny`).
    Strict,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.to_str().unwrap()
    }
}

impl Envoy {
    pub(crate) async fn start(limits: SocketAddr) -> Self {
        let upstream = upstream().await;
        let directory = tempfile::tempdir().unwrap();
        let (config, admin) = (directory.path().join("envoy.json"), directory.path().join("admin"));
        let setup = setup::Setup { limits, upstream };
        std::fs::write(&config, setup.configuration().to_string()).unwrap();
        let process = envoy().arg("-c").arg(&config).arg("--admin-address-path").arg(&admin).spawn();
        let process = Process(process.unwrap());
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let admin = until("Envoy's admin address", async || {
            std::fs::read_to_string(&admin).ok().filter(|address| !address.is_empty())
        })
        .await;
        let listeners = until("Envoy's listeners", async || {
            let ready = fetch(&agent, format!("http://{admin}/ready"), "").await?;
            let listeners = fetch(&agent, format!("http://{admin}/listeners?format=json"), "").await?;
            let listeners: Value = serde_json::from_str(&listeners.body).ok()?;
            (ready.status == 200).then_some(listeners)
        })
        .await;
        let address = |name: &str| {
            let list = listeners["listener_statuses"].as_array().unwrap();
            let found = list.iter().find(|listener| listener["name"] == name).unwrap();
            let port = found["local_address"]["socket_address"]["port_value"].as_u64().unwrap();
            SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()))
        };
        let (lenient, strict) = (address("lenient"), address("strict"));
        Self { _process: process, _directory: directory, lenient, strict, agent }
    }

    /// As a client of that name.
    pub(crate) async fn get(&self, listener: Listener, path: &str, client: &str) -> Reply {
        let address = match listener {
            Listener::Lenient => self.lenient,
            Listener::Strict => self.strict,
        };
        fetch(&self.agent, format!("http://{address}{path}"), client).await.unwrap()
    }
}

/// Whether Envoy takes a file for a configuration.
pub(crate) async fn validate(path: &str) {
    let mut command = envoy();
    command.args(["--mode", "validate", "-c", path]).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What the wheel has in `bin` starts this as a child, which would outlive a kill.
fn program() -> PathBuf {
    let found = std::fs::read_dir(tool("lib")).unwrap().find_map(|python| {
        let program = python.unwrap().path().join("site-packages/envoy/_bin/envoy");
        program.exists().then_some(program)
    });
    found.unwrap_or_else(|| panic!("Envoy is missing: run `cargo xtask venv`"))
}

fn envoy() -> Command {
    let mut command = Command::new(program());
    command.args(["--disable-hot-restart", "--concurrency", "1", "-l", "error"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

async fn fetch(agent: &ureq::Agent, url: String, client: &str) -> Option<Reply> {
    let (agent, client) = (agent.clone(), client.to_owned());
    let call = move || {
        let mut response = agent.get(url).header("x-client", client).call().ok()?;
        let body = response.body_mut().read_to_string().ok()?;
        Some(Reply { status: response.status().as_u16(), headers: response.headers().clone(), body })
    };
    tokio::task::spawn_blocking(call).await.unwrap()
}

async fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new().fallback(async || "upstream");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}
