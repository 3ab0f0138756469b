//! Whether requests can be served.

use distributed_rate_limiter::Error;

use super::Decider;
use super::domain::Domain;
use super::rules::Rules;

/// The store is out of reach, and these policies need it.
#[derive(Debug, thiserror::Error)]
#[error("policies cannot be decided without the store ({}): {error}", policies.join(", "))]
pub struct Unready {
    /// `domain/name` of some of the policies that do not serve without a store.
    pub policies: Vec<String>,
    /// Why the store does not answer.
    pub error: Error,
}

/// How many policies are named at most.
const NAMED: usize = 10;

impl Decider {
    /// Ready means: the store answers, or every policy that enforces has a failure mode that serves without it.
    ///
    /// # Errors
    /// Which policies do not, and why the store is out of reach.
    pub async fn ready(&self) -> Result<(), Unready> {
        let Err(error) = self.engine.ping().await else { return Ok(()) };
        let book = self.book.load();
        let needing = book.chapters().flat_map(|(domain, chapter)| {
            let policies = chapter.policies.iter().flat_map(Domain::needing_the_store);
            let rules = chapter.rules.iter().flat_map(Rules::needing_the_store);
            policies.chain(rules).map(move |name| format!("{domain}/{name}"))
        });
        let mut policies: Vec<String> = needing.collect();
        if policies.is_empty() {
            return Ok(());
        }
        policies.sort_unstable();
        policies.truncate(NAMED);
        Err(Unready { policies, error })
    }
}
