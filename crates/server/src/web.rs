//! HTTP/1.1 and HTTP/2 over whatever was accepted, for every front that speaks either.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tower_service::Service as _;

use crate::listen::Connection;

/// The longest head of a request, and what is buffered of a pipeline.
const LONGEST_HEAD: usize = 64 << 10;
/// The most requests that one connection may have in flight (HTTP/2).
const STREAMS: u32 = 1_024;
/// How often an HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Serves connections with these routes.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    routes: Router,
    builder: Builder<TokioExecutor>,
    patience: Duration,
}

impl Web {
    /// A client has `patience` to send the head of a request, and to start the next one.
    pub(crate) fn new(routes: Router, patience: Duration) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .max_buf_size(LONGEST_HEAD)
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(HEARTBEAT)
            .keep_alive_timeout(HEARTBEAT)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(LONGEST_HEAD).unwrap_or(u32::MAX));
        Self { routes, builder, patience }
    }

    /// One connection, to its end.
    pub(crate) async fn converse(self, connection: Connection) {
        let Connection { stream, peer, mut stopping } = connection;
        let asked = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&asked);
        let service = service_fn(move |mut request: Request<Incoming>| {
            seen.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(Peer(peer));
            self.routes.clone().call(request)
        });
        let mut served = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let mut silent = pin!(tokio::time::sleep(self.patience));
        let mut silence = true;
        let ended = loop {
            tokio::select! {
                ended = served.as_mut() => break ended,
                () = stopping.wait() => {
                    served.as_mut().graceful_shutdown();
                    break served.await;
                }
                () = silent.as_mut(), if silence => {
                    silence = false;
                    if !asked.load(Ordering::Relaxed) {
                        return;
                    }
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error, "connection ended");
        }
    }
}

/// Where a request's connection came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) Option<std::net::SocketAddr>);

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::watch;

    use super::*;
    use crate::listen::{self, Bounds, Front, Listener, Stopping};

    async fn started(bounds: Bounds) -> (SocketAddr, watch::Sender<bool>) {
        let front = Front::Tcp("127.0.0.1:0".to_owned());
        let listener = Listener::bind(&front, None).await.unwrap().unwrap();
        let (address, stop) = (listener.address().unwrap().tcp().unwrap(), watch::Sender::new(false));
        let routes = Router::new().route("/", axum::routing::get(|| async { "here" }));
        let web = Web::new(routes, bounds.patience);
        let talk = move |connection| web.clone().converse(connection);
        tokio::spawn(listen::serve(listener, bounds, Stopping::new(&stop), talk));
        (address, stop)
    }

    fn bounds(patience: Duration) -> Bounds {
        Bounds { connections: 2, patience, drain: Duration::from_secs(1) }
    }

    #[tokio::test]
    async fn silent_slow_and_idle_clients_are_sent_away() {
        let (address, _stop) = started(bounds(Duration::from_millis(50))).await;
        for sent in
            ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nhost: ", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"]
        {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(sent.as_bytes()).await.unwrap();
            let mut answer = String::new();
            let read = stream.read_to_string(&mut answer);
            // Reset or closed: gone.
            let _ = tokio::time::timeout(Duration::from_secs(10), read).await.expect("closed by the server");
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
