//! Everything that requests are held against, at one moment: replaced as a whole, never changed.

use std::collections::HashMap;

use distributed_rate_limiter::Error;
use distributed_rate_limiter::engine::Engine;

use super::domain::Domain;
use crate::config::Config;
use crate::metrics::Policies;

/// The rules of all domains.
#[derive(Debug)]
pub(super) struct Book {
    domains: HashMap<String, Domain>,
}

impl Book {
    /// Makes every policy's limits on `engine`.
    pub(super) fn new(engine: &Engine, config: &Config, counters: &Policies) -> Result<Self, Error> {
        let domains = config.domains.iter().map(|policies| {
            let name = policies.domain().to_owned();
            Ok((name, Domain::new(engine, policies.clone(), counters)?))
        });
        Ok(Self { domains: domains.collect::<Result<_, Error>>()? })
    }

    pub(super) fn domain(&self, name: &str) -> Option<&Domain> {
        self.domains.get(name)
    }

    pub(super) fn domains(&self) -> impl Iterator<Item = (&str, &Domain)> {
        self.domains.iter().map(|(name, domain)| (name.as_str(), domain))
    }
}
