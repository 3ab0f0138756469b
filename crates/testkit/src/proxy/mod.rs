//! A TCP proxy that breaks connections on purpose.

mod connection;
mod listener;

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use self::listener::{Listener, Order};
use crate::ReservedPort;

/// What the proxy does to the connections through it, from the moment it is [set](FaultProxy::set).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Forward everything at once.
    Pass,
    /// Deliver each reply this much later, in order; many may be on their way at the same time.
    Delay(Duration),
    /// Forward requests, swallow replies: what was asked is done, and nobody learns of it.
    DropReplies,
    /// Accept and read, forward nothing in either direction. What is read meanwhile is lost.
    Blackhole,
    /// Reset every connection, old and new (RST).
    Reset,
    /// Refuse new connections (`ECONNREFUSED`), as a host does where nobody listens. Old ones live on.
    Refuse,
    /// Close a connection after this many more bytes of replies, in the middle of one perhaps.
    CutAfter(u64),
    /// Deliver requests and replies in pieces of this many bytes (at least one), with a pause after each.
    Trickle {
        /// The size of a piece.
        bytes: usize,
        /// How long after each piece.
        pause: Duration,
    },
}

/// What went through a [`FaultProxy`] so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Connections accepted, including those that were reset at once.
    pub connections: u64,
    /// Bytes read from clients, forwarded or not.
    pub request_bytes: u64,
    /// Bytes read from the server, forwarded or not.
    pub reply_bytes: u64,
}

/// A proxy on a free loopback port in front of a server, told at run time how to misbehave.
///
/// It runs on a thread of its own, so it works whether the test is synchronous, asynchronous or busy. When
/// [`set`](Self::set) returns, the fault is in force. Dropping the proxy closes everything.
///
/// ```
/// use drl_testkit::{Fault, FaultProxy, RedisServer};
///
/// let server = RedisServer::start();
/// let proxy = FaultProxy::start(server.address());
/// let client = redis::Client::open(format!("redis://{}", proxy.address())).unwrap();
/// assert!(client.get_connection().is_ok());
///
/// proxy.set(Fault::Refuse);
/// assert!(client.get_connection().is_err());
/// assert_eq!(proxy.traffic().connections, 1);
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    /// `None` only while dropping: closing it ends the thread.
    orders: Option<UnboundedSender<Order>>,
    thread: Option<thread::JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl FaultProxy {
    /// Starts forwarding to `upstream`, which need not be up yet.
    ///
    /// # Panics
    /// If `upstream` is no address, or the machine has no free port or thread.
    #[must_use]
    pub fn start(upstream: impl ToSocketAddrs) -> Self {
        let upstream =
            upstream.to_socket_addrs().ok().and_then(|mut all| all.next()).expect("an address to forward to");
        let port = ReservedPort::new();
        let address = port.address();
        let counters = Arc::new(Counters::default());
        let path = Path { upstream, counters: Arc::clone(&counters), fault: watch::Sender::new(Fault::Pass) };
        let (orders, inbox) = unbounded_channel();
        let listener = Listener::new(port, path);
        let thread = thread::Builder::new()
            .name("fault-proxy".to_owned())
            .spawn(move || listener.run(inbox))
            .expect("a thread");
        Self { address, orders: Some(orders), thread: Some(thread), counters }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Misbehaves so from now on, on connections that are open and on those to come.
    pub fn set(&self, fault: Fault) {
        self.order(|done| Order::Set { fault, done });
    }

    /// Resets the connections that are open now (RST), once.
    pub fn reset_connections(&self) {
        self.order(|done| Order::ResetConnections { done });
    }

    /// What went through so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            connections: self.counters.connections.load(Ordering::Relaxed),
            request_bytes: self.counters.request_bytes.load(Ordering::Relaxed),
            reply_bytes: self.counters.reply_bytes.load(Ordering::Relaxed),
        }
    }

    /// Waits on a blocking channel because tokio's own refuse to block inside a runtime; the proxy's
    /// thread answers within microseconds.
    fn order(&self, order: impl FnOnce(mpsc::Sender<()>) -> Order) {
        let (done, wait_until_done) = mpsc::channel();
        if let Some(orders) = &self.orders {
            orders.send(order(done)).expect("the proxy's thread runs until it is dropped");
            wait_until_done.recv().expect("the proxy's thread answers every order");
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has already been printed.
            let _ = thread.join();
        }
    }
}

/// What every connection needs to know.
struct Path {
    upstream: SocketAddr,
    counters: Arc<Counters>,
    fault: watch::Sender<Fault>,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    request_bytes: AtomicU64,
    reply_bytes: AtomicU64,
}
