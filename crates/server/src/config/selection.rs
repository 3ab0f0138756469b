//! Which requests a policy is for, and which of them it counts together.

use drl_core::policy::{Axis, Block, Pattern};

use super::document::{Node, Value};
use super::problem::Problems;
use super::reader::{self, Table};

/// What an attribute's value must fit: one of a list, or one thing alone.
pub(super) fn patterns(node: &Node, problems: &mut Problems) -> Option<Vec<Pattern>> {
    let mut patterns = Vec::new();
    let mut complete = true;
    for value in one_or_many(node) {
        match value.value {
            Value::Table(_) => complete &= blocks(value, &mut patterns, problems).is_some(),
            _ => match reader::text(value, "a value to match", problems) {
                Some(text) => patterns.push(Pattern::new(&text)),
                None => complete = false,
            },
        }
    }
    complete.then_some(patterns)
}

/// `{ cidr: 10.0.0.0/8 }`, or several blocks.
fn blocks(node: &Node, patterns: &mut Vec<Pattern>, problems: &mut Problems) -> Option<()> {
    let mut table = Table::new(node, "an address block", problems)?;
    let cidr = table.require("cidr", problems);
    table.finish(problems);
    let values = one_or_many(cidr?);
    let text = |value| Some((value, reader::text(value, "an address block", problems)?));
    let texts: Vec<(&Node, String)> = values.iter().filter_map(text).collect();
    let blocks = texts.iter().filter_map(|(value, text)| problems.ok(value.place, Block::new(text)));
    let before = patterns.len();
    patterns.extend(blocks.map(Pattern::from));
    (patterns.len() - before == values.len()).then_some(())
}

fn one_or_many(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(nodes) => nodes,
        _ => std::slice::from_ref(node),
    }
}

/// `client`, or `{ address: ip }`.
pub(super) fn axis(node: &Node, problems: &mut Problems) -> Option<Axis> {
    let Value::Table(_) = node.value else {
        return reader::text(node, "an attribute's name", problems).map(Axis::from);
    };
    let mut table = Table::new(node, "what to count by", problems)?;
    let (address, prefix) = (table.require("address", problems), table.take("ipv6_prefix"));
    table.finish(problems);
    let attribute = reader::text(address?, "an attribute's name", problems)?;
    match prefix {
        Some(prefix) => {
            let bits = reader::whole(prefix, "`ipv6_prefix`", problems)?;
            problems.ok(prefix.place, Axis::address(attribute, bits))
        }
        None => problems.ok(node.place, Axis::address(attribute, Axis::IPV6_PREFIX.into())),
    }
}
