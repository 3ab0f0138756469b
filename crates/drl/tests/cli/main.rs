//! The binary as a shell sees it: standard output, exit codes, signals.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bench;
mod check;
mod fleet;
mod idle;
mod process;
mod resp;
mod serve;
mod validate;
