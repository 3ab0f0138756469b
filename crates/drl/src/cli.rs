//! The arguments.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use drl_server::envoy::{Denied, Files, Keeping, Mode, OnStoreFailure, SameDomain};
use drl_server::{Front, Password, TlsFiles};

use crate::bench::Bench;

/// A distributed rate limiter that is never over the limit.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer checks over the network.
    ///
    /// Prints one line to standard output when everything listens: `ready http=IP:PORT …`. Logs go to
    /// standard error (DRL_LOG sets the level: `debug`, `warn`, `drl_server=debug`). SIGTERM and SIGINT
    /// drain and exit with 0.
    Serve(Serve),
    /// Ask a running server whether a request may go on: exit 0 allowed, 1 denied, 2 no answer.
    Check(Check),
    /// Say what is wrong with policy files, one `file:line:column: message` a problem: exit 0 or 1.
    Validate(Validate),
    /// Print the JSON Schema of policy files, for editors.
    Schema,
    /// Ask for decisions as fast as they come, and judge whether too much was admitted: exit 0, 1 if so, 2 if
    /// there is no result.
    ///
    /// Decisions are made by limiters in this program, as in a program that embeds the library: on memory://
    /// unless a --store is named. Every run has counters of its own, which expire by themselves. The result
    /// is a table on standard output, or one JSON object.
    Bench(Bench),
    /// One of the processes that `bench --processes` starts.
    #[command(hide = true)]
    BenchInstance,
    /// Print a script that completes this command's arguments.
    Completions {
        /// For this shell.
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// A policy file, or a directory of them. Without: 100 requests a minute for each `client`.
    #[arg(long, env = "DRL_CONFIG", value_name = "FILE|DIR")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) envoy: Envoy,
    /// Where the counters live, as in redis://127.0.0.1:6379. Wins over the policy file; memory:// if
    /// neither says.
    #[arg(long, env = "DRL_STORE", value_name = "URL", hide_env_values = true)]
    pub(crate) store: Option<String>,
    /// Where HTTP is answered; host:port, tls://host:port or unix:///path. Port 0 picks a free one, `off` is nowhere.
    #[arg(long, env = "DRL_HTTP", value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = front)]
    pub(crate) http: Front,
    /// Where Envoy is answered (gRPC).
    #[arg(long, env = "DRL_GRPC", value_name = "ADDR", default_value = "127.0.0.1:8081", value_parser = front)]
    pub(crate) grpc: Front,
    /// Send X-RateLimit-* fields, too, beside the standard ones: to HTTP clients and, through Envoy, to its
    /// clients. `legacy_headers: true` in a policy file does so for HTTP alone.
    #[arg(long, env = "DRL_LEGACY_HEADERS")]
    pub(crate) legacy_headers: bool,
    /// Where Redis clients are answered (RESP).
    #[arg(long, env = "DRL_RESP", value_name = "ADDR", default_value = "127.0.0.1:6380", value_parser = front)]
    pub(crate) resp: Front,
    /// What Redis clients have to say first (AUTH); nothing if there is none.
    #[arg(long, env = "DRL_RESP_PASSWORD", value_name = "PASSWORD", hide_env_values = true)]
    pub(crate) resp_password: Option<Password>,
    /// Where operators are answered (HTTP).
    #[arg(long, env = "DRL_ADMIN", value_name = "ADDR", default_value = "127.0.0.1:9090", value_parser = front)]
    pub(crate) admin: Front,
    /// What who changes something over the admin front must show as `Authorization: Bearer TOKEN`. Without,
    /// changes are taken from this machine only.
    #[arg(long, env = "DRL_ADMIN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) admin_token: Option<String>,
    /// How long a request may take over HTTP and gRPC. Longer than policies let requests wait (`on_limited`, 30 s
    /// at the most), or those are told that it took too long.
    #[arg(long, env = "DRL_REQUEST_TIMEOUT", value_name = "TIME", default_value = "35s", value_parser = patience)]
    pub(crate) request_timeout: Duration,
    #[command(flatten)]
    pub(crate) tls: Tls,
}

