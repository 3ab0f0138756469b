//! What a descriptor's `rate_limit` block says.

use std::sync::Arc;

use drl_core::{Algorithm, Quota};
use serde_json::{Map, Value};

use super::unit::Unit;

/// A descriptor that has a `rate_limit` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The name by which other rules replace it.
    pub name: Option<Box<str>>,
    /// The names of rules that do not count when this one is met by the same request.
    pub replaces: Box<[Box<str>]>,
    /// How much is allowed.
    pub allowance: Allowance,
    /// What its word is worth.
    pub mode: Mode,
    /// The descriptors that lead to it, as in `shop.path_/cart*.user`: the name under which it is counted in
    /// metrics, unless it says that values belong there, too.
    pub path: Arc<str>,
    /// The name of its counters. Rules that differ in their values only have the same one, so what was used
    /// stays used when a value gets a rule of its own.
    pub counter: Arc<str>,
    /// What metrics show.
    pub detail: Detail,
    /// What the operator says about it (`metadata`), for those who ask.
    pub metadata: Map<String, Value>,
}

/// How much a rule allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Allowance {
    /// Everything, and nothing is counted.
    Unlimited,
    /// So many in each unit of time.
    Limited(Limit),
}

/// So many requests in each unit of time, none of them if it is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    /// How many.
    pub requests: u32,
    /// In what time.
    pub unit: Unit,
}

impl Limit {
    /// The quota that keeps it, a fixed window; `None` for a limit of zero, which needs no counter.
    #[must_use]
    pub fn quota(self) -> Option<Quota> {
        let quota = Quota::new(self.requests.into(), self.unit.window()).algorithm(Algorithm::FixedWindow);
        (self.requests > 0).then_some(quota)
    }
}

/// What follows when a rule has no room: the later here, the less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// The request is denied.
    #[default]
    Enforce,
    /// The request is denied if all rules of this mode that it meets have no room (`quota_mode`).
    Quota,
    /// Nothing: it counts and reports (`shadow_mode`, which wins over `quota_mode`).
    Shadow,
}

/// Which values a rule's name in metrics shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Those that are written, and those of descriptors with `value_to_metric`.
    #[default]
    Written,
    /// All of them (`detailed_metric`).
    Sent,
}
