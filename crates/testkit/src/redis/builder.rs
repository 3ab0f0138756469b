//! What a test may ask of its server, and the configuration file that says it to Redis.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use url::Url;

use super::process::{self, Process};
use super::{RedisServer, certificates};
use crate::ReservedPort;

/// Redis's own default, written down because [`RedisServer::keys_without_ttl`] visits them all.
pub(super) const DATABASES: u32 = 16;

/// Collects what is special about a server; [`start`](Self::start) runs it.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing runs until `start`"]
pub struct Builder {
    user: Credentials,
    transport: Transport,
    persistent: bool,
    replica: bool,
    directives: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Transport {
    #[default]
    Plain,
    PlainAndTls,
    Tls,
}

impl Builder {
    /// Asks for a password (`requirepass`); it is part of the server's URLs.
    pub fn password(mut self, password: &str) -> Self {
        self.user = Credentials { name: String::new(), password: password.to_owned() };
        self.directive("requirepass", &[password])
    }

    /// Adds a user with the given ACL rules (`"~drl:* +@all"`) and switches the default user off. The
    /// server's URLs are this user's.
    pub fn user(mut self, name: &str, password: &str, rules: &str) -> Self {
        self.user = Credentials { name: name.to_owned(), password: password.to_owned() };
        let secret = format!(">{password}");
        let mut words = vec![name, "on", &secret];
        words.extend(rules.split_whitespace());
        self.directive("user", &["default", "off"]).directive("user", &words)
    }

    /// Opens a TLS port beside the plain one, with a certificate made for this server.
    pub fn tls(mut self) -> Self {
        self.transport = Transport::PlainAndTls;
        self
    }

    /// Opens a TLS port and no plain one.
    pub fn tls_only(mut self) -> Self {
        self.transport = Transport::Tls;
        self
    }

    /// Bounds the memory; `policy` is Redis's word for what happens then (`noeviction`, `allkeys-lru`).
    /// An empty server uses about 1 MB already.
    pub fn max_memory(self, bytes: u64, policy: &str) -> Self {
        self.directive("maxmemory", &[&bytes.to_string()]).directive("maxmemory-policy", &[policy])
    }

    /// Makes it a read-only replica; [`start`](Self::start) returns when it has caught up with its master.
    ///
    /// # Panics
    /// If the master speaks TLS only.
    pub fn replica_of(mut self, master: &RedisServer) -> Self {
        self.replica = true;
        let administrator = Credentials::administrator();
        self.directive("replicaof", &["127.0.0.1", &master.address().port().to_string()])
            .directive("masteruser", &[&administrator.name])
            .directive("masterauth", &[&administrator.password])
            .directive("replica-read-only", &["yes"])
    }

