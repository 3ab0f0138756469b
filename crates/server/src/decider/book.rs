//! Everything that requests are held against, at one moment: replaced as a whole, never changed.

use std::collections::HashMap;
use std::sync::Arc;

use distributed_rate_limiter::Error;
use distributed_rate_limiter::engine::Engine;

use super::domain::{Domain, Facet, Facets};
use super::meeting::Meeting;
use super::met::Voice;
use super::overrides::{self, Held, Overrides};
use super::request::Request;
use super::rules::Rules;
use crate::config::Config;
use crate::envoy::Keeping;
use crate::metrics::Policies;

/// What limits the requests of all domains.
#[derive(Debug)]
pub(super) struct Book {
    chapters: HashMap<String, Chapter>,
}

/// What limits the requests of one domain: policies, rules from descriptors, or both.
#[derive(Debug)]
pub(super) struct Chapter {
    pub(super) policies: Option<Domain>,
    pub(super) rules: Option<Rules>,
    /// Of limits that come with requests.
    overriding: Voice,
}

impl Book {
    /// Makes every limit on `engine`.
    pub(super) fn new(engine: &Engine, config: &Config, counters: &Policies) -> Result<Self, Error> {
        let mut chapters: HashMap<String, Chapter> = HashMap::new();
        let chapter = |domain: &str, keeping| {
            let overriding = overrides::voice(counters.counters(domain, overrides::NAME), keeping);
            Chapter { policies: None, rules: None, overriding }
        };
        let keeping = config.descriptors.keeping;
        for domain in config.descriptors.domains() {
            let rules = Rules::new(engine, domain, keeping, counters)?;
            let chapter = Chapter { rules: Some(rules), ..chapter(domain.name(), keeping) };
            chapters.insert(domain.name().to_owned(), chapter);
        }
        for policies in &config.domains {
            let domain = policies.domain();
            let policies = Domain::new(engine, policies.clone(), counters)?;
            let chapter = chapters
                .entry(domain.to_owned())
                .or_insert_with_key(|domain| chapter(domain, Keeping::default()));
            chapter.policies = Some(policies);
        }
        Ok(Self { chapters })
    }

    /// The parts of a request as the policies see them; none without policies.
    pub(super) fn facets<'r, 'p>(
        &self,
        request: &'r Request<'p>,
        tiers: &'r [Option<Arc<str>>],
    ) -> Facets<'r, 'p> {
        let policies = self.chapters.get(request.domain).and_then(|chapter| chapter.policies.as_ref());
        policies.map(|policies| policies.facets(&request.parts, tiers)).unwrap_or_default()
    }

    /// What they meet, in the order written.
    ///
    /// # Errors
    /// If nobody can keep a quota that the request brings along.
    pub(super) fn meet<'b>(
        &'b self,
        request: &'b Request<'_>,
        facets: &'b [Facet<'_, '_>],
        overrides: &Overrides,
    ) -> Result<Meeting<'b>, Error> {
        let mut meeting = Meeting::default();
        let Some(chapter) = self.chapters.get(request.domain) else { return Ok(meeting) };
        for (at, part) in request.parts.iter().enumerate() {
            if let (Some(policies), Some(facet)) = (&chapter.policies, facets.get(at)) {
                policies.add(&mut meeting, at, facet);
            }
            if let Some(quota) = part.quota {
                let held = Held { voice: &chapter.overriding, at, part };
                meeting.add(overrides.meet(request.domain, held, quota)?);
            }
        }
        if let Some(rules) = &chapter.rules {
            rules.add(&mut meeting, &request.parts);
        }
        Ok(meeting)
    }

    pub(super) fn chapters(&self) -> impl Iterator<Item = (&str, &Chapter)> {
        self.chapters.iter().map(|(domain, chapter)| (domain.as_str(), chapter))
    }
}
