//! Accepting connections, bounding what each can hold, draining them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::server::Stopping;

/// What bounds a front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Open connections; the next ones wait in the kernel's queue.
    pub(crate) connections: usize,
    /// How long a client may take to send a request's head, and a connection to stay idle.
    pub(crate) head: Duration,
    /// How long requests in flight may take once the front drains.
    pub(crate) drain: Duration,
}

/// The longest head of a request, and what is buffered of a pipeline.
const LONGEST_HEAD: usize = 64 << 10;
/// How long to hold back when no connection can be accepted (no file descriptors left).
const BACK_OFF: Duration = Duration::from_millis(50);

/// Serves until `stopping`, then lets what is in flight finish.
pub(crate) async fn serve(listener: TcpListener, routes: Router, bounds: Bounds, mut stopping: Stopping) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(bounds.connections));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(bounds.head).max_buf_size(LONGEST_HEAD);
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, stream) = tokio::select! {
            () = stopping.wait() => break,
            (slot, Ok((stream, _peer))) = accepted => (slot, stream),
            else => {
                tracing::warn!("no connection can be accepted");
                tokio::time::sleep(BACK_OFF).await;
                continue;
            }
        };
        without_delay(&stream);
        let connection =
            builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(bounds.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(after = ?bounds.drain, "connections were still open and are cut");
    }
}

/// Answers are small and waited for.
fn without_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no delay cannot be set");
    }
}
