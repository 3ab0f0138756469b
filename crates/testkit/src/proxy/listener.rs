//! Takes connections and orders, one after the other, on the proxy's own thread.

use std::future;
use std::io;
use std::net;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Fault, Path, connection};
use crate::ReservedPort;

/// What the test wants; `done` is told when it is so.
pub(super) enum Order {
    Set { fault: Fault, done: mpsc::Sender<()> },
    ResetConnections { done: mpsc::Sender<()> },
}

pub(super) struct Listener {
    port: ReservedPort,
    path: Arc<Path>,
    /// Listening from the start, so that nobody has to wait for the thread.
    first: net::TcpListener,
}

impl Listener {
    pub(super) fn new(port: ReservedPort, path: Path) -> Self {
        let first = listen(&port);
        Self { port, path: Arc::new(path), first }
    }

    /// Runs until nobody can give orders any more.
    pub(super) fn run(self, mut inbox: UnboundedReceiver<Order>) {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let socket = Some(TcpListener::from_std(self.first).expect("a listener inside a runtime"));
            let connections = JoinSet::new();
            let resets = watch::Sender::new(());
            let mut proxy = Running { port: self.port, path: self.path, socket, connections, resets };
            loop {
                tokio::select! {
                    order = inbox.recv() => match order {
                        Some(order) => proxy.obey(order).await,
                        None => return,
                    },
                    Ok(client) = accept(proxy.socket.as_ref()) => proxy.admit(client),
                    Some(_ended) = proxy.connections.join_next() => {}
                }
            }
        });
    }
}

struct Running {
    port: ReservedPort,
    path: Arc<Path>,
    /// `None` refuses: the port stays reserved, but nobody listens.
    socket: Option<TcpListener>,
    connections: JoinSet<()>,
    resets: watch::Sender<()>,
}

impl Running {
    async fn obey(&mut self, order: Order) {
        let done = match order {
            Order::Set { fault, done } => {
                self.set(fault).await;
                done
            }
            Order::ResetConnections { done } => {
                self.reset().await;
                done
            }
        };
        // Whoever gave the order waits for it, unless its thread died.
        let _ = done.send(());
    }

    async fn set(&mut self, fault: Fault) {
        if fault == Fault::Refuse {
            self.refuse();
        } else if self.socket.is_none() {
            let listener = listen(&self.port);
            self.socket = Some(TcpListener::from_std(listener).expect("a listener inside a runtime"));
        }
        self.path.fault.send_replace(fault);
        if fault == Fault::Reset {
            self.reset().await;
        }
    }

    /// Closing a listener resets the connections that wait in its queue, so those are let in first.
    fn refuse(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        let socket = socket.into_std().expect("a listener of the standard library");
        while let Ok((client, _from)) = socket.accept() {
            client.set_nonblocking(true).expect("a non-blocking connection");
            self.admit(TcpStream::from_std(client).expect("a connection inside a runtime"));
        }
    }

    fn admit(&mut self, client: TcpStream) {
        self.path.counters.connections.fetch_add(1, Ordering::Relaxed);
        if *self.path.fault.borrow() == Fault::Reset {
            connection::reset(&client);
        } else {
            let connection = connection::run(client, Arc::clone(&self.path), self.resets.subscribe());
            self.connections.spawn(connection);
        }
    }

    async fn reset(&mut self) {
        self.resets.send_replace(());
        while self.connections.join_next().await.is_some() {}
    }
}

fn listen(port: &ReservedPort) -> net::TcpListener {
    let listener = net::TcpListener::bind(port.address()).expect("a reserved port can be listened on");
    listener.set_nonblocking(true).expect("a non-blocking listener");
    listener
}

async fn accept(socket: Option<&TcpListener>) -> io::Result<TcpStream> {
    match socket {
        Some(socket) => socket.accept().await.map(|(client, _from)| client),
        None => future::pending().await,
    }
}
