//! A server with one front, as `drl serve` runs it, and a bare one to hold it against.

use std::future::pending;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use drl_server::{Address, Config, Front, Fronts, Server, Settings};
use drl_testkit::RedisServer;
use tokio::runtime::{Builder, Runtime};

use super::{Lane, Row};
use crate::report::Line;

/// A limit that nobody reaches.
const POLICIES: &str = "policies: [{ name: per-client, per: [client], limit: 1000000/second }]";

/// Something that listens, until it is dropped.
pub(super) struct Served {
    pub(super) runtime: Runtime,
    pub(super) address: SocketAddr,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Http,
    Grpc,
    Resp,
}

impl Served {
    /// Ours, on that store.
    pub(super) fn ours(kind: Kind, store: &str) -> Result<Self> {
        let mut settings = Settings {
            store: Some(store.to_owned()),
            ..Settings::new(Config::parse("bench.yaml", POLICIES)?)
        };
        let free = || Front::Tcp("127.0.0.1:0".to_owned());
        (settings.http, settings.grpc, settings.resp, settings.admin) =
            (Front::Off, Front::Off, Front::Off, Front::Off);
        match kind {
            Kind::Http => settings.http = free(),
            Kind::Grpc => settings.grpc = free(),
            Kind::Resp => settings.resp = free(),
        }
        let runtime = Self::runtime()?;
        let server = runtime.block_on(Server::bind(settings))?;
        let Fronts { http, grpc, resp, .. } = server.addresses();
        let address = [http, grpc, resp].into_iter().flatten().find_map(Address::tcp);
        let address = address.context("the server listens at no port")?;
        runtime.spawn(server.run(pending()));
        Ok(Self { runtime, address })
    }

    pub(super) fn runtime() -> Result<Runtime> {
        Ok(Builder::new_multi_thread().enable_all().build()?)
    }
}

/// Where ours keeps its counters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Backend {
    Embedded,
    Redis,
}

/// A store that is there.
pub(super) struct Store {
    pub(super) url: String,
    _redis: Option<RedisServer>,
}

impl Backend {
    const ALL: [Self; 2] = [Self::Embedded, Self::Redis];

    /// A row of that name for each.
    pub(super) fn rows(name: &str, run: fn(&Lane<'_>, Self) -> Result<Vec<Line>>) -> Vec<Row> {
        let row = |store: Self| Row::new(format!("{name}, {}", store.name()), move |lane| run(lane, store));
        Self::ALL.map(row).into()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded store",
            Self::Redis => "Redis",
        }
    }

    pub(super) fn start(self) -> Store {
        let redis = match self {
            Self::Embedded => None,
            Self::Redis => Some(RedisServer::start()),
        };
        let url = redis.as_ref().map_or_else(|| "memory://".to_owned(), RedisServer::url);
        Store { url, _redis: redis }
    }
}
