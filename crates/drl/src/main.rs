//! The command line of the distributed rate limiter.
//!
//! A thin shell: arguments in, one of six commands, an exit code out. What the commands do is in
//! `drl-server`, `drl-load` and `distributed-rate-limiter`.

mod bench;
mod check;
mod cli;
mod exit;
mod serve;
mod validate;

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use drl_server::config::SCHEMA;

use cli::{Cli, Command};
use exit::Exit;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::BenchInstance => bench::run_instance(),
        Command::Schema => stdout().write_all(SCHEMA.as_bytes()).map(|()| Exit::Success).map_err(Into::into),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "drl", &mut stdout());
            Ok(Exit::Success)
        }
    };
    let exit = result.unwrap_or_else(|error| {
        // Nobody is left to tell if standard error is closed.
        let _ = writeln!(stderr(), "drl: {error:#}");
        Exit::Error
    });
    exit.into()
}
