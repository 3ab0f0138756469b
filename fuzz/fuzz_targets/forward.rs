//! What a proxy asks about is described, whatever is in its headers.

#![no_main]

#[path = "../../crates/server/tests/forward/holds.rs"]
mod holds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    holds::holds(input);
});
