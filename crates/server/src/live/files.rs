//! Files that hold as long as nothing newer does.

use std::path::{Path, PathBuf};

use super::Now;
use crate::config::{Config, ConfigError};
use crate::envoy::{self, Descriptors};

/// Where something is read, and read again.
#[derive(Clone, Debug)]
pub(crate) enum Files {
    /// Policies: a file, or a directory of them.
    Policies(PathBuf),
    /// Rules in the format of envoyproxy/ratelimit.
    Descriptors(envoy::Files),
}

/// What files say.
#[derive(Clone, Debug)]
pub(crate) enum Loaded {
    Policies(Config),
    Descriptors(Descriptors),
}

impl Files {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Policies(path) => path,
            Self::Descriptors(files) => &files.path,
        }
    }

    /// As operators call them.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Policies(_) => "policies",
            Self::Descriptors(_) => "descriptors",
        }
    }

    pub(super) fn load(&self) -> Result<Loaded, ConfigError> {
        match self {
            Self::Policies(path) => Config::load(path).map(Loaded::Policies),
            Self::Descriptors(files) => files.load().map(Loaded::Descriptors),
        }
    }
}

impl Loaded {
    pub(super) fn is_in_force(&self, now: &Now) -> bool {
        match self {
            Self::Policies(config) => config.version() == now.config.version(),
            Self::Descriptors(descriptors) => descriptors.version() == now.config.descriptors.version(),
        }
    }

    /// This, with what the other files said before.
    pub(super) fn beside(self, before: &Config) -> Config {
        match self {
            Self::Policies(config) => config.with_descriptors(before.descriptors.clone()),
            Self::Descriptors(descriptors) => before.clone().with_descriptors(descriptors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::{SameDomain, Text};

    /// Whichever is read again, the other stays as it is.
    #[test]
    fn policies_and_descriptors_leave_each_other_as_they_are() {
        let config = |limit: u32| {
            let policies = format!("policies: [{{ name: p, limit: {limit}/hour }}]");
            Config::parse("p.yaml", &policies).unwrap()
        };
        let descriptors = |domain: &str| {
            let text = format!("domain: {domain}");
            Descriptors::parse(&[Text { name: "r.yaml", text: &text }], SameDomain::Refuse).unwrap()
        };
        let versions =
            |config: &Config| [config.version(), config.descriptors.version()].map(ToOwned::to_owned);
        let before = config(1).with_descriptors(descriptors("a"));
        let other = config(2).with_descriptors(descriptors("b"));
        let [policies, rules] = versions(&before);
        let [other_policies, other_rules] = versions(&other);
        assert!(policies != other_policies && rules != other_rules);
        let read = Loaded::Policies(config(2)).beside(&before);
        assert_eq!(versions(&read), [other_policies, rules]);
        let read = Loaded::Descriptors(descriptors("b")).beside(&before);
        assert_eq!(versions(&read), [policies, other_rules]);
    }
}
