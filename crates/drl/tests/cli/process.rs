//! The binary, run.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// `drl` with arguments, and none of the environment's settings. The fronts that are on by themselves, at fixed ports,
/// are off.
pub(crate) fn drl(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drl"));
    // Whatever the environment of these tests sets.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"DRL_")) {
        command.env_remove(name);
    }
    for name in ["DRL_GRPC", "DRL_RESP", "DRL_ADMIN"] {
        command.env(name, "off");
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    drl(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// `drl serve`, ready. Killed when dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) ready: String,
    pub(crate) url: String,
}

impl Serving {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        let http = ready.split_whitespace().find_map(|word| word.strip_prefix("http="));
        let url = format!("http://{}", http.unwrap_or_else(|| panic!("not ready: {ready:?}")));
        Self { child, ready, url }
    }

    /// Where a front listens.
    pub(crate) fn address(&self, front: &str) -> String {
        let fronts = self.ready.split_whitespace().filter_map(|word| word.split_once('='));
        let address = fronts.into_iter().find_map(|(name, address)| (name == front).then_some(address));
        address.unwrap_or_else(|| panic!("no such front: {:?}", self.ready)).to_owned()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end: the exit code, and everything it logged.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
