//! A real Caddy asks through `forward_auth`, with the configuration that users are given.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{Proxy, get, limiter, with_own};

/// What is in `deploy/`, with sockets of the test's own instead of ports.
const SAMPLE: &str = include_str!("../../../../deploy/caddy/Caddyfile");

/// Caddy in front of an upstream that answers everything with "served".
fn start(limiter: &Path) -> (Proxy, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let places = [
        ("127.0.0.1:8080", format!("unix/{}", limiter.display())),
        (":80 {", format!("http:// {{\n\tbind unix/{}", path("front"))),
        ("127.0.0.1:3000", format!("unix/{}", path("upstream"))),
    ];
    let site = with_own(SAMPLE, places);
    let upstream = format!("http:// {{\n\tbind unix/{}\n\trespond served\n}}\n", path("upstream"));
    fs::write(directory.path().join("Caddyfile"), format!("{{\n\tadmin off\n}}\n{upstream}{site}")).unwrap();
    let mut command = Command::new("caddy");
    command.args(["run", "--config", &path("Caddyfile")]).stdin(Stdio::null()).stderr(Stdio::null());
    command.env("HOME", directory.path());
    (Proxy::start(command), directory)
}

#[test]
fn caddy_passes_200_and_then_429_with_headers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let policies = "policies: [{ name: p, per: [client], match: { endpoint: \"/a/*\" }, limit: 2/day, \
                    algorithm: sliding_window_log }]";
    let (_limiter, socket) = limiter(&runtime, policies, None);
    let (_proxy, directory) = start(&socket);
    let front = directory.path().join("front");
    let alice = "x-api-key: alice\r\n";
    for _ in 0..2 {
        let (status, answer) = get(&front, "/a/b?cost=0", alice); // what a client may ask of nobody
        assert!(status == 200 && answer.ends_with("served"), "{answer}");
    }
    let (status, answer) = get(&front, "/a/b", alice);
    assert_eq!(status, 429, "{answer}");
    assert!(answer.contains("Retry-After: ") && answer.contains("Ratelimit: \"p\";r=0;t="), "{answer}");
    assert_eq!(get(&front, "/a/b", "x-api-key: bob\r\n").0, 200, "another client");
    assert_eq!(get(&front, "/b", alice).0, 200, "another path");
}
