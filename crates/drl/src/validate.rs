//! `drl validate`.

use std::io::{Write as _, stdout};

use drl_server::Config;
use drl_server::envoy::{Descriptors, SameDomain};

use crate::cli;
use crate::exit::Exit;

pub(crate) fn run(arguments: &cli::Validate) -> anyhow::Result<Exit> {
    let mut exit = Exit::Success;
    let mut out = stdout().lock();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let same = if arguments.merge_domains { SameDomain::Merge } else { SameDomain::Refuse };
    for path in &arguments.files {
        let valid = match arguments.envoy {
            true => Descriptors::load(path, same).map(drop),
            false => Config::load(path).and_then(|config| runtime.block_on(config.check_store())),
        };
        if let Err(error) = valid {
            writeln!(out, "{error}")?;
            exit = Exit::No;
        }
    }
    Ok(exit)
}
