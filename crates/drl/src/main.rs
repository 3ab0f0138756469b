//! The command line of the distributed rate limiter.

fn main() {}
