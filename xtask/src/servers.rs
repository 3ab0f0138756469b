//! The tests need real servers: Redis with its clients, nginx and Caddy; a bare Debian machine has none.

use std::process::Command;

use anyhow::Result;

use crate::debian::{answers, install};
use crate::step::execute;

pub(crate) fn install_if_missing() -> Result<()> {
    if ["redis-server", "redis-cli", "redis-benchmark", "nginx", "caddy"].into_iter().all(answers) {
        return execute(Command::new("redis-server").arg("--version"));
    }
    install(&["redis-server", "redis-tools", "nginx-light", "caddy"])
}
