//! `drl check`: a question to a running server.

use std::io::{Write as _, stdout};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use crate::cli;
use crate::exit::Exit;

/// Longer than any policy may keep a request waiting.
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) fn run(arguments: &cli::Check) -> anyhow::Result<Exit> {
    let reply = ask(arguments)?;
    let Some(allowed) = reply.get("allowed").and_then(Value::as_bool) else {
        if arguments.json {
            writeln!(stdout(), "{reply}")?;
        }
        bail!("the server refuses: {}", text(&reply, "detail").unwrap_or("it does not say why"));
    };
    let line = if arguments.json { reply.to_string() } else { line(&reply) };
    writeln!(stdout(), "{line}")?;
    // Under `on_store_failure: closed` the server denies what it cannot decide.
    let undecided = reply.get("status").and_then(Value::as_u64) == Some(503);
    Ok(match (allowed, undecided) {
        (true, _) => Exit::Success,
        (false, false) => Exit::No,
        (false, true) => Exit::Error,
    })
}

fn ask(arguments: &cli::Check) -> anyhow::Result<Value> {
    let mut attributes = Map::new();
    for attribute in &arguments.attributes {
        if attributes.insert(attribute.name.clone(), attribute.value.clone().into()).is_some() {
            bail!("the attribute {} is there twice", attribute.name);
        }
    }
    let body = json!({ "domain": arguments.domain, "attributes": attributes, "cost": arguments.cost });
    let url = format!("{}/v1/check", arguments.url.trim_end_matches('/'));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .build()
        .into();
    let response = agent.post(&url).content_type("application/json").send(body.to_string());
    let mut response = response.with_context(|| format!("no answer from {url}"))?;
    let text = response.body_mut().read_to_string().with_context(|| format!("no answer from {url}"))?;
    serde_json::from_str(&text).with_context(|| format!("what answers at {url} is no drl"))
}

/// `allowed by per-client: 99 of 100 left`.
fn line(reply: &Value) -> String {
    let number = |name: &str| reply.get(name).and_then(Value::as_u64);
    let Some(policy) = text(reply, "policy") else { return "allowed: no policy matches".to_owned() };
    let left = format!("{} of {} left", number("remaining").unwrap_or(0), number("limit").unwrap_or(0));
    match (reply.get("allowed").and_then(Value::as_bool), number("retry_after_ms")) {
        (Some(true), _) => format!("allowed by {policy}: {left}"),
        (_, Some(wait)) => {
            format!("denied by {policy}: {left}, retry after {:?}", Duration::from_millis(wait))
        }
        (_, None) => format!("denied by {policy}: {left}, and it can never be admitted"),
    }
}

fn text<'r>(reply: &'r Value, name: &str) -> Option<&'r str> {
    reply.get(name).and_then(Value::as_str)
}
