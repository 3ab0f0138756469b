//! The operating system's side: a child that answers, stops, and never outlives the test.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::builder::{self, Credentials};

/// Generous, because many servers start at once on few cores; a healthy one needs tens of milliseconds.
const STARTUP: Duration = Duration::from_secs(10);
const ADVICE: &str = "if it is not installed, `cargo xtask ci` does that on Debian";
const POLL: Duration = Duration::from_millis(2);

/// A running `redis-server`; killed when dropped.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Runs the server whose configuration lies in `directory` and returns once it answers.
    pub(super) fn start(directory: &Path) -> Self {
        let binary = std::env::var("DRL_REDIS_SERVER").unwrap_or_else(|_unset| "redis-server".to_owned());
        let child = spawn(guarded(&binary, directory))
            .unwrap_or_else(|error| panic!("cannot start {binary}: {error}; {ADVICE}"));
        let mut process = Self(child);
        process.wait_until_it_answers(directory);
        process
    }

    /// Returns when the process has stopped, not merely been told to.
    pub(super) fn pause(&self) {
        self.signal(Signal::STOP);
        // NOWAIT leaves the child's state to `Child::wait`.
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(&self.0)), stopped).expect("a child that stops");
    }

    pub(super) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("a child takes signals");
    }

    fn wait_until_it_answers(&mut self, directory: &Path) {
        let deadline = Instant::now() + STARTUP;
        loop {
            // The unix socket is opened after the TCP ports, so an answer here means that all are open.
            let answer = connect(&builder::socket_path(directory))
                .and_then(|mut connection| redis::cmd("PING").exec(&mut connection));
            let Err(error) = answer else { return };
            let exit = self.0.try_wait().expect("the state of a child");
            if exit.is_some() || Instant::now() > deadline {
                let log = std::fs::read_to_string(builder::log_path(directory)).unwrap_or_default();
                panic!(
                    "redis-server does not answer: {error}; it ended: {exit:?}; {ADVICE}; its log:\n{log}"
                );
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the server is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An administrator's connection; its reads and writes are bounded, so a paused server fails the test
/// instead of hanging it.
pub(super) fn connect(socket: &Path) -> redis::RedisResult<redis::Connection> {
    let client = redis::Client::open(Credentials::administrator().unix_url(socket))?;
    let connection = client.get_connection_with_timeout(STARTUP)?;
    connection.set_read_timeout(Some(STARTUP))?;
    connection.set_write_timeout(Some(STARTUP))?;
    Ok(connection)
}

/// Polls until a replica has caught up with its master.
pub(super) fn wait_for_the_master(socket: &Path) {
    let deadline = Instant::now() + STARTUP;
    let mut connection = connect(socket).expect("a running server takes connections");
    loop {
        let replication: String =
            redis::cmd("INFO").arg("replication").query(&mut connection).expect("the replication's state");
        if replication.contains("master_link_status:up") {
            return;
        }
        assert!(Instant::now() < deadline, "the replica does not reach its master:\n{replication}");
        thread::sleep(POLL);
    }
}

/// The server's command line, wrapped so that the kernel kills the child with its parent (`setpriv` of
/// util-linux sets `PR_SET_PDEATHSIG` and then becomes the server: no unsafe code, the same process id).
fn guarded(binary: &str, directory: &Path) -> Command {
    let mut command = if cfg!(target_os = "linux") {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--pdeathsig", "KILL", "--", binary]);
        setpriv
    } else {
        Command::new(binary)
    };
    command.arg(builder::config_path(directory)).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A command to run, and where its child goes.
struct Order {
    command: Command,
    reply: mpsc::Sender<io::Result<Child>>,
}

/// Spawns from a thread that lives as long as the process. To the kernel the parent is the *thread* that
/// forked: spawned from a test's own thread, a server shared through a `static` would die with the first test.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        let run = move || {
            for mut order in orders {
                // The one who asked may have panicked; its child then dies with us.
                let _ = order.reply.send(order.command.spawn());
            }
        };
        thread::Builder::new().name("redis-spawner".to_owned()).spawn(run).expect("a thread");
        sender
    });
    let (reply, child) = mpsc::channel();
    spawner.send(Order { command, reply }).expect("the spawner lives as long as the process");
    child.recv().expect("the spawner answers every order")
}
