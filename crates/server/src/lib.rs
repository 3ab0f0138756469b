//! The fronts of the rate limiter's server: whatever speaks a protocol and lets the limiter decide.
//!
//! ```text
//! settings → bind → run → drain
//!                    │
//!   http ────────────┴→ decider: match → decide → answer → status, headers, body
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | policy files: every problem with its place |
//! | [`decider`] | from a request to its answer, whatever front it came through |
//! | `http` | the front `http` |
//! | [`server`] | settings, listening, draining |
//! | [`signals`] | when to stop |

pub mod config;
pub mod decider;
mod http;
pub mod server;
pub mod signals;

pub use config::Config;
pub use server::{Addresses, Front, Server, Settings, StartError};
