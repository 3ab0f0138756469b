//! The server's RESP front against `redis-server`, both asked by `redis-benchmark`.
//!
//! Ours decides each request on the embedded store, with any number of cores; Redis stores a value of three bytes with one.

use std::future::pending;

use anyhow::{Context as _, Result};
use drl_server::{Config, Front, Server, Settings};
use drl_testkit::RedisServer;
use tokio::runtime::{Builder, Runtime};

use super::redis_benchmark::Load;
use super::{Lane, Row};
use crate::contest::Measure;
use crate::report::Line;

const KEYS: usize = 100_000;
const SET: [&str; 3] = ["SET", "key:__rand_int__", "xxx"];
/// A bucket that admits everything and remembers each request for longer than the row takes.
const THROTTLE: [&str; 5] = ["CL.THROTTLE", "key:__rand_int__", "1000000", "1000", "60"];

/// How many requests a connection has in flight, and what is to be reached with them.
#[derive(Clone, Copy, Debug)]
struct Depth {
    pipeline: usize,
    goal: f64,
    /// Quick and full.
    requests: [usize; 2],
}

const DEPTHS: [Depth; 2] = [
    Depth { pipeline: 32, goal: 0.8, requests: [500_000, 2_000_000] },
    Depth { pipeline: 1, goal: 0.5, requests: [60_000, 200_000] },
];

pub(super) fn rows() -> Vec<Row> {
    let row = |depth: Depth| {
        let name = format!("resp, 100 k keys, CL.THROTTLE against SET, -P {}", depth.pipeline);
        Row::new(name, move |lane| against_set(lane, depth))
    };
    DEPTHS.map(row).into()
}

fn against_set(lane: &Lane<'_>, depth: Depth) -> Result<Vec<Line>> {
    let redis = RedisServer::start();
    let ours = Ours::start()?;
    let [quick, full] = depth.requests;
    let (pipeline, requests) = (depth.pipeline, lane.effort.choose(quick, full));
    let flood = |port: &str, request: &[&str]| {
        let figure = Load { port, pipeline, keys: KEYS, requests }.run(request)?;
        anyhow::Ok(vec![figure])
    };
    let measures = [Measure::higher("requests/s").goal(depth.goal)];
    let redis = redis.address().port().to_string();
    lane.contest(&measures).between(|| flood(&ours.port, &THROTTLE), || flood(&redis, &SET))
}

/// As `drl serve` runs it.
struct Ours {
    _runtime: Runtime,
    port: String,
}

impl Ours {
    fn start() -> Result<Self> {
        let resp = Front::Tcp("127.0.0.1:0".to_owned());
        let settings = Settings { http: Front::Off, resp, ..Settings::new(Config::quickstart()) };
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let server = runtime.block_on(Server::bind(settings))?;
        let address = server.addresses().resp.as_ref().and_then(drl_server::Address::tcp);
        let port = address.context("the server listens at no port")?.port().to_string();
        runtime.spawn(server.run(pending()));
        Ok(Self { _runtime: runtime, port })
    }
}
