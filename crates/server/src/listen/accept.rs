//! Accepting connections, bounding how many there are, draining them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listener::{Connection, Listener, Socket, Stream};
use super::stopping::Stopping;
use super::tls::Tls;

/// What bounds a front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Open connections; the next ones wait in the kernel's queue.
    pub(crate) connections: usize,
    /// How long a client may take for the first step of whatever it is about to do: to shake hands, to send
    /// the head of a request.
    pub(crate) patience: Duration,
    /// How long what is in flight may take once the front drains.
    pub(crate) drain: Duration,
}

/// How long to hold back when no connection can be accepted (no file descriptors left).
const BACK_OFF: Duration = Duration::from_millis(50);

/// Hands every connection to `talk`, until `stopping`; then lets what is in flight finish, and cuts what does
/// not.
pub(crate) async fn serve<T, F>(listener: Listener, bounds: Bounds, mut stopping: Stopping, talk: T)
where
    T: Fn(Connection) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let slots = Arc::new(Semaphore::new(bounds.connections));
    let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
    loop {
        let accept = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            () = stopping.wait() => break,
            accepted = accept => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(BACK_OFF).await;
                continue;
            }
        };
        let (talk, tls, stopping, cut) = (talk.clone(), listener.tls.clone(), stopping.clone(), cut.clone());
        connections.spawn(async move {
            let whole = async move {
                if let Some(stream) = secured(socket, tls, bounds.patience).await {
                    talk(Connection { stream, peer, stopping }).await;
                }
            };
            tokio::select! {
                () = cut.cancelled() => {}
                () = whole => {}
            }
            drop(slot);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(bounds.drain, connections.wait()).await.is_err() {
        tracing::warn!(after = ?bounds.drain, "connections were still open and are cut");
        cut.cancel();
        connections.wait().await;
    }
}

/// Shakes hands where the front has TLS; nothing if the client does not.
async fn secured(socket: Socket, tls: Option<Tls>, patience: Duration) -> Option<Stream> {
    let (tls, tcp) = match (tls, socket) {
        (Some(tls), Either::Left(tcp)) => (tls, tcp),
        (_, socket) => return Some(Either::Left(socket)),
    };
    match tokio::time::timeout(patience, tls.accept(tcp)).await {
        Ok(Ok(stream)) => Some(Either::Right(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no handshake");
            None
        }
        Err(_elapsed) => None,
    }
}
