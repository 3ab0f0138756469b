//! The lease protocol, exhaustively: every order in which a few instances can ask, hear, spend, give back, lose
//! messages and crash, within the bounds that `docs/model.md` tells.
//!
//! The store is not modelled. It is [`drl_core::decide`] itself; only those who ask it are. The checker visits
//! every state that can be reached, and fails with a short way to one that breaks a promise. Then deliberate mistakes
//! are made in the protocol, and each must be found.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that says what it visited"
)]

mod ledger;
mod limit;
mod mistakes;
mod model;
mod promises;
mod states;
mod store;
mod world;
