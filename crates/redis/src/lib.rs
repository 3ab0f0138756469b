//! The Redis and Valkey store: the algorithms as Lua scripts, many decisions in one round trip.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use drl_redis::{Options, RedisStore, StoreUrl};
//!
//! let url: StoreUrl = "redis://limiter:secret@127.0.0.1:6379/0?timeout_ms=50".parse()?;
//! let store = RedisStore::connect(&url, Options::default()).await?; // or `RedisStore::lazy`: connects at the first call
//! # Ok(()) }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`url`] | where the store is and who we are there: `redis://`, `rediss://`, `unix://`, `valkey…` |
//! | [`store`] | [`RedisStore`]: one deadline around each call, at most one execution of it |
//! | `script` | the Lua pieces, what goes to them and what comes back |
//! | `directory` | what operators decide while instances run |
//! | `link` | a connection that comes back by itself, and sends together what comes at the same time |
//! | `fault` | what the server says, by error class |
//!
//! **What the server must allow us:** `EVALSHA`, `SCRIPT LOAD`, `PING`, and from within the script `TIME`,
//! `GET`, `MGET`, `SET`, `SETRANGE` and `DEL`, on keys that start with `{prefix|`; for the directory `EVAL`, and
//! from within its scripts hashes and sorted sets under `{prefix|}directory:`. Redis 6 or later, or Valkey.
//!
//! **What must not happen there:** eviction. A counter that is evicted forgets, so give the limiter a
//! server (or database) of its own with `maxmemory-policy noeviction`; full, it answers with
//! [`StoreError::Full`](drl_store::StoreError::Full).

mod directory;
mod fault;
mod link;
mod script;
pub mod store;
pub mod url;

pub use store::{Options, RedisStore};
pub use url::{Node, Servers, StoreUrl, UrlError};