/// Rules in the format of envoyproxy/ratelimit, beside the policies or instead of them.
#[derive(Debug, Args)]
pub(crate) struct Envoy {
    /// A file in the format of envoyproxy/ratelimit, or a directory of them.
    #[arg(long, env = "DRL_ENVOY_CONFIG", value_name = "FILE|DIR")]
    envoy_config: Option<PathBuf>,
    /// Let several of these files name the same domain.
    #[arg(long, env = "DRL_ENVOY_MERGE_DOMAINS", value_parser = FalseyValueParser::new())]
    envoy_merge_domains: bool,
    /// Charge these rules what fits when a request is denied, too.
    #[arg(long, env = "DRL_ENVOY_COUNT_DENIED", value_parser = FalseyValueParser::new())]
    envoy_count_denied: bool,
    /// Take every rule for a quota: a request is denied once all that it meets are used up.
    #[arg(long, env = "DRL_ENVOY_QUOTA", value_parser = FalseyValueParser::new())]
    envoy_quota: bool,
    /// Count by these rules and report, but deny nothing.
    #[arg(long, env = "DRL_ENVOY_SHADOW", value_parser = FalseyValueParser::new())]
    envoy_shadow: bool,
    /// What holds for these rules while the store is out of reach.
    #[arg(long, env = "DRL_ENVOY_ON_STORE_FAILURE", value_name = "MODE", default_value = "error")]
    envoy_on_store_failure: StoreFailure,
}

/// What happens while the store cannot decide.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum StoreFailure {
    /// The question fails.
    Error,
    /// The request passes.
    Open,
    /// The request is refused.
    Closed,
    /// Each instance holds its share of the limit by itself.
    Local,
}

impl Envoy {
    /// The files, if any are named.
    pub(crate) fn files(&self) -> Option<Files> {
        let mode = match (self.envoy_shadow, self.envoy_quota) {
            (true, _) => Mode::Shadow,
            (false, true) => Mode::Quota,
            (false, false) => Mode::Enforce,
        };
        let on_store_failure = match self.envoy_on_store_failure {
            StoreFailure::Error => OnStoreFailure::Error,
            StoreFailure::Open => OnStoreFailure::Open,
            StoreFailure::Closed => OnStoreFailure::Closed,
            StoreFailure::Local => OnStoreFailure::Local,
        };
        let denied = if self.envoy_count_denied { Denied::WhatFits } else { Denied::Nothing };
        let same = if self.envoy_merge_domains { SameDomain::Merge } else { SameDomain::Refuse };
        let keeping = Keeping { mode, denied, on_store_failure };
        self.envoy_config.clone().map(|path| Files { path, same, keeping })
    }
}

/// The identity of the fronts whose address begins with tls://.
#[derive(Debug, Args)]
pub(crate) struct Tls {
    /// The certificate of fronts at tls://host:port (PEM); read again when it changes.
    #[arg(long, env = "DRL_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, env = "DRL_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The authorities whose certificates clients must show (PEM).
    #[arg(long, env = "DRL_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
}

impl Tls {
    pub(crate) fn files(self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.tls_cert?,
            key: self.tls_key?,
            client_authorities: self.tls_client_ca,
        })
    }
}

/// A time as it is written.
pub(crate) fn span(text: &str) -> anyhow::Result<Duration> {
    let signed: jiff::SignedDuration = text.parse().context("not a time such as 500ms, 10s or 1m")?;
    Duration::try_from(signed).context("a time before its start")
}

fn patience(text: &str) -> anyhow::Result<Duration> {
    let patience = span(text)?;
    anyhow::ensure!(!patience.is_zero(), "no request is answered in no time");
    Ok(patience)
}

fn front(text: &str) -> Result<Front, String> {
    text.parse()
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// Whose policies.
    #[arg(long, value_name = "DOMAIN", default_value = "default")]
    pub(crate) domain: String,
    /// What the request costs; 0 charges nothing.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) cost: u64,
    /// Print the server's whole answer.
    #[arg(long)]
    pub(crate) json: bool,
    /// What the request says about itself, as in client=alice.
    #[arg(value_name = "KEY=VALUE", required = true, value_parser = attribute)]
    pub(crate) attributes: Vec<Attribute>,
}

/// One KEY=VALUE.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) value: String,
}

fn attribute(text: &str) -> Result<Attribute, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            Ok(Attribute { name: name.to_owned(), value: value.to_owned() })
        }
        _ => Err("expected KEY=VALUE, as in client=alice".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// The files are in the format of envoyproxy/ratelimit.
    #[arg(long)]
    pub(crate) envoy: bool,
    /// Let several files of a directory name the same domain.
    #[arg(long, requires = "envoy")]
    pub(crate) merge_domains: bool,
    /// Policy files, or directories of them.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}
