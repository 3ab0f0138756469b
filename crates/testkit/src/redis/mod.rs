//! A real Redis server that belongs to one test.

mod builder;
mod certificates;
mod process;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redis::Commands as _;
use tempfile::TempDir;

pub use self::builder::Builder;
use self::builder::Credentials;
use self::process::Process;
use crate::ReservedPort;

/// What becomes of the data when a server restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Everything written before is there again. A running server is saved first; one that was killed
    /// must have been [persistent](Builder::persistent).
    Keep,
    /// The server comes back empty, as a cache without persistence does.
    Lose,
}

/// A `redis-server` on loopback and on a unix socket, in a directory of its own, without persistence.
///
/// It is killed when dropped, and dies with the test process even if that is killed. `DRL_REDIS_SERVER`
/// names another binary (an older Redis, Valkey) to run the same tests on.
///
/// ```
/// use drl_testkit::{Data, RedisServer};
///
/// let server = RedisServer::builder().password("s3cret").start();
/// assert!(server.url().starts_with("redis://:s3cret@127.0.0.1:"));
/// server.kill();
/// server.restart(Data::Lose); // on the same address
/// assert_eq!(server.keys_without_ttl(), Vec::<String>::new());
/// ```
#[derive(Debug)]
pub struct RedisServer {
    /// Declared before the directory and the ports, so that the server is gone before they are given up.
    process: Mutex<Option<Process>>,
    plain: Option<ReservedPort>,
    tls: Option<ReservedPort>,
    user: Credentials,
    persistent: bool,
    directory: TempDir,
}

impl RedisServer {
    /// Starts a server without a password and returns once it answers.
    ///
    /// # Panics
    /// If `redis-server` is not installed or does not come up within 10 s, as everywhere in this type
    /// when the server does not do what it was told.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A server with something special about it.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The plain TCP address.
    ///
    /// # Panics
    /// If the server speaks TLS only.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.plain.as_ref().expect("a server that was not started with `tls_only`").address()
    }

    /// The TLS address.
    ///
    /// # Panics
    /// If the server was started without TLS.
    #[must_use]
    pub fn tls_address(&self) -> SocketAddr {
        self.tls.as_ref().expect("a server that was started with `tls` or `tls_only`").address()
    }

    /// `redis://[user:password@]127.0.0.1:port`.
    ///
    /// # Panics
    /// If the server speaks TLS only.
    #[must_use]
    pub fn url(&self) -> String {
        self.user.tcp_url("redis", self.address())
    }

    /// `rediss://[user:password@]127.0.0.1:port`, to be verified with [`ca_path`](Self::ca_path).
    ///
    /// # Panics
    /// If the server was started without TLS.
    #[must_use]
    pub fn tls_url(&self) -> String {
        self.user.tcp_url("rediss", self.tls_address())
    }

    /// `unix:///path[?user=…&pass=…]`.
    #[must_use]
    pub fn unix_url(&self) -> String {
        self.user.unix_url(&self.socket())
    }

    /// The certificate of the authority that signed the server's, in PEM. The server's is valid for
    /// `127.0.0.1` and `localhost`.
    #[must_use]
    pub fn ca_path(&self) -> PathBuf {
        certificates::ca_path(self.directory.path())
    }

    /// Kills the server as a crash would; its address refuses connections until it is restarted.
    pub fn kill(&self) {
        drop(self.process().take());
    }

    /// Starts the server again on the same addresses, killing it first if it runs.
    ///
    /// # Panics
    /// If data is to be kept that was never written to disk.
    pub fn restart(&self, data: Data) {
        let mut process = self.process();
        match data {
            Data::Keep if process.is_some() && !self.persistent => {
                redis::cmd("SAVE").exec(&mut self.connection()).expect("the server writes its snapshot");
            }
            Data::Keep => assert!(self.persistent, "a killed server keeps its data only if persistent"),
            Data::Lose => {}
        }
        drop(process.take());
        if data == Data::Lose {
            builder::remove_data(self.directory.path());
        }
        *process = Some(Process::start(self.directory.path()));
    }

    /// Stops the server's process (SIGSTOP): connections are accepted by the kernel, nothing is answered.
    ///
    /// # Panics
    /// If the server does not run.
    pub fn pause(&self) {
        self.process().as_ref().expect("a running server").pause();
    }

    /// Lets a paused server go on (SIGCONT). It executes what was sent to it in the meantime.
    ///
    /// # Panics
    /// If the server does not run.
    pub fn resume(&self) {
        self.process().as_ref().expect("a running server").resume();
    }

    /// Makes a replica the master of itself (`REPLICAOF NO ONE`).
    #[expect(clippy::missing_panics_doc, reason = "as on `start`")]
    pub fn promote(&self) {
        let mut connection = self.connection();
        redis::cmd("REPLICAOF").arg("NO").arg("ONE").exec(&mut connection).expect("a promoted replica");
    }

    /// An administrator's connection for assertions, over the unix socket: it works whatever password, ACL
    /// or TLS the test has set up.
    ///
    /// # Panics
    /// If the server does not run.
    #[must_use]
    pub fn connection(&self) -> redis::Connection {
        process::connect(&self.socket()).expect("a running server takes connections")
    }

    /// Deletes every key of every database. Scripts stay loaded.
    #[expect(clippy::missing_panics_doc, reason = "as on `start`")]
    pub fn flush(&self) {
        self.connection().flushall::<()>().expect("a running server can be flushed");
    }

    /// Every key of every database that would stay for ever, escaped for reading and sorted.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "as on `start`")]
    pub fn keys_without_ttl(&self) -> Vec<String> {
        const NO_TTL: i64 = -1;
        let mut found = Vec::new();
        let mut connection = self.connection();
        for database in 0..builder::DATABASES {
            redis::cmd("SELECT").arg(database).exec(&mut connection).expect("a database");
            let keys: Vec<Vec<u8>> =
                connection.scan().and_then(Iterator::collect).expect("a list of the keys");
            for key in keys {
                let ttl: i64 = connection.pttl(&key).expect("the time to live of a key");
                if ttl == NO_TTL {
                    found.push(key.escape_ascii().to_string());
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// How often a command has been executed since the server started, by whomever (Lua's calls count under
    /// their own names). Asserts that something took one round trip, or was not sent twice.
    ///
    /// ```
    /// let server = drl_testkit::RedisServer::start();
    /// assert_eq!(server.calls("evalsha"), 0);
    /// ```
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "as on `start`")]
    pub fn calls(&self, command: &str) -> u64 {
        let statistics: String =
            redis::cmd("INFO").arg("commandstats").query(&mut self.connection()).expect("statistics");
        let prefix = format!("cmdstat_{}:calls=", command.to_ascii_lowercase());
        let Some(calls) = statistics.lines().find_map(|line| line.strip_prefix(&prefix)) else { return 0 };
        let digits = calls.split(',').next().unwrap_or_default();
        digits.parse().expect("a number of calls")
    }

    fn socket(&self) -> PathBuf {
        builder::socket_path(self.directory.path())
    }

    /// A test that panicked while it held the lock leaves a server that can still be killed.
    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
