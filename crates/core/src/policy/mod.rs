//! Which limits a request meets: policies, and the matcher that finds them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`attributes`] | what a request says about itself |
//! | [`pattern`] | exact values, `*` wildcards and address blocks |
//! | [`address`] | address blocks, and the one spelling of an address |
//! | [`condition`] | one line of `match`: an attribute and the patterns of which one must fit |
//! | [`axis`] | one entry of `per`: an attribute whose values have an allowance each |
//! | [`terms`] | the words of a policy: actions, modes, what happens when it says no |
//! | [`definition`] | one policy, checked |
//! | [`error`] | why a policy cannot be kept |
//! | [`prefixes`] | all prefixes of a value among many |
//!
//! A policy matches a request if **every** attribute it names in `match` is there with a value that fits,
//! and every attribute it counts by (`per`) is there at all. A request without a `client` is not counted by
//! a policy per client: it does not match, and no allowance is shared by "everybody without a name".
//!
//! Finding the policies costs what the request's attributes cost, not what the number of policies would:
//! the index asks for each attribute of the request, and looks at policies only that named its very value
//! or a prefix of it. It says more about that in its own file.

pub mod address;
pub mod attributes;
pub mod axis;
pub mod condition;
pub mod definition;
pub mod error;
mod index;
pub mod pattern;
pub mod prefixes;
pub mod terms;

use smallvec::SmallVec;

pub use address::Block;
pub use attributes::{Attributes, AttributesError, Names};
pub use axis::{Axis, Spellings};
pub use condition::Condition;
pub use definition::{Allowance, Partition, Policy};
pub use error::PolicyError;
pub use pattern::Pattern;
pub use prefixes::Prefixes;
pub use terms::{Action, Enforcement, OnLimited, OnStoreFailure};

use axis::Addresses;
use index::Index;

/// The positions of the policies that match a request, in the order they were written.
pub type Matches = SmallVec<[usize; 4]>;

/// The policies of one domain, ready to be matched.
#[derive(Clone, Debug)]
pub struct Policies {
    domain: String,
    list: Vec<Policy>,
    index: Index,
    addresses: Addresses,
}

impl Policies {
    /// The domain of requests and policy files that name none.
    pub const DEFAULT_DOMAIN: &'static str = "default";

    /// Compiles the policies of a domain.
    ///
    /// # Errors
    /// If the domain's name cannot be one, or two policies have the same name.
    pub fn new(domain: &str, list: Vec<Policy>) -> Result<Self, PolicyError> {
        if !definition::is_name(domain) || domain.contains('/') {
            return Err(PolicyError::Domain(domain.to_owned()));
        }
        let mut names = std::collections::HashSet::new();
        if let Some(twice) = list.iter().find(|policy| !names.insert(policy.name())) {
            return Err(PolicyError::DuplicateName(twice.name().to_owned()));
        }
        let index = Index::new(&list);
        let addresses = Addresses::new(list.iter().flat_map(Policy::axes));
        Ok(Self { domain: domain.to_owned(), list, index, addresses })
    }

    /// The domain whose requests these policies are for.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The policies in the order they were written.
    #[must_use]
    pub fn list(&self) -> &[Policy] {
        &self.list
    }

    /// The policies that a request with these attributes meets: positions in [`Policies::list`].
    #[must_use]
    pub fn matching(&self, attributes: &Attributes<'_>) -> Matches {
        let mut candidates = self.index.candidates(attributes);
        candidates.sort_unstable();
        candidates.dedup();
        let position = |&candidate: &u32| usize::try_from(candidate).unwrap_or(usize::MAX);
        let fits = |&at: &usize| self.list.get(at).is_some_and(|policy| policy.matches(attributes));
        candidates.iter().map(position).filter(fits).collect()
    }

    /// The addresses of a request as the policies count them; for [`Policy::allowance`].
    #[must_use]
    pub fn spellings(&self, attributes: &Attributes<'_>) -> Spellings {
        self.addresses.spellings(attributes)
    }
}

#[cfg(test)]
mod tests;
