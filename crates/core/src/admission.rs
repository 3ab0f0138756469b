//! Admission: of what [`decide`](crate::decide) says about one limit, as much as a caller reads who asks for
//! permission and nothing else. Most do: see [`Rule::admit`](crate::Rule::admit), and `cargo xtask bench --only "hot
//! key"` for what it spares (a decision of the embedded store took 150 ns and takes 50).

use crate::decision::Verdict;

/// Whether a cost was charged, and whether there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The cost was charged, all of it.
    pub allowed: bool,
    /// Nothing is left, not even for a cost of 1.
    pub exhausted: bool,
}

impl From<Verdict> for Admission {
    /// Of a check of one limit.
    fn from(verdict: Verdict) -> Self {
        let exhausted = verdict.outcomes.first().is_some_and(|outcome| outcome.remaining == 0);
        Self { allowed: verdict.allowed, exhausted }
    }
}
