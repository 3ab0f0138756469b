//! `cargo xtask bench`: builds and runs the benchmark, `drl-bench --json FILE [ARGS]`.

use std::fs;

use anyhow::{Context as _, Result};

use crate::step::{cargo, execute};
use crate::workspace::Workspace;

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let directory = Workspace::load()?.target_directory.join("bench");
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let json = directory.join("latest.json");
    let mut bench = cargo(["run", "--release", "--locked", "--package", "drl-bench", "--", "--json"]);
    execute(bench.arg(&json).args(arguments))?;
    println!("{}", json.display());
    Ok(())
}
