//! The fault proxy does what its documentation says, in front of a real server.

#![expect(clippy::expect_used, reason = "clippy's leave for tests does not reach their helpers")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use drl_testkit::{Fault, FaultProxy, RedisServer, ReservedPort};
use redis::Commands as _;

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(5);
const PONG: &[u8] = b"+PONG\r\n";

/// A bare connection, which sends nothing by itself.
struct Client(TcpStream);

impl Client {
    fn connect(proxy: &FaultProxy) -> Self {
        let stream = TcpStream::connect(proxy.address()).expect("the proxy accepts");
        stream.set_read_timeout(Some(LONG)).expect("a timeout");
        Self(stream)
    }

    fn send(&mut self, request: &str) {
        self.0.write_all(request.as_bytes()).expect("a request can be sent");
    }

    fn reply(&mut self, length: usize) -> std::io::Result<Vec<u8>> {
        let mut reply = vec![0; length];
        self.0.read_exact(&mut reply)?;
        Ok(reply)
    }

    fn ping(&mut self) -> std::io::Result<Vec<u8>> {
        self.send("PING\r\n");
        self.reply(PONG.len())
    }

    fn hears_nothing(&mut self) -> bool {
        self.0.set_read_timeout(Some(SHORT)).expect("a timeout");
        let heard = self.0.read(&mut [0]);
        self.0.set_read_timeout(Some(LONG)).expect("a timeout");
        heard.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }
}

struct Setup {
    server: RedisServer,
    proxy: FaultProxy,
}

impl Setup {
    fn new() -> Self {
        let server = RedisServer::start();
        let proxy = FaultProxy::start(server.address());
        Self { server, proxy }
    }
}

#[test]
fn what_passes_is_counted() {
    let Setup { server: _server, proxy } = Setup::new();
    let mut client = Client::connect(&proxy);
    assert_eq!(client.ping().unwrap(), PONG);
    assert_eq!(client.ping().unwrap(), PONG);
    let traffic = proxy.traffic();
    assert_eq!((traffic.connections, traffic.request_bytes, traffic.reply_bytes), (1, 12, 14));
}

#[test]
fn delayed_replies_come_later_but_together() {
    let Setup { server: _server, proxy } = Setup::new();
    let mut client = Client::connect(&proxy);
    proxy.set(Fault::Delay(SHORT));
    let started = Instant::now();
    for _ in 0..10 {
        client.send("PING\r\n");
    }
    client.reply(10 * PONG.len()).unwrap();
    assert!(started.elapsed() >= SHORT, "{:?}", started.elapsed());
    assert!(started.elapsed() < 9 * SHORT, "the delays add up: {:?}", started.elapsed());
}

#[test]
fn dropped_replies_were_executed() {
    let Setup { server, proxy } = Setup::new();
    let mut client = Client::connect(&proxy);
    proxy.set(Fault::DropReplies);
    client.send("INCR counter\r\n");
    assert!(client.hears_nothing());
    assert_eq!(server.connection().get::<_, u64>("counter").unwrap(), 1);
    proxy.set(Fault::Pass);
    assert_eq!(client.ping().unwrap(), PONG);
}

#[test]
fn a_blackhole_reads_and_forwards_nothing() {
    let Setup { server, proxy } = Setup::new();
    let mut client = Client::connect(&proxy);
    assert_eq!(client.ping().unwrap(), PONG);
    proxy.set(Fault::Blackhole);
    client.send("INCR counter\r\n");
    assert!(client.hears_nothing());
    assert_eq!(server.calls("incr"), 0);
    assert_eq!(proxy.traffic().request_bytes, 6 + 14);
    assert!(Client::connect(&proxy).hears_nothing());
}

#[test]
fn a_reset_ends_old_and_new_connections() {
    let Setup { server: _server, proxy } = Setup::new();
    let mut client = Client::connect(&proxy);
    assert_eq!(client.ping().unwrap(), PONG);
    proxy.set(Fault::Reset);
    assert_eq!(client.reply(1).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(Client::connect(&proxy).reply(1).unwrap_err().kind(), ErrorKind::ConnectionReset);
    proxy.set(Fault::Pass);
    assert_eq!(Client::connect(&proxy).ping().unwrap(), PONG);
}

#[test]
fn connections_are_reset_once() {
    let Setup { server: _server, proxy } = Setup::new();
    let mut client = Client::connect(&proxy);
    assert_eq!(client.ping().unwrap(), PONG);
    proxy.reset_connections();
    assert_eq!(client.reply(1).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(Client::connect(&proxy).ping().unwrap(), PONG);
}

#[test]
fn refusing_leaves_old_connections_alone() {
    let Setup { server: _server, proxy } = Setup::new();
    let mut unaccepted_yet = Client::connect(&proxy);
    proxy.set(Fault::Refuse);
    let refused = TcpStream::connect(proxy.address()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(unaccepted_yet.ping().unwrap(), PONG);
    proxy.set(Fault::Pass);
    assert_eq!(Client::connect(&proxy).ping().unwrap(), PONG);
    assert_eq!(unaccepted_yet.ping().unwrap(), PONG);
}

#[test]
fn a_cut_ends_a_connection_within_a_reply() {
    let Setup { server: _server, proxy } = Setup::new();
    let mut client = Client::connect(&proxy);
    assert_eq!(client.ping().unwrap(), PONG);

    proxy.set(Fault::CutAfter(PONG.len() as u64 + 3));
    client.send("PING\r\nPING\r\n");
    let mut replies = Vec::new();
    client.0.read_to_end(&mut replies).unwrap();
    assert_eq!(replies, b"+PONG\r\n+PO");
}

#[test]
fn a_trickle_arrives_whole_but_slowly() {
    let Setup { server: _server, proxy } = Setup::new();
    let mut client = Client::connect(&proxy);
    proxy.set(Fault::Trickle { bytes: 1, pause: Duration::from_millis(5) });
    let started = Instant::now();
    assert_eq!(client.ping().unwrap(), PONG);
    // Six bytes there and seven back, and no pause counts after the last byte.
    assert!(started.elapsed() >= Duration::from_millis(11 * 5), "{:?}", started.elapsed());
}

#[test]
fn a_dead_upstream_resets_the_client() {
    let nobody = ReservedPort::new();
    let proxy = FaultProxy::start(nobody.address());
    let mut client = Client::connect(&proxy);
    assert_eq!(client.reply(1).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(flavor = "current_thread")]
async fn a_test_inside_a_runtime_can_use_it() {
    let Setup { server: _server, proxy } = Setup::new();
    let client = redis::Client::open(format!("redis://{}", proxy.address())).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    proxy.set(Fault::Delay(Duration::from_millis(20)));
    redis::cmd("PING").exec_async(&mut connection).await.unwrap();
    proxy.set(Fault::Reset);
    assert!(redis::cmd("PING").exec_async(&mut connection).await.is_err());
}
