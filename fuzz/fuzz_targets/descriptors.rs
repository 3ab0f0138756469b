//! Files of envoyproxy/ratelimit are refused, or every rule in them can be kept.

#![no_main]

#[path = "../../crates/server/tests/envoy/holds.rs"]
mod holds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| holds::holds(&String::from_utf8_lossy(input)));
