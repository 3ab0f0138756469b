//! What the tests share: real Redis servers and a proxy that breaks connections on purpose.
//!
//! - [`bound`]: an independent judge of what the algorithms promise, on every interval.
//! - [`conformance`]: one suite that runs on every store.
//! - [`RedisServer`]: a `redis-server` of the test's own, with passwords, TLS, replicas, crashes and pauses.
//! - [`FaultProxy`]: stands in front of a server and delays, drops, resets, refuses or cuts.
//! - [`client`]: the plain Redis client, to look at a server past the code under test.
//! - [`simulation`]: instances, clients and store nodes in virtual time, and a checker.
//! - [`ReservedPort`]: an address that refuses connections and stays this test's until it is dropped.
//!
//! Nothing here uses a fixed port or a fixed sleep, so any number of tests run side by side. Every call
//! blocks its thread for milliseconds at most (starting a server: tens of them) and works inside and
//! outside a runtime. What fails, fails the test: the fixtures panic rather than return errors.

#![expect(clippy::expect_used, clippy::panic, reason = "a fixture that cannot start fails the test")]

pub mod bound;
pub mod conformance;
mod port;
mod proxy;
mod redis;
pub mod simulation;

/// The Redis client crate, for assertions over [`RedisServer::connection`]: only `drl-redis` and this crate
/// may depend on it (`deny.toml`).
pub use ::redis as client;

pub use crate::port::ReservedPort;
pub use crate::proxy::{Fault, FaultProxy, Traffic};
pub use crate::redis::{Builder as RedisBuilder, Data, RedisServer};
