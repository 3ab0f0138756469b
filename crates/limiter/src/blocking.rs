//! The same limiters for callers without async, usable inside and outside any runtime.
//!
//! A decision that needs the network runs on one background thread that all blocking limiters share; the
//! calling thread sleeps until the answer is there or the deadline has passed.

use std::future::Future;
use std::sync::{OnceLock, mpsc};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::Error;

/// [`RateLimiter`](crate::RateLimiter) without async.
#[derive(Clone, Debug)]
pub struct RateLimiter(crate::RateLimiter);

impl RateLimiter {
    /// See [`RateLimiter::new`](crate::RateLimiter::new).
    ///
    /// # Errors
    /// As there.
    pub fn new(redis_url: &str, requests_per_window: u64, time_window_seconds: u64) -> Result<Self, Error> {
        let url = redis_url.to_owned();
        wait(async move { crate::RateLimiter::new(&url, requests_per_window, time_window_seconds).await })
            .map(Self)
    }

    /// See [`RateLimiter::is_allowed`](crate::RateLimiter::is_allowed).
    ///
    /// # Errors
    /// As there.
    pub fn is_allowed(&self, client_id: &str) -> Result<bool, Error> {
        let (limiter, client_id) = (self.0.clone(), client_id.to_owned());
        wait(async move { limiter.is_allowed(&client_id).await })
    }
}

/// [`EndpointRateLimiter`](crate::EndpointRateLimiter) without async.
#[derive(Clone, Debug)]
pub struct EndpointRateLimiter(crate::EndpointRateLimiter);

impl EndpointRateLimiter {
    /// See [`EndpointRateLimiter::new`](crate::EndpointRateLimiter::new).
    ///
    /// # Errors
    /// As there.
    pub fn new(redis_url: &str) -> Result<Self, Error> {
        let url = redis_url.to_owned();
        wait(async move { crate::EndpointRateLimiter::new(&url).await }).map(Self)
    }

    /// See [`EndpointRateLimiter::is_allowed`](crate::EndpointRateLimiter::is_allowed).
    ///
    /// # Errors
    /// As there.
    pub fn is_allowed(
        &self,
        client_id: &str,
        api_endpoint: &str,
        capacity: usize,
        rate_per_second: usize,
    ) -> Result<bool, Error> {
        let limiter = self.0.clone();
        let (client_id, api_endpoint) = (client_id.to_owned(), api_endpoint.to_owned());
        wait(async move { limiter.is_allowed(&client_id, &api_endpoint, capacity, rate_per_second).await })
    }
}

/// Runs `future` on the background runtime and sleeps until it is done. Unlike `block_on` this may be
/// called on a thread that drives another runtime.
fn wait<T: Send + 'static>(
    future: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let (answer, answered) = mpsc::sync_channel(1);
    runtime()?.spawn(async move { answer.send(future.await) });
    answered.recv().unwrap_or_else(|_| Err(Error::config("the background thread has ended")))
}

fn runtime() -> Result<&'static Handle, Error> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let start = || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("drl-blocking").enable_all();
        builder.build().map_err(|error| error.to_string())
    };
    match RUNTIME.get_or_init(start) {
        Ok(runtime) => Ok(runtime.handle()),
        Err(error) => Err(Error::config(format!("cannot start the background thread: {error}"))),
    }
}
