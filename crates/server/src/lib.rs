//! The fronts of the rate limiter's server: whatever speaks a protocol and lets the limiter decide.
//!
//! ```text
//! settings → bind → run → drain
//!                    │
//!   http ────────────┼→ decider: match → decide → answer → status, headers, body
//!   resp ────────────┴→ a quota in the request → decide → five integers
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | policy files: every problem with its place |
//! | [`decider`] | from a request to its answer, whatever front it came through |
//! | [`envoy`] | rules in the format of envoyproxy/ratelimit |
//! | [`forward`] | what a proxy says about a request |
//! | `grpc`, `http` | the fronts of these names |
//! | `live` | files and operators' changes, taken over while the server runs |
//! | `metrics` | what is counted |
//! | `resp` | the front `resp` |
//! | `listen`, `web` | sockets, TLS, HTTP/1.1 and 2: what fronts stand on |
//! | [`server`] | settings, listening, draining |
//! | [`signals`] | when to stop |

/// What the fuzzer and the tests share calls this crate by its name.
#[cfg(test)]
extern crate self as drl_server;

pub mod config;
pub mod decider;
pub mod envoy;
pub mod forward;
mod grpc;
mod http;
mod listen;
mod live;
mod metrics;
mod resp;
pub mod server;
pub mod signals;
mod web;

pub use config::Config;
pub use http::fields::Legacy;
pub use listen::{Address, Front, TlsError, TlsFiles};
pub use resp::Password;
pub use server::{Addresses, Fronts, Server, Settings, StartError};
