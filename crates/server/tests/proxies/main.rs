//! Real proxies ask before they pass requests on, with the samples of `deploy/`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod caddy;
mod nginx;
mod support;
