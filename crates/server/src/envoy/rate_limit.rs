//! A `rate_limit` block.

use super::descriptor::{flag, given, misplaced, name};
use super::rule::{Allowance, Limit};
use super::unit::Unit;
use crate::config::document::Node;
use crate::config::hint;
use crate::config::problem::Problems;
use crate::config::reader::{self, Table};

/// What the block says.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) name: Option<Box<str>>,
    pub(super) replaces: Box<[Box<str>]>,
    pub(super) allowance: Allowance,
}

/// Keys of a descriptor, which are easily written one level too deep.
const OF_DESCRIPTOR: [&str; 9] = [
    "key",
    "value",
    "descriptors",
    "shadow_mode",
    "quota_mode",
    "detailed_metric",
    "value_to_metric",
    "share_threshold",
    "metadata",
];

impl Terms {
    /// Reads a block; `None` if something is wrong that leaves none.
    pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut table = Table::new(node, "a rate limit", problems)?;
        let (own, replaces) = (given(table.take("name")), given(table.take("replaces")));
        let unlimited = flag(&mut table, "unlimited", problems);
        let allowance =
            if unlimited { unlimited_in(&mut table, problems) } else { limited(&mut table, problems) };
        misplaced(&mut table, &OF_DESCRIPTOR, "beside `rate_limit`", problems);
        table.finish(problems);
        let own = own.and_then(|node| reader::text(node, "a name", problems));
        let own = own.filter(|name| !name.is_empty()).map(String::into_boxed_str);
        let nodes = replaces.and_then(|node| reader::list(node, "a list as in [{ name: … }]", problems));
        let replaced = |node| replaced(node, own.as_deref(), problems);
        let replaces = nodes.unwrap_or_default().iter().filter_map(replaced).collect();
        Some(Self { name: own, replaces, allowance: allowance? })
    }
}

/// Without a limit there is nothing to count in a unit of time. A number without a unit has no meaning, and
/// is let pass as others do.
fn unlimited_in(table: &mut Table<'_>, problems: &mut Problems) -> Option<Allowance> {
    table.take("requests_per_unit");
    if let Some(unit) = given(table.take("unit")) {
        problems.add(unit.place, "an unlimited rule has no `unit`");
    }
    Some(Allowance::Unlimited)
}

fn limited(table: &mut Table<'_>, problems: &mut Problems) -> Option<Allowance> {
    let (unit, requests) = (table.require("unit", problems), table.require("requests_per_unit", problems));
    let unit = unit.and_then(|node| unit_of(node, problems));
    let requests = requests.and_then(|node| {
        let number = reader::whole(node, "`requests_per_unit`", problems)?;
        let most = u32::MAX;
        problems
            .ok(node.place, u32::try_from(number).map_err(|_| format!("{number} is above the most, {most}")))
    });
    Some(Allowance::Limited(Limit { requests: requests?, unit: unit? }))
}

fn unit_of(node: &Node, problems: &mut Problems) -> Option<Unit> {
    let written = name(node, "a unit", problems)?.to_ascii_lowercase();
    let found = Unit::ALL.into_iter().find(|unit| unit.as_str() == written);
    if found.is_none() {
        let names = Unit::ALL.map(Unit::as_str);
        let hint = hint::among(&written, names);
        problems.add(node.place, format!("expected one of {}, found {}{hint}", names.join(", "), node.value));
    }
    found
}

fn replaced(node: &Node, own: Option<&str>, problems: &mut Problems) -> Option<Box<str>> {
    let mut table = Table::new(node, "the rule to replace, as in { name: … }", problems)?;
    let replaced = table.require("name", problems);
    table.finish(problems);
    let replaced = replaced?;
    let name = name(replaced, "the name of the rule to replace", problems)?;
    if own == Some(&*name) {
        problems.add(replaced.place, "a rule cannot replace itself");
        return None;
    }
    Some(name)
}
