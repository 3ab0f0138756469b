//! What the proxies' tests share.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use drl_server::{Config, Front, Server, Settings};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A proxy's process. Stopped when dropped.
pub(crate) struct Proxy(Child);

impl Proxy {
    pub(crate) fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // SIGTERM, so that its workers end too.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

/// A sample of `deploy/` with sockets of the test's own in the place of what is written in it.
pub(crate) fn with_own<const N: usize>(sample: &str, places: [(&str, String); N]) -> String {
    places.into_iter().fold(sample.to_owned(), |text, (written, own)| {
        assert!(text.contains(written), "{written}");
        text.replace(written, &own)
    })
}

/// The status and the whole of what comes back over that socket; waits while the proxy is not there yet.
pub(crate) fn get(socket: &Path, path: &str, headers: &str) -> (u16, String) {
    let started = Instant::now();
    let mut stream = loop {
        match UnixStream::connect(socket) {
            Ok(stream) => break stream,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(20), "{error}"),
        }
    };
    let request = format!("GET {path} HTTP/1.0\r\nhost: example\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{answer}")), answer)
}

/// Serves these policies on a socket in this directory, until the runtime ends.
pub(crate) fn limiter(
    runtime: &tokio::runtime::Runtime,
    policies: &str,
    store: Option<String>,
) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let socket = directory.path().join("drl");
    let settings = Settings {
        http: Front::Unix(socket.clone()),
        grpc: Front::Off,
        resp: Front::Off,
        admin: Front::Off,
        store,
        ..Settings::new(Config::parse("test.yaml", policies).unwrap())
    };
    let server = runtime.block_on(Server::bind(settings)).unwrap();
    fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    runtime.spawn(server.run(std::future::pending()));
    (directory, socket)
}
