//! `cargo xtask simulate`: builds and runs the simulator's seeds.

use anyhow::Result;

use crate::step::{cargo, execute};

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut simulate =
        cargo(["run", "--release", "--locked", "--package", "drl-testkit", "--example", "simulate", "--"]);
    execute(simulate.args(arguments))
}
