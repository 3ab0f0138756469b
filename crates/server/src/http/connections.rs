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
        let accept = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            () = stopping.wait() => break,
            accepted = accept => accepted,
        };
        let stream = match accepted {
            Ok((stream, _peer)) => stream,
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::watch;

    use super::*;
    use crate::server::Stopping;

    async fn started(bounds: Bounds) -> (std::net::SocketAddr, watch::Sender<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), watch::Sender::new(false));
        let routes = Router::new().route("/", axum::routing::get(|| async { "here" }));
        tokio::spawn(serve(listener, routes, bounds, Stopping::new(&stop)));
        (address, stop)
    }

    fn bounds(head: Duration) -> Bounds {
        Bounds { connections: 2, head, drain: Duration::from_secs(1) }
    }

    #[tokio::test]
    async fn silent_slow_and_idle_clients_are_sent_away() {
        let (address, _stop) = started(bounds(Duration::from_millis(50))).await;
        for sent in ["", "GET / HTTP/1.1\r\nhost: ", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(sent.as_bytes()).await.unwrap();
            let mut answer = String::new();
            let read = stream.read_to_string(&mut answer);
            tokio::time::timeout(Duration::from_secs(10), read).await.expect("closed by the server").unwrap();
            assert_eq!(answer.contains("here"), sent.ends_with("\r\n\r\n"), "{sent:?}: {answer}");
        }
    }

    #[tokio::test]
    async fn connections_beyond_the_bound_wait_their_turn() {
        let (address, _stop) = started(bounds(Duration::from_secs(60))).await;
        let first = TcpStream::connect(address).await.unwrap();
        let _second = TcpStream::connect(address).await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        third.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut byte = [0];
        let early = tokio::time::timeout(Duration::from_millis(50), third.read(&mut byte)).await;
        assert!(early.is_err(), "both places are taken");
        drop(first);
        let mut answer = String::new();
        third.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
    }
}
