//! A distributed rate limiter that is never over the limit.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use distributed_rate_limiter::RateLimiter;
//!
//! let limiter = RateLimiter::new("memory://", 100, 60).await?;
//! assert!(limiter.is_allowed("alice").await?);
//! # Ok::<(), distributed_rate_limiter::Error>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The counters live where the URL says: `memory://` for development, tests and single machines;
//! `redis://[user:pass@]host:port/db`, `rediss://…` (TLS), `unix:///path` for any number of machines that
//! share their limits. `valkey…://` is the same. Options as query parameters: `?timeout_ms=50&prefix=drl`.
//!
//! | to | use |
//! |---|---|
//! | hold clients to a quota | [`RateLimiter`] |
//! | hold clients to limits that come with each call, per endpoint and over all | [`EndpointRateLimiter`] |
//! | the same without async | [`blocking`] |
//! | decide several limits with keys of your own together | [`engine`] |
//!
//! What is promised, by which algorithm, and what is not: `docs/algorithms.md` in the repository.

mod asking;
pub mod blocking;
mod builder;
mod call;
mod decision;
mod endpoint;
pub mod engine;
mod error;
mod limiter;
mod permit;

pub use asking::Asking;
pub use builder::{OnLimited, RateLimiterBuilder};
pub use call::Call;
pub use decision::{Decision, Ruling};
pub use drl_core::{Algorithm, Micros, Quota, QuotaError, Retry, Source};
pub use drl_store::{Store, StoreError};
pub use endpoint::EndpointRateLimiter;
pub use engine::{FailurePolicy, Leases, Shards};
pub use error::Error;
pub use limiter::RateLimiter;
pub use permit::Permit;

/// The README's examples, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
