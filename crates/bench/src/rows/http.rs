//! The front for HTTP against a bare axum handler that answers a constant, both asked by `wrk`.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::http::header;
use axum::routing::post;
use tokio::net::TcpListener;

use super::served::{Backend, Kind, Served};
use super::{Lane, Row};
use crate::contest::{Figures, Measure};
use crate::report::Line;

const RATE: Measure = Measure::higher("requests/s").goal(0.75);
const P99: Measure = Measure::lower("p99 µs");
/// Each request comes from one of 100,000 clients.
const SCRIPT: &str = r#"
local number = 0
function request()
  number = (number + 7919) % 100000
  local body = '{"attributes":{"client":"client-' .. number .. '"}}'
  return wrk.format("POST", "/v1/check", { ["content-type"] = "application/json" }, body)
end
"#;
/// As long as what ours says.
const ANSWER: &str = r#"{"allowed":true,"limit":1000000,"remaining":999999,"reset_after_ms":1,"retry_after_ms":null,"wait_ms":0,"policies":[]}"#;

pub(super) fn rows() -> Vec<Row> {
    Backend::rows("HTTP, POST /v1/check, 100 k keys", run)
}

fn run(lane: &Lane<'_>, store: Backend) -> Result<Vec<Line>> {
    let store = store.start();
    let ours = Served::ours(Kind::Http, &store.url)?;
    let bare = bare()?;
    let seconds = lane.effort.choose(Duration::from_secs(1), Duration::from_secs(3));
    lane.contest(&[RATE, P99]).between(|| load(&ours, seconds), || load(&bare, seconds))
}

fn bare() -> Result<Served> {
    let answer = async || ([(header::CONTENT_TYPE, "application/json")], ANSWER);
    // Reads the body, as whoever answers for real must.
    let routes = Router::new().route("/v1/check", post(async move |_: String| answer().await));
    let runtime = Served::runtime()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(async { axum::serve(listener, routes).await });
    Ok(Served { runtime, address })
}

/// Requests a second, and the time that 99 of 100 take at the most, in microseconds.
fn load(served: &Served, length: Duration) -> Result<Figures> {
    let script = std::env::temp_dir().join(format!("drl-bench-{}.lua", std::process::id()));
    fs::write(&script, SCRIPT).context("a script for wrk")?;
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads", "1", "--connections", "64", "--latency"]);
    wrk.arg(format!("--duration={}s", length.as_secs())).arg("--script").arg(&script);
    let output = wrk.arg(format!("http://{}/v1/check", served.address)).output();
    fs::remove_file(&script).context("the script for wrk")?;
    let output = output.context("wrk cannot be run: it is in Debian's package `wrk`")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(!text.contains("Non-2xx"), "wrk says {text}");
    let figure = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let rate = figure("Requests/sec:").and_then(|rate| rate.parse::<f64>().ok());
    let p99 = figure("99%").and_then(micros);
    Ok(vec![
        rate.with_context(|| format!("wrk says {text}"))?,
        p99.with_context(|| format!("wrk says {text}"))?,
    ])
}

/// As wrk writes times: `1.23ms`.
fn micros(text: &str) -> Option<f64> {
    let (number, factor) = [("us", 1.0), ("ms", 1e3), ("s", 1e6)]
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    Some(number.parse::<f64>().ok()? * factor)
}
