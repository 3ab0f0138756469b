//! Replaying an access log through the library: what the example program does, and its test checks.

mod log;

use std::collections::HashMap;
use std::sync::Arc;

use distributed_rate_limiter::{Quota, RateLimiter};
use drl_store::{ManualClock, MemoryStore};

pub use log::{Request, parse};

/// How one client fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were let through.
    pub admitted: u64,
    /// Requests that were not.
    pub limited: u64,
}

/// The tally of every client.
pub type Tallies = HashMap<String, Tally>;

/// Replays the requests over the embedded store, in the log's own time.
///
/// # Errors
/// If the quota makes no sense.
pub async fn replay_embedded(requests: &[Request], quota: Quota) -> anyhow::Result<Tallies> {
    let clock = Arc::new(ManualClock::default());
    let store = Arc::new(MemoryStore::builder().clock(Arc::clone(&clock)).build());
    let limiter = RateLimiter::builder().with_store(store).quota(quota).build().await?;
    let mut tallies = Tallies::new();
    for request in requests {
        clock.set(request.at);
        ask(&limiter, request, &mut tallies).await?;
    }
    Ok(tallies)
}

/// Replays the requests over the store that `url` names, as fast as it goes: its clock is its own.
///
/// # Errors
/// If the store does not answer or the quota makes no sense.
pub async fn replay_at(url: &str, requests: &[Request], quota: Quota) -> anyhow::Result<Tallies> {
    let limiter = RateLimiter::builder().store(url).quota(quota).build().await?;
    let mut tallies = Tallies::new();
    for request in requests {
        ask(&limiter, request, &mut tallies).await?;
    }
    Ok(tallies)
}

async fn ask(limiter: &RateLimiter, request: &Request, tallies: &mut Tallies) -> anyhow::Result<()> {
    let allowed = limiter.is_allowed(&request.client).await?;
    let tally = tallies.entry(request.client.clone()).or_default();
    *(if allowed { &mut tally.admitted } else { &mut tally.limited }) += 1;
    Ok(())
}
