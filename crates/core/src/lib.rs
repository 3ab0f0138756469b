//! The pure heart of the rate limiter: quotas, keys, decisions and the five algorithms.
