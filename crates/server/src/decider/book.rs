//! Everything that requests are held against, at one moment: replaced as a whole, never changed.

use std::collections::HashMap;
use std::sync::Arc;

use distributed_rate_limiter::Error;
use distributed_rate_limiter::engine::Engine;

use super::domain::{Domain, Facet, Facets};
use super::meeting::Meeting;
use super::overrides::Overrides;
use super::request::Request;
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

    fn domain(&self, name: &str) -> Option<&Domain> {
        self.domains.get(name)
    }

    /// The parts of a request as the policies see them.
    pub(super) fn facets<'r, 'p>(
        &self,
        request: &'r Request<'p>,
        tiers: &'r [Option<Arc<str>>],
    ) -> Facets<'r, 'p> {
        self.domain(request.domain).map(|domain| domain.facets(&request.parts, tiers)).unwrap_or_default()
    }

    /// What they meet.
    pub(super) fn meet<'b>(
        &'b self,
        request: &Request<'_>,
        facets: &'b [Facet<'_, '_>],
        overrides: &Overrides,
    ) -> Result<Meeting<'b>, Error> {
        match self.domain(request.domain) {
            Some(domain) => domain.meet(facets, overrides),
            None => Ok(Meeting::default()),
        }
    }

    pub(super) fn domains(&self) -> impl Iterator<Item = (&str, &Domain)> {
        self.domains.iter().map(|(name, domain)| (name.as_str(), domain))
    }
}
