//! One entry of `descriptors`: from what was written to what was meant.

use serde_json::{Map, Value as Json};

use super::rate_limit::Terms;
use super::rule::{Detail, Mode};
use crate::config::document::{Node, Value};
use crate::config::problem::{Place, Problems};
use crate::config::reader::{self, Table};

/// A descriptor, checked by itself.
#[derive(Debug)]
pub(super) struct Descriptor {
    pub(super) place: Place,
    pub(super) key: Box<str>,
    /// `None` matches whatever no sibling matches by its value.
    pub(super) value: Option<Box<str>>,
    pub(super) terms: Option<Terms>,
    pub(super) mode: Mode,
    pub(super) detail: Detail,
    pub(super) shown: Shown,
    pub(super) sharing: Sharing,
    pub(super) metadata: Map<String, Json>,
    pub(super) children: Vec<Self>,
}

/// What of a value that is matched but not written appears in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Pattern,
    Value,
}

/// Who shares a counter among those that a wildcard matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Those with the same value.
    Value,
    /// All of them.
    Pattern,
}

/// Keys of a `rate_limit` block, which are easily written one level too high.
const OF_RATE_LIMIT: [&str; 5] = ["unit", "requests_per_unit", "unlimited", "name", "replaces"];

/// Reads a list of descriptors; none is written as nothing, too.
pub(super) fn read_list(node: Option<&Node>, problems: &mut Problems) -> Vec<Descriptor> {
    let Some(node) = given(node) else { return Vec::new() };
    let nodes = reader::list(node, "a list of descriptors", problems).unwrap_or_default();
    nodes.iter().filter_map(|node| read(node, problems)).collect()
}

fn read(node: &Node, problems: &mut Problems) -> Option<Descriptor> {
    let mut table = Table::new(node, "a descriptor, as in { key: client }", problems)?;
    let key = table.require("key", problems);
    let value = given(table.take("value"));
    let (rate_limit, children) = (table.take("rate_limit"), table.take("descriptors"));
    let shadow = flag(&mut table, "shadow_mode", problems);
    let quota = flag(&mut table, "quota_mode", problems);
    let detailed = flag(&mut table, "detailed_metric", problems);
    let value_to_metric = flag(&mut table, "value_to_metric", problems);
    let shared = flag(&mut table, "share_threshold", problems);
    let metadata = table.take("metadata");
    misplaced(&mut table, &OF_RATE_LIMIT, "in `rate_limit`", problems);
    table.finish(problems);

    let terms = given(rate_limit).and_then(|node| Terms::read(node, problems));
    let children = read_list(children, problems);
    let metadata = metadata.map_or_else(Map::new, |node| super::metadata::read(node, problems));
    let value = value.and_then(|node| reader::text(node, "a value", problems));
    let value = value.filter(|value| !value.is_empty()).map(String::into_boxed_str);
    let key = key.and_then(|node| name(node, "a key", problems))?;
    let wild = key.contains('*') || value.as_ref().is_some_and(|value| value.contains('*'));
    if shared && !wild {
        problems.add(
            node.place,
            "`share_threshold` needs a value with a wildcard (`*`): there is nothing to share",
        );
    }
    Some(Descriptor {
        place: node.place,
        key,
        value,
        terms,
        mode: match (shadow, quota) {
            (true, _) => Mode::Shadow,
            (false, true) => Mode::Quota,
            (false, false) => Mode::Enforce,
        },
        detail: if detailed { Detail::Sent } else { Detail::Written },
        shown: if value_to_metric { Shown::Value } else { Shown::Pattern },
        sharing: if shared { Sharing::Pattern } else { Sharing::Value },
        metadata,
        children,
    })
}

/// What is written as nothing is not there.
pub(super) fn given(node: Option<&Node>) -> Option<&Node> {
    node.filter(|node| node.value != Value::Null)
}

/// A text that must not be empty.
pub(super) fn name(node: &Node, what: &str, problems: &mut Problems) -> Option<Box<str>> {
    match &node.value {
        Value::Null => {}
        _ => match reader::text(node, what, problems)? {
            text if text.is_empty() => {}
            text => return Some(text.into()),
        },
    }
    problems.add(node.place, format!("expected {what}, found nothing"));
    None
}

/// `true` or not.
pub(super) fn flag(table: &mut Table<'_>, key: &'static str, problems: &mut Problems) -> bool {
    let what = format!("`{key}`");
    given(table.take(key)).and_then(|node| reader::boolean(node, &what, problems)).unwrap_or_default()
}

/// Keys of the format that have no meaning here.
pub(super) fn misplaced(
    table: &mut Table<'_>,
    keys: &[&'static str],
    belongs: &str,
    problems: &mut Problems,
) {
    for key in keys {
        if let Some(node) = table.take(key) {
            problems.add(node.place, format!("`{key}` has no effect here: it belongs {belongs}"));
        }
    }
}
