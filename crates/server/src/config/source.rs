//! What a file says about one policy.

use std::sync::Arc;

use super::document::Node;

/// A policy as it is written: what a change at runtime starts from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PolicySource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Arc<str>,
    domain: String,
    policy: String,
    node: Node,
}

impl PolicySource {
    pub(super) fn new(file: &Arc<str>, domain: &str, policy: &str, node: Node) -> Self {
        let (file, domain, policy) = (Arc::clone(file), domain.to_owned(), policy.to_owned());
        Self(Arc::new(Inner { file, domain, policy, node }))
    }

    /// The policy's domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.0.domain
    }

    /// The policy's name.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.0.policy
    }

    /// The file, as it was named.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.0.file
    }

    pub(super) fn node(&self) -> &Node {
        &self.0.node
    }
}
