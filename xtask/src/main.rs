//! The project's own commands.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its terminal")]

mod bench;
mod ci;
mod debian;
mod deny;
mod fuzz;
mod python;
mod rules;
mod samples;
mod servers;
mod simulate;
mod step;
mod workspace;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask ci              everything that must hold, from a bare Debian machine on: installs Redis, nginx, Envoy and
                            Python clients, then format, clippy, docs, rules, dependencies, and last all tests
cargo xtask rules           only the architecture rules: layers, purity, MSRV, sizes of files (seconds)
cargo xtask venv            only the Python environment of the tests, under target/venv
cargo xtask deny            only cargo-deny: licences, sources, and which crate may use which
cargo xtask bench [ARGS]    the benchmark table; also as JSON under target/bench/
cargo xtask simulate [ARGS] instances, clients and stores in virtual time: --seeds N, --from SEED, --bug NAME;
                            --utilisation SEEDS says how much of a limit is admitted
cargo xtask fuzz [ARGS]     coverage-guided fuzzing (nightly, cargo-fuzz): --target NAME, --seconds N for each
cargo xtask help            this text";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let result = match command.as_deref() {
        Some("ci") => ci::run(),
        Some("rules") => rules::check(),
        Some("venv") => python::install_if_missing(),
        Some("deny") => deny::check(),
        Some("bench") => bench::run(&rest),
        Some("simulate") => simulate::run(&rest),
        Some("fuzz") => fuzz::run(&rest),
        Some("help" | "--help" | "-h") | None => {
            println!("{HELP}");
            Ok(())
        }
        Some(unknown) => Err(anyhow::anyhow!("there is no command `{unknown}`\n{HELP}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            step::exit_code(&error)
        }
    }
}
