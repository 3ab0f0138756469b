//! `cargo xtask ci`: everything that must hold, the cheap before the dear, the tests last.

use anyhow::Result;

use crate::step::{cargo, execute, step};
use crate::{deny, python, rules, samples, servers};

pub(crate) fn run() -> Result<()> {
    step("servers", servers::install_if_missing)?;
    step("python", python::install_if_missing)?;
    step("samples", samples::check)?;
    step("format", || execute(&mut cargo(["fmt", "--all", "--check"])))?;
    step("clippy", || execute(&mut cargo(CLIPPY)))?;
    step("docs", || execute(cargo(DOC).env("RUSTDOCFLAGS", "-D warnings")))?;
    step("rules", rules::check)?;
    step("dependencies", deny::check)?;
    // Nothing is printed after the tests: their summary is the last thing to read.
    println!("== tests");
    execute(&mut cargo(["test", "--workspace", "--locked"]))
}

const CLIPPY: [&str; 7] = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
const DOC: [&str; 4] = ["doc", "--workspace", "--no-deps", "--locked"];
