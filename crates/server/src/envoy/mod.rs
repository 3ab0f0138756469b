//! Rules in the format of envoyproxy/ratelimit: nested descriptors, read as they are.
//!
//! ```text
//! files → tree with places → descriptors, each checked → one index per list → rule for a request's descriptor
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `file`, `descriptor`, `rate_limit`, `metadata` | what a file says; every problem with its place |
//! | `compile`, `level` | all files together; the index of one list |
//! | [`domain`] | from a request's descriptor to its rule, its counter and its name in metrics |
//! | [`rule`], [`unit`](mod@unit) | what a rule allows |
//! | [`replaces`] | which of the rules that one request meets hold |
//!
//! What a file means, and where this differs from the service that the format is from, is in
//! `docs/migrating-from-envoy-ratelimit.md`.

mod compile;
mod descriptor;
pub mod domain;
mod file;
mod level;
mod metadata;
mod path;
mod rate_limit;
pub mod replaces;
pub mod rule;
pub mod unit;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use drl_core::policy::OnStoreFailure;

pub use domain::{Domain, Found};
pub use replaces::leave_out_replaced;
pub use rule::{Allowance, Detail, Limit, Mode, Rule};
pub use unit::Unit;

use crate::config::{ConfigError, texts};
use file::File;

/// The rules of every domain. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Descriptors {
    domains: HashMap<Box<str>, Arc<Domain>>,
    version: Box<str>,
    pub(crate) keeping: Keeping,
}

/// One entry of a request's descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What it says something about.
    pub key: &'a str,
    /// What it says: any bytes, so that nobody gets past a rule by sending what is no text.
    pub value: &'a [u8],
}

/// A file's name, as problems call it, and what is written in it.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The name.
    pub name: &'a str,
    /// The content.
    pub text: &'a str,
}

/// What to do about several files that name the same domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameDomain {
    /// It is a mistake.
    #[default]
    Refuse,
    /// Their descriptors are one list, in the order of the files; a descriptor must not be there twice.
    Merge,
}

/// Files, and what it takes to read them again.
#[derive(Clone, Debug)]
pub struct Files {
    /// A file, or a directory of them.
    pub path: PathBuf,
    /// Whether several may name the same domain.
    pub same: SameDomain,
    /// How the rules are kept.
    pub keeping: Keeping,
}

impl Files {
    /// Reads them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(&self) -> Result<Descriptors, ConfigError> {
        Ok(Descriptors::load(&self.path, self.same)?.kept(self.keeping))
    }
}

/// How all rules are kept, whatever each of them says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// What the word of a rule is worth at the most. If it is [`Mode::Quota`], whatever a request asks for that no
    /// rule or a shadow limits is a quota that has room.
    pub mode: Mode,
    /// What a denied request is charged.
    pub denied: Denied,
    /// What holds while the store is out of reach.
    pub on_store_failure: OnStoreFailure,
}

/// What a denied request is charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Denied {
    /// Nothing.
    #[default]
    Nothing,
    /// What fits, in every rule that it meets: as if it had been counted before it was denied.
    WhatFits,
}

impl Descriptors {
    /// Reads the text of some files as one configuration.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn parse(files: &[Text<'_>], same: SameDomain) -> Result<Self, ConfigError> {
        let files = files.iter().map(|file| File::parse(file.name, file.text)).collect();
        compile::compile(files, same)
    }

    /// Reads a file, or all `.yaml`, `.yml` and `.json` files of a directory in the order of their names.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(path: &Path, same: SameDomain) -> Result<Self, ConfigError> {
        let (mut files, mut problems) = (Vec::new(), Vec::new());
        for source in texts::read_all(path)? {
            match source {
                Ok(source) => files.push(File::parse(&source.name, &source.text)),
                Err(error) => problems.extend(error.0),
            }
        }
        match compile::compile(files, same) {
            Ok(descriptors) if problems.is_empty() => Ok(descriptors),
            Ok(_) => Err(ConfigError(problems)),
            Err(error) => Err(ConfigError(problems.into_iter().chain(error.0).collect())),
        }
    }

    /// The same, kept in this way.
    #[must_use]
    pub fn kept(self, keeping: Keeping) -> Self {
        Self { keeping, ..self }
    }

    /// Equal if the files say the same, empty if there are none.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The rules of a domain.
    #[must_use]
    pub fn domain(&self, name: &str) -> Option<&Arc<Domain>> {
        self.domains.get(name)
    }

    /// Every domain, in no order.
    pub fn domains(&self) -> impl Iterator<Item = &Arc<Domain>> {
        self.domains.values()
    }
}

#[cfg(test)]
mod tests;
