//! What is in `deploy/` goes through the linters of those who will read it. (Helm's is in no package of Debian or
//! PyPI, so of the chart only the plain YAML files are read. nginx' and Envoy's samples run in tests.)

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::debian::{answers, install};
use crate::python;
use crate::step::{execute, root};
use crate::workspace::Workspace;

const YAML: [&str; 6] = [
    "deploy/compose.yaml",
    "deploy/envoy",
    "deploy/helm/drl/Chart.yaml",
    "deploy/helm/drl/values.yaml",
    "deploy/policies",
    "deploy/traefik",
];
/// Syntax and duplicate keys, not taste.
const RULES: &str = "{extends: relaxed, rules: {line-length: disable, commas: disable}}";

pub(crate) fn check() -> Result<()> {
    if !["docker-compose", "systemd-analyze"].into_iter().all(answers) {
        install(&["docker-compose", "systemd"])?;
    }
    let programs = python::environment()?.join("bin");
    execute(Command::new(programs.join("hadolint")).arg("deploy/Dockerfile"))?;
    execute(Command::new(programs.join("yamllint")).args(["--strict", "-d", RULES]).args(YAML))?;
    execute(Command::new("docker-compose").args(["-f", "deploy/compose.yaml", "config", "--quiet"]))?;
    execute(Command::new("caddy").args(["validate", "--config", "deploy/caddy/Caddyfile"]))?;
    unit()
}

/// The unit names a binary that is installed later, so it is read with one that is there.
fn unit() -> Result<()> {
    let text = fs::read_to_string(root().join("deploy/systemd/drl.service")).context("deploy/systemd")?;
    let copy = Workspace::load()?.target_directory.join("drl.service");
    fs::write(&copy, text.replace("/usr/bin/drl", "/usr/bin/true")).context("a copy of the unit")?;
    execute(Command::new("systemd-analyze").arg("verify").arg(&copy))
}
