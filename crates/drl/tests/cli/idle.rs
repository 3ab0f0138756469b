//! Ten thousand connections that say nothing.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::process::{Serving, drl};

const FREE: &str = "127.0.0.1:0";
/// What each may cost, in bytes of memory that is really there.
const EACH: u64 = 16 * 1024;

/// As many as this machine lets two processes have open, ten thousand at the most.
fn many() -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let most = limit.maximum.map_or(10_000, |most| most.saturating_sub(500).min(10_000));
    usize::try_from(most).unwrap()
}

/// A process' memory, in bytes.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn ten_thousand_idle_connections_cost_little_and_keep_nobody_out() {
    let mut command = drl(&["serve", "--http", FREE]);
    command.env("DRL_RESP", FREE).env("DRL_GRPC", FREE);
    let server = Serving::start(command);
    let before = resident(server.id());
    let many = many();
    let fronts = ["http", "grpc", "resp"].map(|front| server.address(front));
    let idle: Vec<TcpStream> = (0..many).map(|turn| TcpStream::connect(&fronts[turn % 3]).unwrap()).collect();
    let agent = ureq::Agent::new_with_defaults();
    let check = agent.post(&format!("{}/v1/check", server.url)).send(r#"{"attributes":{"client":"alice"}}"#);
    assert_eq!(check.unwrap().status(), 200);
    let mut client = TcpStream::connect(&fronts[2]).unwrap();
    client.write_all(b"PING\r\n").unwrap();
    let mut pong = [0; 7];
    client.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"+PONG\r\n");
    let cost = resident(server.id()).saturating_sub(before) / many as u64;
    assert!(cost < EACH, "{cost} bytes for each of {many}");
    drop(idle);
}
