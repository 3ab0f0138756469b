//! `drl validate`.

use std::io::{Write as _, stdout};

use drl_server::Config;

use crate::cli;
use crate::exit::Exit;

pub(crate) fn run(arguments: &cli::Validate) -> anyhow::Result<Exit> {
    let mut exit = Exit::Success;
    let mut out = stdout().lock();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for path in &arguments.files {
        let valid = Config::load(path).and_then(|config| runtime.block_on(config.check_store()));
        if let Err(error) = valid {
            writeln!(out, "{error}")?;
            exit = Exit::No;
        }
    }
    Ok(exit)
}
