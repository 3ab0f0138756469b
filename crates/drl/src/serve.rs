//! `drl serve`.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use anyhow::Context as _;
use drl_server::signals::Signals;
use drl_server::{Config, Legacy, Server, Settings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;

use crate::cli;
use crate::exit::Exit;

pub(crate) fn run(arguments: cli::Serve) -> anyhow::Result<Exit> {
    let level = std::env::var("DRL_LOG").unwrap_or_else(|_unset| "info".to_owned());
    let filter = EnvFilter::try_new(&level).with_context(|| format!("DRL_LOG: `{level}` is no level"))?;
    tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_env_filter(filter)
        .init();
    take_all_file_descriptors();
    let config = config(&arguments)?;
    let descriptor_files = arguments.envoy.files();
    let cli::Serve {
        config: files,
        store,
        http,
        grpc,
        resp,
        resp_password,
        admin,
        admin_token,
        request_timeout,
        ..
    } = arguments;
    let legacy = Legacy::from(arguments.legacy_headers);
    let fronts = Settings { http, grpc, resp, resp_password, admin, admin_token, ..Settings::new(config) };
    let limits = Settings { files, descriptor_files, request_timeout, ..fronts };
    let settings = Settings { store, tls: arguments.tls.files(), legacy, ..limits };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(settings))?;
    Ok(Exit::Success)
}

fn config(arguments: &cli::Serve) -> anyhow::Result<Config> {
    let policies = arguments.config.as_deref().map(Config::load).transpose();
    let policies = policies.context("the policies are not valid")?;
    let descriptors = arguments.envoy.files().map(|files| files.load()).transpose();
    Ok(match (policies, descriptors.context("the descriptors are not valid")?) {
        (None, None) => Config::quickstart(),
        (None, Some(descriptors)) => Config::of_descriptors(descriptors),
        (Some(config), None) => config,
        (Some(config), Some(descriptors)) => config.with_descriptors(descriptors),
    })
}

/// Connections are file descriptors; what programs get by themselves is often a thousand.
fn take_all_file_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(%error, "the limit of open files stays");
    }
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    // Before the line is printed: whoever reads it may send the signal at once.
    let signals = Signals::install().context("signals cannot be taken")?;
    let server = Server::bind(settings).await?;
    let mut out = stdout();
    writeln!(out, "{}", server.addresses())
        .and_then(|()| out.flush())
        .context("standard output is closed")?;
    server.run(signals.wait()).await;
    Ok(())
}
