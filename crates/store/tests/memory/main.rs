//! The embedded store from outside: what it promises, with a clock that moves when told to.

#![expect(clippy::unwrap_used, reason = "clippy allows it in tests, but not in what they share")]

mod bounds;
mod contention;
mod oblivion;
mod oracle;
mod support;
