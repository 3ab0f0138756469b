//! The gRPC front as its clients see it: a real server on a free port; tonic, a client that is not ours, and Envoy.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod ask;
mod bad_input;
mod descriptors;
mod envoy;
mod json;
mod outages;
mod overrides;
mod python;
mod rules;
mod running;
mod services;
#[expect(dead_code, reason = "the tests of the HTTP front also keep callers waiting")]
#[path = "../http/store.rs"]
mod store;
mod tools;
