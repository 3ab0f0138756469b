//! The front for Envoy against a bare tonic handler that answers a constant.
//!
//! The load comes from tonic's client in the same process, for both sides alike. What it costs itself is in both
//! figures, so the ratio of the servers alone is somewhat further from 1.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use drl_proto::client::RateLimitServiceClient;
use drl_proto::descriptor::RateLimitDescriptor;
use drl_proto::descriptor::rate_limit_descriptor::Entry;
use drl_proto::response::{Code, DescriptorStatus};
use drl_proto::server::{RateLimitService, RateLimitServiceServer};
use drl_proto::{RateLimitRequest, RateLimitResponse};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, async_trait};

use super::served::{Backend, Kind, Served};
use super::{Lane, Row};
use crate::contest::{Figures, Measure};
use crate::report::Line;
use crate::workload::client;

const RATE: Measure = Measure::higher("requests/s").goal(0.75);
const P99: Measure = Measure::lower("p99 µs");
const CONNECTIONS: usize = 2;
/// Calls in flight on each connection.
const CALLS: usize = 32;
const CLIENTS: usize = 100_000;

pub(super) fn rows() -> Vec<Row> {
    Backend::rows("gRPC, ShouldRateLimit, 100 k keys", run)
}

fn run(lane: &Lane<'_>, store: Backend) -> Result<Vec<Line>> {
    let store = store.start();
    let ours = Served::ours(Kind::Grpc, &store.url)?;
    let bare = bare()?;
    let span = lane.effort.span();
    let flood = |served: &Served| served.runtime.block_on(load(served.address, span));
    lane.contest(&[RATE, P99]).between(|| flood(&ours), || flood(&bare))
}

/// Answers the same to everybody.
struct Constant;

#[async_trait]
impl RateLimitService for Constant {
    async fn should_rate_limit(
        &self,
        request: Request<RateLimitRequest>,
    ) -> Result<Response<RateLimitResponse>, Status> {
        let status = DescriptorStatus { code: Code::Ok.into(), ..DescriptorStatus::default() };
        Ok(Response::new(RateLimitResponse {
            overall_code: Code::Ok.into(),
            statuses: vec![status; request.get_ref().descriptors.len()],
            ..RateLimitResponse::default()
        }))
    }
}

fn bare() -> Result<Served> {
    let runtime = Served::runtime()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let server = tonic::transport::Server::builder().add_service(RateLimitServiceServer::new(Constant));
    runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    Ok(Served { runtime, address })
}

/// Requests a second, and the time that 99 of 100 take at the most.
async fn load(address: SocketAddr, span: Duration) -> Result<Figures> {
    let endpoint = Channel::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(RateLimitServiceClient::new(endpoint.connect().await?));
    }
    let started = Instant::now();
    let callers: Vec<_> = (0..CONNECTIONS * CALLS)
        .map(|caller| tokio::spawn(call(connections[caller % CONNECTIONS].clone(), caller, started + span)))
        .collect();
    let mut times = Vec::new();
    for caller in callers {
        times.extend(caller.await??);
    }
    let elapsed = started.elapsed().as_secs_f64();
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).context("no call was answered")?;
    Ok(vec![times.len() as f64 / elapsed, p99.as_secs_f64() * 1e6])
}

async fn call(
    mut server: RateLimitServiceClient<Channel>,
    caller: usize,
    end: Instant,
) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut number = caller;
    while Instant::now() < end {
        number = (number + CONNECTIONS * CALLS) % CLIENTS;
        let entry = Entry { key: "client".to_owned(), value: client(number) };
        let descriptor = RateLimitDescriptor { entries: vec![entry], ..RateLimitDescriptor::default() };
        let request =
            RateLimitRequest { domain: "default".to_owned(), descriptors: vec![descriptor], hits_addend: 1 };
        let asked = Instant::now();
        let response = server.should_rate_limit(request).await?.into_inner();
        times.push(asked.elapsed());
        ensure!(response.overall_code() == Code::Ok, "{response:?}");
    }
    Ok(times)
}
