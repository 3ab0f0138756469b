//! The HTTP front as a client sees it: a real server on a free port, a real client, a store that answers,
//! fails or waits as it is told.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod answers;
mod bad_input;
mod batch;
mod client;
mod drain;
mod legacy;
mod lists;
mod openapi;
mod operators;
mod outages;
mod policies;
mod proxies;
mod redis;
mod refunds;
mod reloads;
mod running;
mod slow_clients;
mod store;
