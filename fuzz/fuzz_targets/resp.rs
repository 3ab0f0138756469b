//! What Redis clients send comes to the same in whatever pieces it comes.

#![no_main]

#[path = "../../crates/resp/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use support::cut;

fuzz_target!(|input: &[u8]| {
    let whole = cut(input, usize::MAX);
    for size in [1, 3, 16] {
        assert_eq!(cut(input, size), whole, "in pieces of {size}");
    }
});
