//! Exit codes.

use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; allowed; valid; drained.
    Success,
    /// The answer is no: denied, or not valid.
    No,
    /// There is no answer. (clap's own code for arguments it cannot read.)
    Error,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::No => 1,
            Exit::Error => 2,
        })
    }
}
