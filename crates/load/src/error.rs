//! Why there is no result.

use std::io;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A setting makes no sense.
    #[error("{setting}: {reason}")]
    Setting {
        /// Its name on the command line.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The limiter could not be made, or the store does not answer.
    #[error(transparent)]
    Limiter(#[from] distributed_rate_limiter::Error),
    /// Not one decision could be made.
    #[error("no decision could be made: {first}")]
    NoDecision {
        /// The first error.
        first: String,
    },
    /// An instance in a process of its own is lost.
    #[error("instance {index}: {reason}")]
    Instance {
        /// Which one, from 0.
        index: u16,
        /// What became of it.
        reason: String,
    },
    /// The operating system refuses.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

impl LoadError {
    pub(crate) fn setting(setting: &'static str, reason: impl ToString) -> Self {
        Self::Setting { setting, reason: reason.to_string() }
    }

    /// For `map_err`.
    pub(crate) fn system(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}
