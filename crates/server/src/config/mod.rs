//! What an operator configures: policy files become checked policies, once, here at the edge.
//!
//! Unknown keys are errors, every problem says `file:line:column: message`, and one run finds all of them.
//! The format is in `docs/policies.md`.

mod document;
mod file;
mod hint;
mod policy;
mod problem;
mod reader;

use std::path::Path;

use drl_core::policy::{Policies, Policy};

pub use problem::{ConfigError, Place, Problem};

use file::File;

/// Policies, ready to be served.
#[derive(Clone, Debug)]
pub struct Config {
    /// The store that the files name, if they name one.
    pub store: Option<String>,
    /// The policies of each domain.
    pub domains: Vec<Policies>,
}

impl Config {
    /// What `drl serve` enforces without a file: 100 requests a minute for each `client`.
    ///
    /// # Panics
    /// Never: the text is part of the program and tested.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a constant, parsed in a test")]
    pub fn quickstart() -> Self {
        const TEXT: &str = "policies: [{ name: per-client, per: [client], limit: 100/minute }]";
        Self::parse("quickstart", TEXT).expect("the built-in policy is valid")
    }

    /// Reads a policy file, or all `.yaml`, `.yml` and `.json` files of a directory as one configuration.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::combine(file::read_all(path)?)
    }

    /// Reads the text of one policy file; `name` is what problems call it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        Self::combine(vec![File::parse(name, text)?])
    }

    /// Files may share a domain, but no policy's name in it, and must agree on the store.
    fn combine(files: Vec<File>) -> Result<Self, ConfigError> {
        let found = file::conflicts(&files);
        if !found.is_empty() {
            return Err(ConfigError(found));
        }
        let store = files.iter().find_map(|file| file.store.as_ref()).map(|(_, url)| url.clone());
        let mut domains: Vec<(String, Vec<Policy>)> = Vec::new();
        for file in files {
            let policies = file.policies.into_iter().map(|(_, policy)| policy);
            match domains.iter_mut().find(|(domain, _)| *domain == file.domain) {
                Some((_, list)) => list.extend(policies),
                None => domains.push((file.domain, policies.collect())),
            }
        }
        let compile = |(domain, list): (String, Vec<Policy>)| Policies::new(&domain, list);
        let compiled: Result<Vec<Policies>, _> = domains.into_iter().map(compile).collect();
        let wrong = |error: drl_core::policy::PolicyError| {
            let (file, place, message) = ("configuration".into(), Place::START, error.to_string());
            ConfigError(vec![Problem { file, place, message }])
        };
        Ok(Self { store, domains: compiled.map_err(wrong)? })
    }
}

#[cfg(test)]
mod tests;
