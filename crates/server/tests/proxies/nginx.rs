//! A real nginx asks through `auth_request`, with the configuration that users are given.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use drl_testkit::{Data, RedisServer};
use tempfile::TempDir;

use crate::support::{Proxy, get, limiter, with_own};

/// What is in `deploy/`, with sockets of the test's own instead of ports.
const SAMPLE: &str = include_str!("../../../../deploy/nginx/rate-limit.conf");

/// nginx in front of an upstream that answers everything with "served".
struct Nginx {
    _process: Proxy,
    directory: TempDir,
}

impl Nginx {
    fn start(limiter: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let places = [
            ("127.0.0.1:8080", format!("unix:{}", limiter.display())),
            ("listen 80;", format!("listen unix:{};", path("front"))),
            ("http://127.0.0.1:3000", format!("http://unix:{}", path("upstream"))),
        ];
        let site = with_own(SAMPLE, places);
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", path(kind)))
            .concat();
        let upstream = format!("server {{ listen unix:{}; return 200 served; }}", path("upstream"));
        let config = format!(
            "daemon off; pid {}; error_log stderr error;\nevents {{}}\nhttp {{ access_log off;\n{temporary}{upstream}\n{site} }}",
            path("pid")
        );
        fs::write(directory.path().join("nginx.conf"), config).unwrap();
        // Workers of a root's nginx run as nobody.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(directory.path(), open).unwrap();
        let mut command = Command::new("nginx");
        command.args(["-c", &path("nginx.conf"), "-e", "stderr"]).stdin(Stdio::null());
        Self { _process: Proxy::start(command), directory }
    }

    fn get(&self, path: &str, headers: &str) -> (u16, String) {
        get(&self.directory.path().join("front"), path, headers)
    }
}

#[test]
fn nginx_passes_200_and_then_429_with_headers_and_recovers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let policies = "policies: [{ name: p, per: [client], match: { endpoint: \"/a/*\" }, limit: 2/2s, \
                    algorithm: sliding_window_log }]";
    let (_directory, socket) = limiter(&runtime, policies, None);
    let nginx = Nginx::start(&socket);
    let alice = "x-api-key: alice\r\n";
    let started = Instant::now();
    for left in [1, 0] {
        let (status, answer) = nginx.get("/a/b?c=d", alice);
        assert!(status == 200 && answer.ends_with("served"), "{answer}");
        assert!(answer.contains(&format!("RateLimit: \"p\";r={left};t=")), "{answer}");
    }
    let (status, answer) = nginx.get("/a/b", alice);
    assert!(started.elapsed() > Duration::from_secs(2) || status == 429, "{answer}");
    assert!(status == 200 || answer.contains("Retry-After: "), "{answer}");
    assert_eq!(nginx.get("/a/b", "x-api-key: bob\r\n").0, 200, "another client");
    assert_eq!(nginx.get("/b", alice).0, 200, "another path");
    while nginx.get("/a/b", alice).0 != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "it recovers");
    }
}

#[test]
fn without_a_store_nginx_passes_on_what_the_policy_chose() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let redis = RedisServer::start();
    let policies = "policies: [{ name: p, per: [client], limit: 1000/hour, on_store_failure: local }]";
    let (_directory, socket) = limiter(&runtime, policies, Some(redis.url()));
    let nginx = Nginx::start(&socket);
    assert_eq!(nginx.get("/", "").0, 200);
    redis.kill();
    assert_eq!(nginx.get("/", "").0, 200, "this instance's own counter");
    redis.restart(Data::Lose);
    assert_eq!(nginx.get("/", "").0, 200);
}