    /// Logs every write to disk before it is answered, so that the data survives [`RedisServer::kill`].
    pub fn persistent(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// Adds a line to the configuration file. The arguments may be any text and are quoted.
    pub fn directive(mut self, name: &str, arguments: &[&str]) -> Self {
        let mut line = name.to_owned();
        for argument in arguments {
            let _infallible = write!(line, " \"{}\"", argument.as_bytes().escape_ascii());
        }
        self.directives.push(line);
        self
    }

    /// Starts the server and returns once it answers.
    ///
    /// # Panics
    /// If `redis-server` is not installed or does not come up within 10 s.
    #[must_use]
    pub fn start(self) -> RedisServer {
        let directory =
            tempfile::Builder::new().prefix("drl-redis-").tempdir().expect("a temporary directory");
        let plain = (self.transport != Transport::Tls).then(ReservedPort::new);
        let tls = (self.transport != Transport::Plain).then(ReservedPort::new);
        if tls.is_some() {
            certificates::write(directory.path());
        }
        let ports = Ports {
            plain: plain.as_ref().map_or(0, ReservedPort::number),
            tls: tls.as_ref().map(ReservedPort::number),
        };
        fs::write(config_path(directory.path()), self.config(directory.path(), ports))
            .expect("a writable temporary directory");
        let process = Process::start(directory.path());
        if self.replica {
            process::wait_for_the_master(&socket_path(directory.path()));
        }
        RedisServer {
            process: Mutex::new(Some(process)),
            plain,
            tls,
            user: self.user,
            persistent: self.persistent,
            directory,
        }
    }

    fn config(&self, directory: &Path, ports: Ports) -> String {
        let path = |path: PathBuf| path.display().to_string();
        let port = ports.plain.to_string();
        let administrator = Credentials::administrator();
        let password = format!(">{}", administrator.password);
        // `no`: a killed process loses nothing that the kernel already has.
        let append = if self.persistent { "yes" } else { "no" };
        let mut all = Self::default()
            .directive("bind", &["127.0.0.1"])
            .directive("port", &[&port])
            .directive("unixsocket", &[&path(socket_path(directory))])
            .directive("logfile", &[&path(log_path(directory))])
            .directive("dir", &[&path(directory.to_owned())])
            .directive("databases", &[&DATABASES.to_string()])
            .directive("save", &[""])
            .directive("appendonly", &[append])
            .directive("appendfsync", &["no"])
            .directive("repl-diskless-sync-delay", &["0"])
            .directive("user", &[&administrator.name, "on", &password, "~*", "&*", "+@all"]);
        if let Some(tls) = ports.tls {
            all = all
                .directive("tls-port", &[&tls.to_string()])
                .directive("tls-cert-file", &[&path(certificates::certificate_path(directory))])
                .directive("tls-key-file", &[&path(certificates::key_path(directory))])
                .directive("tls-ca-cert-file", &[&path(certificates::ca_path(directory))])
                .directive("tls-auth-clients", &["no"]);
        }
        all.directives.extend_from_slice(&self.directives);
        all.directives.join("\n") + "\n"
    }
}

/// Where the server listens; Redis takes port 0 as "not at all".
#[derive(Clone, Copy)]
struct Ports {
    plain: u16,
    tls: Option<u16>,
}

/// Who a URL logs in as; all empty is nobody.
#[derive(Clone, Debug, Default)]
pub(super) struct Credentials {
    name: String,
    password: String,
}

impl Credentials {
    /// The fixture's own way in, whatever the test does to the default user. Not a secret: loopback only.
    pub(super) fn administrator() -> Self {
        Self { name: "drl-testkit".to_owned(), password: "drl-testkit".to_owned() }
    }

    pub(super) fn tcp_url(&self, scheme: &str, address: std::net::SocketAddr) -> String {
        let mut url = Url::parse(&format!("{scheme}://{address}")).expect("a scheme and an address");
        if !self.password.is_empty() {
            url.set_username(&self.name).expect("a URL with a host takes a user");
            url.set_password(Some(&self.password)).expect("a URL with a host takes a password");
        }
        url.into()
    }

    pub(super) fn unix_url(&self, socket: &Path) -> String {
        let mut url = Url::from_file_path(socket).expect("an absolute path");
        if !self.name.is_empty() {
            url.query_pairs_mut().append_pair("user", &self.name);
        }
        if !self.password.is_empty() {
            url.query_pairs_mut().append_pair("pass", &self.password);
        }
        url.as_str().replacen("file:", "unix:", 1)
    }
}

pub(super) fn config_path(directory: &Path) -> PathBuf {
    directory.join("redis.conf")
}

pub(super) fn socket_path(directory: &Path) -> PathBuf {
    directory.join("redis.sock")
}

pub(super) fn log_path(directory: &Path) -> PathBuf {
    directory.join("redis.log")
}

/// Removes snapshot and append-only log, as far as there are any.
pub(super) fn remove_data(directory: &Path) {
    for removed in [
        fs::remove_file(directory.join("dump.rdb")),
        fs::remove_dir_all(directory.join("appendonlydir")),
        fs::remove_file(directory.join("appendonly.aof")),
    ] {
        match removed {
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound, "cannot remove data: {error}"),
        }
    }
}
