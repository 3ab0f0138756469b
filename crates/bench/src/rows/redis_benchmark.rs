//! `redis-benchmark`, Redis' own load generator: a C program that decides nothing.

use std::process::Command;

use anyhow::{Context as _, Result};

/// What it is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load<'a> {
    pub(super) port: &'a str,
    /// Requests that each of its 50 connections has in flight.
    pub(super) pipeline: usize,
    /// `__rand_int__` in a request is one of so many.
    pub(super) keys: usize,
    pub(super) requests: usize,
}

impl Load<'_> {
    /// Has it make this request, over and over: requests a second.
    pub(super) fn run(&self, request: &[&str]) -> Result<f64> {
        let Self { port, pipeline, keys, requests } = self;
        let mut benchmark = Command::new("redis-benchmark");
        benchmark.args(["-p", port, "--csv", "-P", &pipeline.to_string()]);
        benchmark.args(["-r", &keys.to_string(), "-n", &requests.to_string()]).args(request);
        let output = benchmark.output().context("redis-benchmark cannot be run")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let figure = text.lines().last().and_then(|line| line.split("\",\"").nth(1));
        let figure = figure.with_context(|| format!("redis-benchmark says {text}"))?;
        figure.parse().with_context(|| format!("redis-benchmark says {figure}"))
    }
}
