//! The Redis protocol as a server speaks it, RESP2 and RESP3: no I/O, no clock, bounded in everything.
//!
//! ```
//! use drl_resp::{Parser, Protocol, Writer};
//!
//! let (mut parser, mut replies) = (Parser::default(), Vec::new());
//! let received = b"*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\nPIN"; // one request, and the beginning of another
//! let request = parser.next(received)?.expect("the first is complete");
//! assert_eq!(request.arguments().collect::<Vec<_>>(), [b"ECHO".as_slice(), b"hello"]);
//! Writer::new(&mut replies, Protocol::Resp2).bulk(request.argument(1).unwrap_or_default());
//! assert_eq!(replies, b"$5\r\nhello\r\n");
//!
//! let rest = &received[request.length()..];
//! assert!(parser.next(rest)?.is_none(), "until more is there");
//! # Ok::<(), drl_resp::Violation>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`request`] | from bytes as they come to requests: arrays of bulk strings, and inline commands |
//! | [`bounds`] | how much a client may send before it has to be taken for a mistake |
//! | [`violation`] | what is no request, in Redis' words |
//! | [`reply`] | from facts to bytes |
//! | [`number`] | integers as the protocol has them |
//!
//! A request is looked at where it lies. What is remembered between two calls is how far one has come and where the
//! arguments are, so bytes are looked at once however small the pieces are in which they come, and a length that was
//! announced reserves nothing.

pub mod bounds;
pub mod number;
pub mod reply;
pub mod request;
pub mod violation;

pub use bounds::Bounds;
pub use reply::{Protocol, Writer};
pub use request::{Parser, Request};
pub use violation::Violation;
