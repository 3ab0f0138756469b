//! From a URL to a store.

use std::sync::Arc;
use std::time::Duration;

use drl_store::{MemoryStore, Store};

use crate::error::Error;

/// What keeps deployments apart that share a store, unless said otherwise.
const PREFIX: &str = "drl";

/// How an engine reaches its store. Options in the URL win: they are the deployment's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineOptions {
    /// The deadline of a store call, connecting included; 50 ms unless said otherwise.
    pub timeout: Option<Duration>,
    /// Keeps deployments apart that share a store; `drl` unless said otherwise.
    pub prefix: Option<String>,
}

/// A store and the prefix that its URL or the options name: for whoever has something to put in between.
///
/// # Errors
/// As [`Engine::connect`](super::Engine::connect).
pub fn open(url: &str, options: &EngineOptions) -> Result<(Arc<dyn Store>, String), Error> {
    let named = options.prefix.as_deref().unwrap_or(PREFIX);
    if url == "memory:" || url.starts_with("memory://") {
        let rest = url.trim_start_matches("memory:").trim_start_matches("//");
        if !rest.is_empty() {
            return Err(Error::config(format!("store URL: memory:// takes nothing behind it, not `{rest}`")));
        }
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        return Ok((store, named.to_owned()));
    }
    let url: drl_redis::StoreUrl =
        url.parse().map_err(|error| Error::config(format!("{error}: see the forms in the documentation")))?;
    let mut store_options = drl_redis::Options::default();
    store_options.timeout = options.timeout.unwrap_or(store_options.timeout);
    let store: Arc<dyn Store> = Arc::new(drl_redis::RedisStore::lazy(&url, store_options)?);
    Ok((store, url.prefix().unwrap_or(named).to_owned()))
}
