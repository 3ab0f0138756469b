//! A distributed rate limiter that is never over the limit.
