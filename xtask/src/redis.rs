//! The tests need a real `redis-server`; a bare Debian machine has none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::step::execute;

const PACKAGES: [&str; 2] = ["redis-server", "redis-tools"];

pub(crate) fn install_if_missing() -> Result<()> {
    if answers("redis-server") && answers("redis-cli") {
        return execute(Command::new("redis-server").arg("--version"));
    }
    if !is_root() || !answers("apt-get") {
        bail!(
            "the tests start redis-server and redis-cli, which are not installed, and this is not root on \
             Debian: install them (`sudo apt-get install {}`, `brew install redis`) and run this again",
            PACKAGES.join(" ")
        );
    }
    let _guard = NoServices::start()?;
    execute(&mut apt_get(&["update"]))?;
    let install = ["install", "--yes", "--no-install-recommends"];
    execute(apt_get(&install).args(PACKAGES))
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn answers(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

/// While it lives, installing a package starts no service: Debian asks this script, and 101 means no. Its own
/// Redis on port 6379 is none of ours.
struct NoServices;

impl NoServices {
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    /// `None` where somebody has a policy already, as containers do.
    fn start() -> Result<Option<Self>> {
        if Path::new(Self::POLICY).exists() {
            return Ok(None);
        }
        fs::write(Self::POLICY, "#!/bin/sh\nexit 101\n")
            .and_then(|()| fs::set_permissions(Self::POLICY, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write {}", Self::POLICY))?;
        Ok(Some(Self))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(Self::POLICY) {
            eprintln!("remove {} by hand: {error}", Self::POLICY);
        }
    }
}
