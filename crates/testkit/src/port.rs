//! A port that nobody else gets, whether or not somebody listens on it.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A loopback port kept for this test until it is dropped; as long as nobody listens, it refuses connections.
///
/// The usual trick (bind port 0, close, hand the number on) lets another test, or an outgoing connection,
/// take the port in between; on loopback a client that connects to a dead port in the ephemeral range can
/// even connect to itself. Here a socket stays bound without listening. The kernel gives its port to nobody
/// who asks for any port, and refuses connections to it; a server that asks for it by number and sets
/// `SO_REUSEADDR`, as Redis and tokio do, gets it, again after each restart.
#[derive(Debug)]
pub struct ReservedPort {
    _bound: Socket,
    address: SocketAddr,
}

impl ReservedPort {
    /// Takes a free port on 127.0.0.1.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "only a machine without loopback or free ports panics")]
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a TCP socket");
        socket.set_reuse_address(true).expect("SO_REUSEADDR on a TCP socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port on loopback");
        let local = socket.local_addr().expect("the address of a bound socket");
        let address = local.as_socket().expect("an IPv4 socket has an IPv4 address");
        Self { _bound: socket, address }
    }

    /// The address, for clients and servers alike.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port's number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.address.port()
    }
}

impl Default for ReservedPort {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_refuses_until_somebody_listens() {
        let port = ReservedPort::new();
        let refused = TcpStream::connect(port.address()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

        // The standard library's listener sets SO_REUSEADDR, as Redis does.
        for _restart in 0..3 {
            let listener = TcpListener::bind(port.address()).unwrap();
            TcpStream::connect(port.address()).unwrap();
            drop(listener);
            assert_eq!(TcpStream::connect(port.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        }
    }

    #[test]
    fn no_two_tests_get_the_same_port() {
        let ports: Vec<_> = (0..500).map(|_| ReservedPort::new()).collect();
        let listeners: Vec<_> = (0..500).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let mut seen: HashSet<u16> = ports.iter().map(ReservedPort::number).collect();
        seen.extend(listeners.iter().map(|l| l.local_addr().unwrap().port()));
        assert_eq!(seen.len(), 1000);
    }
}
