//! Policy files are accepted, or refused with places that are in them.

#![no_main]

use drl_server::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    if let Err(error) = Config::parse("fuzz.yaml", &text) {
        assert!((1..=1_000).contains(&error.problems().len()), "{error}");
    }
});
