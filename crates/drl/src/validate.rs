//! `drl validate`.

use std::io::{Write as _, stdout};

use drl_server::Config;

use crate::cli;
use crate::exit::Exit;

pub(crate) fn run(arguments: &cli::Validate) -> anyhow::Result<Exit> {
    let mut exit = Exit::Success;
    let mut out = stdout().lock();
    for path in &arguments.files {
        if let Err(error) = Config::load(path) {
            writeln!(out, "{error}")?;
            exit = Exit::No;
        }
    }
    Ok(exit)
}
