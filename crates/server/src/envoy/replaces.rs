//! `replaces`: which of the rules that one request meets hold.

use std::collections::HashSet;

use super::domain::Found;
use super::rule::Allowance;

/// Leaves out the rules that another one replaces, whichever descriptor found it. What is replaced neither
/// decides nor is charged. An unlimited rule cannot be replaced: there is nothing to take away. A rule that is
/// replaced itself still replaces.
pub fn leave_out_replaced(found: &mut [Option<Found<'_>>]) {
    let replaces = |found: &Found<'_>| !found.rule.replaces.is_empty();
    if !found.iter().flatten().any(replaces) {
        return;
    }
    let names = |found: &Found<'_>| found.rule.replaces.to_vec();
    let replaced: HashSet<Box<str>> = found.iter().flatten().flat_map(names).collect();
    for slot in found {
        let out = slot.as_ref().is_some_and(|found| {
            let named = found.rule.name.as_ref().is_some_and(|name| replaced.contains(name));
            named && found.rule.allowance != Allowance::Unlimited
        });
        if out {
            *slot = None;
        }
    }
}
