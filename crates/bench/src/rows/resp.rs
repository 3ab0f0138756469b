//! The server's RESP front against `redis-server`, both asked by `redis-benchmark`.
//!
//! Ours decides each request on the embedded store, with any number of cores; Redis stores a value of three bytes with one.

use anyhow::Result;
use drl_testkit::RedisServer;

use super::redis_benchmark::Load;
use super::served::{Kind, Served};
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
    let ours = Served::ours(Kind::Resp, "memory://")?;
    let port = ours.address.port().to_string();
    let [quick, full] = depth.requests;
    let (pipeline, requests) = (depth.pipeline, lane.effort.choose(quick, full));
    let flood = |port: &str, request: &[&str]| {
        let figure = Load { port, pipeline, keys: KEYS, requests }.run(request)?;
        anyhow::Ok(vec![figure])
    };
    let measures = [Measure::higher("requests/s").goal(depth.goal)];
    let redis = redis.address().port().to_string();
    lane.contest(&measures).between(|| flood(&port, &THROTTLE), || flood(&redis, &SET))
}
