//! A socket that is listened at.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream as BlockingUnixStream;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::front::{Address, Front};
use super::stopping::Stopping;
use super::tls::Tls;

/// Bytes in and out.
pub(crate) type Stream = Either<Socket, Box<TlsStream<TcpStream>>>;
/// What the operating system accepted.
pub(crate) type Socket = Either<TcpStream, UnixStream>;

/// One client.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    /// Where it came from; unix sockets come from nowhere.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) stopping: Stopping,
}

/// Listens until dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Listening,
    pub(super) tls: Option<Tls>,
}

#[derive(Debug)]
enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener, Removed),
}

/// A socket's file, which goes with the listener.
#[derive(Debug)]
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, path = %self.0.display(), "the socket stays");
        }
    }
}

impl Listener {
    /// Listens; `None` if the front is off.
    ///
    /// # Errors
    /// If the address cannot be listened at, or TLS is wanted and there is no certificate.
    pub(crate) async fn bind(front: &Front, tls: Option<&Tls>) -> io::Result<Option<Self>> {
        let socket = match front {
            Front::Off => return Ok(None),
            Front::Tcp(address) | Front::Tls(address) => Listening::Tcp(TcpListener::bind(address).await?),
            Front::Unix(path) => Listening::Unix(unix(path)?, Removed(path.clone())),
        };
        let tls = match (front, tls) {
            (Front::Tls(_), None) => return Err(io::Error::other("there is no certificate (--tls-cert)")),
            (Front::Tls(_), Some(tls)) => Some(tls.clone()),
            _ => None,
        };
        Ok(Some(Self { socket, tls }))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the operating system does not say.
    pub(crate) fn address(&self) -> io::Result<Address> {
        match &self.socket {
            Listening::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            Listening::Unix(_, Removed(path)) => Ok(Address::Unix(path.clone())),
        }
    }

    /// The next client. Nothing is lost if this is dropped.
    pub(super) async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match &self.socket {
            Listening::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are small and waited for.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no delay cannot be set");
                }
                Ok((Either::Left(stream), Some(peer)))
            }
            Listening::Unix(listener, _) => Ok((Either::Right(listener.accept().await?.0), None)),
        }
    }
}

/// A file that nobody listens at any more is what a killed server leaves behind.
fn unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match BlockingUnixStream::connect(path) {
            Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)
            }
            _ => Err(error),
        },
        bound => bound,
    }
}
