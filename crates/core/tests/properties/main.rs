//! The promises of DESIGN 2.1 as properties, for all algorithms, on random arrivals.
//!
//! One program rather than one per file: it links once.

#![expect(clippy::expect_used, clippy::panic, reason = "what cannot be made fails the test")]

mod changed_limits;
mod charges;
mod clock_steps;
mod every_interval;
mod extremes;
mod leases;
mod rates;
mod several_limits;
mod sliding_window_error;
mod support;
mod times;
