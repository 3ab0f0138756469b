//! Named steps that run other programs, show everything, and stop at the first failure.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result};

/// A program ran and said no; its own output says why.
#[derive(Debug)]
struct Failed {
    command: String,
    code: Option<i32>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "`{}` failed with exit code {code}", self.command),
            None => write!(f, "`{}` was killed", self.command),
        }
    }
}

impl std::error::Error for Failed {}

/// The failed program's own exit code where there is one.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let code = error.downcast_ref::<Failed>().and_then(|failed| failed.code);
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Runs one step and prints its name and, if it succeeds, how long it took.
pub(crate) fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let started = Instant::now();
    println!("== {name}");
    work()?;
    println!("== {name}: {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Runs a program in the repository's root, its output going where ours goes.
pub(crate) fn execute(command: &mut Command) -> Result<()> {
    let line = display(command);
    println!("$ {line}");
    let status = command.current_dir(root()).status().with_context(|| format!("cannot run `{line}`"))?;
    if status.success() { Ok(()) } else { Err(Failed { command: line, code: status.code() }.into()) }
}

/// The cargo that runs us, with these arguments.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// The repository's root: the parent of this package. Asked at run time first, because clones that share a
/// target directory share this program, too.
pub(crate) fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let package = Path::new(&package);
    package.parent().unwrap_or(package).to_owned()
}

/// As one would type it, without the path of the program.
fn display(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_program_passes_its_exit_code_on() {
        let error = execute(Command::new("sh").args(["-c", "exit 42"])).unwrap_err();
        assert_eq!(error.downcast_ref::<Failed>().unwrap().code, Some(42));
        assert_eq!(format!("{error:#}"), "`sh -c exit 42` failed with exit code 42");
        assert_eq!(exit_code(&error), ExitCode::from(42));
    }
}
