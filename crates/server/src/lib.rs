//! The fronts of the rate limiter's server.
