//! Whether requests can be served.

use distributed_rate_limiter::Error;
use drl_core::policy::{Action, OnStoreFailure};

use super::Decider;

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
        let needs_store = book.domains().flat_map(|(domain, policies)| {
            let waiting = policies.policies().iter().filter(|policy| {
                policy.action() == Action::Limit
                    && !policy.is_shadow()
                    && matches!(policy.failure_mode(), OnStoreFailure::Error | OnStoreFailure::Closed)
            });
            waiting.map(move |policy| format!("{domain}/{}", policy.name()))
        });
        let mut policies: Vec<String> = needs_store.collect();
        if policies.is_empty() {
            return Ok(());
        }
        policies.sort_unstable();
        policies.truncate(NAMED);
        Err(Unready { policies, error })
    }
}
