//! One policy file, and what several must agree on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;

use drl_core::policy::{Policies, Policy};

use super::StoreSetting;
use super::auth;
use super::document::{self, Node, Value};
use super::policy;
use super::problem::{ConfigError, Place, Problem, Problems};
use super::reader::{self, Table};
use super::texts;
use crate::forward::Extraction;
use crate::http::fields::Legacy;

/// A file's content, checked by itself.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: Arc<str>,
    pub(super) store: Option<StoreSetting>,
    pub(super) domain: String,
    pub(super) auth: Option<(Place, Extraction)>,
    pub(super) legacy: Option<Legacy>,
    pub(super) policies: Vec<Listed>,
    /// Of what is written in it.
    pub(super) digest: blake3::Hash,
}

/// A policy and what is written about it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) policy: Policy,
    pub(super) node: Node,
}

impl File {
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let mut problems = Problems::new(name);
        let file = document::parse(text, &mut problems).and_then(|node| read(name, node, &mut problems));
        let file = file.map(|file| Self { digest: blake3::hash(text.as_bytes()), ..file });
        let found = problems.into_sorted();
        match file {
            Some(file) if found.is_empty() => Ok(file),
            _ => Err(ConfigError(found)),
        }
    }
}

pub(super) fn read(name: &str, node: Node, problems: &mut Problems) -> Option<File> {
    let mut table = Table::new(&node, "a table with `policies`", problems)?;
    let store = table.take("store");
    let store = store.and_then(|node| {
        let url = reader::text(node, "a store URL", problems)?;
        Some(StoreSetting { url, file: name.into(), place: node.place })
    });
    let domain = table.take("domain");
    let domain = domain.and_then(|node| Some((node.place, reader::text(node, "a domain", problems)?)));
    let auth = table.take("auth");
    let auth = auth.and_then(|node| Some((node.place, auth::read(node, problems)?)));
    let legacy = table.take("legacy_headers");
    let legacy =
        legacy.and_then(|node| reader::boolean(node, "`legacy_headers`", problems)).map(Legacy::from);
    let list = table.require("policies", problems);
    table.finish(problems);
    let mut policies = Vec::new();
    if let Some(list) = list {
        let nodes = reader::list(list, "a list of policies", problems).unwrap_or_default();
        if matches!(&list.value, Value::List(nodes) if nodes.is_empty()) {
            problems.add(list.place, "a file without a policy would limit nothing");
        }
        policies = nodes.iter().map(|node| policy::read(node, problems)).collect();
    }
    let (place, domain) = domain.unwrap_or((Place::START, Policies::DEFAULT_DOMAIN.to_owned()));
    problems.ok(place, Policies::new(&domain, Vec::new()));
    let listed = |(policy, node)| Some(Listed { policy: policy?, node });
    let policies = policies.into_iter().zip(policy_nodes(node)).filter_map(listed).collect();
    let file = File { name: name.into(), store, domain, auth, legacy, policies, digest: blake3::hash(b"") };
    for conflict in conflicts(std::slice::from_ref(&file)) {
        problems.add(conflict.place, conflict.message);
    }
    Some(file)
}

/// Takes the list of policies out of the document.
fn policy_nodes(document: Node) -> Vec<Node> {
    let Value::Table(entries) = document.value else { return Vec::new() };
    match entries.into_iter().find(|entry| entry.key == "policies").map(|entry| entry.node.value) {
        Some(Value::List(nodes)) => nodes,
        _ => Vec::new(),
    }
}

/// Names that are taken, and stores that differ.
pub(super) fn conflicts(files: &[File]) -> Vec<Problem> {
    let mut taken: HashMap<(&str, &str), (&File, Place)> = HashMap::new();
    let mut store: Option<&StoreSetting> = None;
    let mut auth: Option<(&File, Place)> = None;
    let mut legacy: Option<(Legacy, &str)> = None;
    let mut found = Vec::new();
    for file in files {
        let mut add = |place: Place, message: String| {
            found.push(Problem { file: Arc::clone(&file.name), place, message });
        };
        for Listed { policy, node: Node { place, .. } } in &file.policies {
            match taken.entry((&file.domain, policy.name())) {
                Entry::Vacant(free) => drop(free.insert((file, *place))),
                Entry::Occupied(first) => {
                    let (other, Place { line, .. }) = first.get();
                    let name = policy.name();
                    add(*place, format!("the name `{name}` is taken by the policy at {}:{line}", other.name));
                }
            }
        }
        match (&file.auth, auth) {
            (Some((second, _)), Some((other, Place { line, .. }))) => {
                add(*second, format!("there is another `auth` at {}:{line}", other.name));
            }
            (Some((place, _)), None) => auth = Some((file, *place)),
            _ => {}
        }
        match (file.legacy, legacy) {
            (Some(second), Some((first, other))) if second != first => {
                add(Place::START, format!("`legacy_headers` is said otherwise in {other}"));
            }
            (Some(first), None) => legacy = Some((first, &file.name)),
            _ => {}
        }
        match (&file.store, store) {
            (Some(second), Some(first)) if second.url != first.url => {
                let StoreSetting { file, place: Place { line, .. }, .. } = first;
                add(second.place, format!("another store is named at {file}:{line}"));
            }
            (Some(first), None) => store = Some(first),
            _ => {}
        }
    }
    found
}

/// Reads a file, or every policy file of a directory in the order of their names.
pub(super) fn read_all(path: &Path) -> Result<Vec<File>, ConfigError> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for source in texts::read_all(path)? {
        match source.and_then(|source| File::parse(&source.name, &source.text)) {
            Ok(file) => files.push(file),
            Err(error) => problems.extend(error.0),
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(ConfigError(problems)) }
}
