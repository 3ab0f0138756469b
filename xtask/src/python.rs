//! The tests of the front for Redis clients need one that is not ours: the `redis` of PyPI, in an environment of its
//! own under the target directory, where the tests look for it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::debian::install;
use crate::step::execute;
use crate::workspace::Workspace;

const CLIENT: &str = "redis";
const VERSION: &str = "8.1.0";

pub(crate) fn install_if_missing() -> Result<()> {
    let environment = Workspace::load()?.target_directory.join("tools").join("python");
    let python = environment.join("bin").join("python");
    if has_client(&python) {
        return Ok(());
    }
    // Debian's python3 comes without what makes environments.
    if !succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
        install(&["python3", "python3-venv"])?;
    }
    execute(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
    execute(Command::new(python).args(pip).arg(format!("{CLIENT}=={VERSION}")))
}

fn has_client(python: &Path) -> bool {
    let check = format!("import {CLIENT}; assert {CLIENT}.__version__ == '{VERSION}'");
    succeeds(Command::new(python).args(["-c", &check]))
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
