//! How one connection is made.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use drl_store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, RedisConnectionInfo, Value};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::live::Live;
use super::tls;
use crate::fault;
use crate::url::{Node, Servers, StoreUrl};

/// A peer that acknowledges nothing for this long is gone. Well above any pause of a healthy network,
/// and a silent server is found out sooner, by [`Live::probe`].
const GIVE_UP: Duration = Duration::from_secs(5);

/// Everything needed to connect, checked.
pub(crate) struct Connector {
    peer: Peer,
    login: RedisConnectionInfo,
    name: String,
}

enum Peer {
    Tcp(Node),
    Tls { node: Node, name: ServerName<'static>, tls: TlsConnector },
    Unix(std::path::PathBuf),
}

impl Connector {
    /// Checks what can be checked without the server.
    pub(crate) fn new(url: &StoreUrl) -> Result<Self, StoreError> {
        let peer = match (url.servers(), url.tls()) {
            (Servers::Unix(path), _) => Peer::Unix(path.clone()),
            (Servers::Tcp(node), None) => Peer::Tcp(node.clone()),
            (Servers::Tcp(node), Some(tls)) => {
                let name = ServerName::try_from(node.host.clone())
                    .map_err(|_| refused("the host's name can stand in no certificate"))?;
                Peer::Tls { node: node.clone(), name, tls: TlsConnector::from(Arc::new(tls::config(tls)?)) }
            }
            (Servers::Cluster(_), _) => return Err(refused("redis+cluster:// is not in this version yet")),
            (Servers::Sentinel { .. }, _) => {
                return Err(refused("redis+sentinel:// is not in this version yet"));
            }
        };
        let mut login = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_skip_set_lib_name()
            .set_db(i64::from(url.db()));
        if let Some(user) = url.user() {
            login = login.set_username(user);
        }
        if let Some(password) = url.password() {
            login = login.set_password(password);
        }
        Ok(Self { peer, login, name: url.to_string() })
    }

    /// The address as it may be logged.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Connects, says who we are, and makes sure that a master answers that knows the scripts.
    pub(crate) async fn open(&self) -> Result<Live, StoreError> {
        let live = match &self.peer {
            Peer::Tcp(node) => self.greet(self.tcp(node).await?).await?,
            Peer::Tls { node, name, tls } => {
                let stream = self.tcp(node).await?;
                let stream = tls.connect(name.clone(), stream).await.map_err(|error| tls::failed(&error))?;
                self.greet(stream).await?
            }
            Peer::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| self.unreachable(&error))?;
                self.greet(stream).await?
            }
        };
        self.settle_in(&live).await?;
        Ok(live)
    }

    async fn tcp(&self, node: &Node) -> Result<TcpStream, StoreError> {
        let connect = async {
            let stream = TcpStream::connect((node.host.as_str(), node.port)).await?;
            stream.set_nodelay(true)?;
            let socket = SockRef::from(&stream);
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(GIVE_UP).with_interval(GIVE_UP / 5))?;
            #[cfg(target_os = "linux")]
            socket.set_tcp_user_timeout(Some(GIVE_UP))?;
            Ok(stream)
        };
        connect.await.map_err(|error| self.unreachable(&error))
    }

    /// The protocol's handshake: RESP3, authentication, database.
    async fn greet(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Live, StoreError> {
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let greeted = MultiplexedConnection::new_with_config(&self.login, stream, config).await;
        let (connection, driver) = greeted.map_err(|error| fault::failed(&error, false))?;
        Ok(Live::new(connection, driver))
    }

    /// A replica would refuse to write, but answer denials from what it last heard: it is no store.
    async fn settle_in(&self, live: &Live) -> Result<(), StoreError> {
        let mut hello = redis::cmd("HELLO");
        hello.arg("3");
        let (role, loaded) = futures_util::future::join(live.send(&hello), live.load_scripts()).await;
        let role = role.map_err(|error| fault::failed(&error, false))?;
        if is_replica(&role) {
            let reason = format!("READONLY {} is a replica", self.name);
            return Err(StoreError::Unavailable { reason, may_have_counted: false });
        }
        match loaded {
            // Whatever keeps the server from it will be said again, and be dealt with, where it matters.
            Err(error) if error.code().is_none() => Err(fault::failed(&error, false)),
            _ => Ok(()),
        }
    }

    fn unreachable(&self, error: &io::Error) -> StoreError {
        let reason = format!("cannot connect to {}: {error}", self.name);
        StoreError::Unavailable { reason, may_have_counted: false }
    }
}

fn is_replica(hello: &Value) -> bool {
    let Some(mut fields) = hello.as_map_iter() else { return false };
    let text = |value: &Value, expected: &str| match value {
        Value::BulkString(bytes) => bytes == expected.as_bytes(),
        Value::SimpleString(text) => text == expected,
        _ => false,
    };
    fields.any(|(name, value)| text(name, "role") && !text(value, "master"))
}

fn refused(reason: &str) -> StoreError {
    StoreError::Refused { reason: reason.to_owned() }
}
