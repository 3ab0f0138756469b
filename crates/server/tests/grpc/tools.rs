//! What `cargo xtask venv` installs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A program of the environment under the target directory.
pub(crate) fn tool(path: &str) -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let tool = target.parent().unwrap().join("venv").join(path);
    assert!(tool.exists(), "{} is missing: run `cargo xtask venv`", tool.display());
    tool
}

/// Asks until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
