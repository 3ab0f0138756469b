//! The tests need clients that are not ours, and Envoy. PyPI has both: `requirements.txt`, in an environment under
//! the target directory, where the tests look for it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::debian::install;
use crate::step::{execute, root};
use crate::workspace::Workspace;

/// Where it is.
pub(crate) fn environment() -> Result<PathBuf> {
    Ok(Workspace::load()?.target_directory.join("venv"))
}

pub(crate) fn install_if_missing() -> Result<()> {
    let environment = environment()?;
    let wanted = root().join("xtask").join("requirements.txt");
    // Written last: an environment that has it has everything.
    let installed = environment.join("requirements.txt");
    if fs::read(&installed).is_ok_and(|found| fs::read(&wanted).is_ok_and(|wanted| wanted == found)) {
        return Ok(());
    }
    // Debian's python3 comes without what makes environments.
    if !succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
        install(&["python3", "python3-venv"])?;
    }
    execute(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
    execute(
        Command::new(environment.join("bin").join("python")).args(pip).arg("--requirement").arg(&wanted),
    )?;
    fs::copy(&wanted, &installed).with_context(|| installed.display().to_string())?;
    Ok(())
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
