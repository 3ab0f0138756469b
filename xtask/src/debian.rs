//! Packages of a bare Debian machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::step::execute;

/// Installs packages, or says how to.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    if !is_root() || !answers("apt-get") {
        bail!(
            "the tests need what Debian has in {0}, and this is not root on Debian: install it (`sudo apt-get \
             install {0}`, or as your system does) and run this again",
            packages.join(" ")
        );
    }
    let _guard = NoServices::start()?;
    execute(&mut apt_get(&["update"]))?;
    let install = ["install", "--yes", "--no-install-recommends"];
    execute(apt_get(&install).args(packages))
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Whether a program is there.
pub(crate) fn answers(program: &str) -> bool {
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
