//! Listening: TCP, TLS and unix sockets, bounded and drained alike for every front.
//!
//! | module | what it holds |
//! |---|---|
//! | [`front`] | where a front listens, as it is written and as it came to be |
//! | [`listener`] | a socket that is listened at, and what comes in there |
//! | [`tls`] | certificates, renewed while the server runs |
//! | [`accept`] | accepting, bounding and draining connections |

mod accept;
mod front;
mod listener;
mod stopping;
mod tls;

pub use front::{Address, Front};
pub use tls::{TlsError, TlsFiles};

pub(crate) use accept::{Bounds, serve};
pub(crate) use listener::{Connection, Listener};
pub(crate) use stopping::Stopping;
pub(crate) use tls::Tls;
