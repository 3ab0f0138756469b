//! The section `auth`: how requests that proxies ask about are described.

use drl_core::policy::Policies;

use super::document::{Node, Value};
use super::problem::Problems;
use super::reader::{self, Table};
use crate::forward::{Extraction, Place};

/// Reads the section; what it leaves out is as it is without one.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Extraction> {
    let mut table =
        Table::new(node, "a table such as { attributes: { client: header:x-api-key } }", problems)?;
    let (domain, attributes) = (table.take("domain"), table.take("attributes"));
    let trusted = table.take("trusted_proxies");
    table.finish(problems);
    let mut extraction = Extraction::default();
    if let Some(node) = domain {
        let domain = reader::text(node, "a domain", problems)?;
        problems.ok(node.place, Policies::new(&domain, Vec::new()));
        extraction.domain = domain;
    }
    if let Some(node) = trusted {
        let count = reader::whole(node, "the number of trusted proxies", problems)?;
        extraction.trusted_proxies = usize::try_from(count).unwrap_or(usize::MAX);
    }
    if let Some(node) = attributes {
        let entries = reader::entries(node, "a table of attributes, as in { client: client_ip }", problems)?;
        extraction.attributes =
            entries.iter().map(|entry| (entry.key.clone(), places(&entry.node, problems))).collect();
    }
    Some(extraction)
}

/// One place, or a list of them of which the first that has a value counts.
fn places(node: &Node, problems: &mut Problems) -> Vec<Place> {
    let nodes = match &node.value {
        Value::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let place = |node: &Node| {
        let text = reader::text(node, "where a value is found, as in header:x-api-key", problems)?;
        problems.ok(node.place, text.parse::<Place>())
    };
    nodes.iter().filter_map(place).collect()
}
