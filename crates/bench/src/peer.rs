//! The embedded peer: `governor`, keyed by strings, with its default store (dashmap) and clock, as its users
//! use it.

use std::num::NonZeroU32;

use anyhow::{Context as _, Result};
use governor::DefaultKeyedRateLimiter;

use crate::rows::quota::Bounds;

pub(crate) struct Governor(DefaultKeyedRateLimiter<String>);

impl Governor {
    pub(crate) fn new(bounds: Bounds) -> Result<Self> {
        let burst = NonZeroU32::new(bounds.burst).unwrap_or(NonZeroU32::MIN);
        let quota = governor::Quota::with_period(bounds.period).context("a period of no time")?;
        Ok(Self(DefaultKeyedRateLimiter::dashmap(quota.allow_burst(burst))))
    }

    pub(crate) fn admits(&self, client: &String) -> bool {
        self.0.check_key(client).is_ok()
    }
}
