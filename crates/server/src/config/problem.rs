//! What is wrong with a policy file, and where.

use std::fmt;
use std::sync::Arc;

/// A place in a file: lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl Place {
    /// Where a file begins: the place of what concerns all of it.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// Something wrong with a policy file. Reads `file:line:column: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place: Place { line, column }, message } = self;
        write!(f, "{file}:{line}:{column}: {message}")
    }
}

/// Everything wrong with a configuration: at least one problem, in the order of the files' lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub(crate) Vec<Problem>);

impl ConfigError {
    /// Every problem.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Collects what is wrong with one file.
#[derive(Debug)]
pub(crate) struct Problems {
    file: Arc<str>,
    found: Vec<Problem>,
    /// The keys that were asked for, for each kind of table.
    #[cfg(test)]
    known: std::collections::BTreeMap<&'static str, std::collections::BTreeSet<&'static str>>,
}

impl Problems {
    /// Nobody reads more, and a file may be wrong in every line.
    const MOST: usize = 1_000;

    pub(crate) fn new(file: &str) -> Self {
        Self {
            file: file.into(),
            found: Vec::new(),
            #[cfg(test)]
            known: Default::default(),
        }
    }

    pub(crate) fn file(&self) -> &Arc<str> {
        &self.file
    }

    pub(crate) fn add(&mut self, place: Place, message: impl fmt::Display) {
        if self.is_full() {
            return;
        }
        let problem = Problem { file: Arc::clone(&self.file), place, message: message.to_string() };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    /// The value, or what is wrong with it.
    pub(crate) fn ok<T>(&mut self, place: Place, result: Result<T, impl fmt::Display>) -> Option<T> {
        result.map_err(|error| self.add(place, error)).ok()
    }

    #[cfg(test)]
    pub(crate) fn know(&mut self, table: &'static str, keys: &[&'static str]) {
        self.known.entry(table).or_default().extend(keys);
    }

    #[cfg(test)]
    pub(crate) fn known(
        &self,
    ) -> &std::collections::BTreeMap<&'static str, std::collections::BTreeSet<&'static str>> {
        &self.known
    }

    /// Whether there are so many that further ones are left out.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= Self::MOST
    }

    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| problem.place);
        self.found
    }
}
