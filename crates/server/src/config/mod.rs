//! What an operator configures: policy files become checked policies, once, here at the edge.
//!
//! Unknown keys are errors, every problem says `file:line:column: message`, and one run finds all of them.
//! The format is in `docs/policies.md`.

mod auth;
pub(crate) mod document;
mod file;
pub(crate) mod hint;
mod limit;
mod patch;
mod policy;
pub(crate) mod problem;
pub(crate) mod reader;
mod schema;
mod selection;
mod source;
pub(crate) mod texts;

use std::path::Path;
use std::sync::Arc;

use distributed_rate_limiter::engine::{Engine, EngineOptions};
use drl_core::policy::{Policies, Policy};

pub use patch::patch;
pub use problem::{ConfigError, Place, Problem};
pub use schema::SCHEMA;
pub use source::PolicySource;

use crate::envoy::Descriptors;
use crate::forward::Extraction;
use crate::http::fields::Legacy;
use file::{File, Listed};

/// Policies and rules, ready to be served.
#[derive(Clone, Debug)]
pub struct Config {
    /// The store that the files name, if they name one.
    pub store: Option<StoreSetting>,
    /// The policies of each domain.
    pub domains: Vec<Policies>,
    /// How requests that proxies ask about are described.
    pub auth: Extraction,
    /// Whether clients of the HTTP front get `X-RateLimit-*` fields beside the standard ones.
    pub legacy: Legacy,
    /// Rules in the format of envoyproxy/ratelimit. A domain may have both.
    pub descriptors: Descriptors,
    /// What the files say about each policy.
    sources: Vec<PolicySource>,
    version: Arc<str>,
}

/// A store as a policy file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSetting {
    /// The URL. It may hold a password.
    pub url: String,
    /// The file that names it.
    pub file: Arc<str>,
    /// Where it does.
    pub place: Place,
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

    /// Rules in the format of envoyproxy/ratelimit, and no policies.
    #[must_use]
    pub fn of_descriptors(descriptors: Descriptors) -> Self {
        Self {
            store: None,
            domains: Vec::new(),
            auth: Extraction::default(),
            legacy: Legacy::default(),
            descriptors,
            sources: Vec::new(),
            version: "".into(),
        }
    }

    /// The same with these rules beside the policies.
    #[must_use]
    pub fn with_descriptors(self, descriptors: Descriptors) -> Self {
        Self { descriptors, ..self }
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

    /// What the files say about a policy; to be changed with [`patch`].
    #[must_use]
    pub fn source(&self, domain: &str, policy: &str) -> Option<&PolicySource> {
        self.sources.iter().find(|source| source.domain() == domain && source.policy() == policy)
    }

    /// Twelve digits that differ when anything in the files does.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether the store that the files name can be one. Nobody connects to it.
    ///
    /// # Errors
    /// What is wrong with its URL.
    pub async fn check_store(&self) -> Result<(), ConfigError> {
        let Some(StoreSetting { url, file, place }) = &self.store else { return Ok(()) };
        let opened = Engine::connect(url, EngineOptions::default()).await;
        let problem = |error: distributed_rate_limiter::Error| {
            let (file, place, message) = (Arc::clone(file), *place, error.to_string());
            ConfigError(vec![Problem { file, place, message }])
        };
        opened.map(drop).map_err(problem)
    }

    /// Files may share a domain, but no policy's name in it, and must agree on the store and on
    /// what the HTTP front sends.
    fn combine(files: Vec<File>) -> Result<Self, ConfigError> {
        let found = file::conflicts(&files);
        if !found.is_empty() {
            return Err(ConfigError(found));
        }
        let store = files.iter().find_map(|file| file.store.clone());
        let auth = files.iter().find_map(|file| file.auth.clone());
        let legacy = files.iter().find_map(|file| file.legacy).unwrap_or_default();
        let mut digest = blake3::Hasher::new();
        for file in &files {
            digest.update(file.digest.as_bytes());
        }
        let version = digest.finalize().to_hex()[..12].into();
        let mut domains: Vec<(String, Vec<Policy>)> = Vec::new();
        let mut sources = Vec::new();
        for file in files {
            let at = domains.iter().position(|(domain, _)| *domain == file.domain).unwrap_or_else(|| {
                domains.push((file.domain.clone(), Vec::new()));
                domains.len() - 1
            });
            for Listed { policy, node } in file.policies {
                sources.push(PolicySource::new(&file.name, &file.domain, policy.name(), node));
                domains[at].1.push(policy);
            }
        }
        let compile = |(domain, list): (String, Vec<Policy>)| Policies::new(&domain, list);
        let compiled: Result<Vec<Policies>, _> = domains.into_iter().map(compile).collect();
        let wrong = |error: drl_core::policy::PolicyError| {
            let (file, place, message) = ("configuration".into(), Place::START, error.to_string());
            ConfigError(vec![Problem { file, place, message }])
        };
        let auth = auth.map_or_else(Extraction::default, |(_, auth)| auth);
        let (domains, descriptors) = (compiled.map_err(wrong)?, Descriptors::default());
        Ok(Self { store, domains, auth, legacy, descriptors, sources, version })
    }
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
