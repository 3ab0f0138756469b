//! From what the files say to what requests are matched against.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use super::descriptor::Descriptor;
use super::domain::Domain;
use super::file::File;
use super::level::{Level, Node};
use super::path::Path;
use super::rate_limit::Terms;
use super::rule::Rule;
use super::{Descriptors, SameDomain};
use crate::config::problem::{ConfigError, Place, Problems};

/// Where something was written first.
#[derive(Clone, Debug)]
struct First {
    file: Arc<str>,
    line: u64,
}

impl First {
    fn new(problems: &Problems, place: Place) -> Self {
        Self { file: Arc::clone(problems.file()), line: place.line }
    }
}

/// A domain being put together from the files that name it.
struct Draft {
    first: First,
    path: Path,
    rules: Vec<Rule>,
    nodes: Vec<Node>,
    taken: Taken,
}

/// The keys and values of one list, and where each was written first.
type Taken = HashMap<(Box<str>, Option<Box<str>>), First>;

/// Puts the files together; every problem of every file is found.
pub(super) fn compile(files: Vec<File>, same: SameDomain) -> Result<Descriptors, ConfigError> {
    let mut drafts: HashMap<Box<str>, Draft> = HashMap::new();
    let mut found = Vec::new();
    let mut version = blake3::Hasher::new();
    for File { mut problems, domain, descriptors, digest } in files {
        version.update(digest.as_bytes());
        // A file without a domain is wrong already; what else is wrong with it is found under a stand-in.
        let (place, name) = domain.map_or((Place::START, Box::from("")), |named| (named.place, named.name));
        let mut unnamed = Draft::new(&name, First::new(&problems, place));
        let draft = match drafts.entry(name) {
            Slot::Vacant(free) if free.key().is_empty() => &mut unnamed,
            Slot::Vacant(free) => free.insert(unnamed),
            Slot::Occupied(taken) => {
                let draft = taken.into_mut();
                if same == SameDomain::Refuse {
                    let First { file, line } = &draft.first;
                    problems
                        .add(place, format!("the domain is that of {file}:{line}, and files are not merged"));
                }
                draft
            }
        };
        draft.add(descriptors, &mut problems);
        found.extend(problems.into_sorted());
    }
    if !found.is_empty() {
        return Err(ConfigError(found));
    }
    let finish = |(name, draft): (Box<str>, Draft)| {
        let domain = Domain::new(&name, draft.rules, Level::new(draft.nodes));
        (name, Arc::new(domain))
    };
    let version = version.finalize().to_hex()[..12].into();
    Ok(Descriptors { domains: drafts.into_iter().map(finish).collect(), version, ..Descriptors::default() })
}

impl Draft {
    fn new(domain: &str, first: First) -> Self {
        let (rules, nodes, taken) = (Vec::new(), Vec::new(), Taken::new());
        Self { first, path: Path::new(domain), rules, nodes, taken }
    }

    fn add(&mut self, descriptors: Vec<Descriptor>, problems: &mut Problems) {
        let Self { path, rules, nodes, taken, .. } = self;
        nodes.extend(List { path, taken }.compile(descriptors, rules, problems));
    }
}

/// Where a list of descriptors stands, and which of its keys and values are taken.
struct List<'d> {
    path: &'d Path,
    taken: &'d mut Taken,
}

impl List<'_> {
    fn compile(self, list: Vec<Descriptor>, rules: &mut Vec<Rule>, problems: &mut Problems) -> Vec<Node> {
        let mut nodes = Vec::new();
        for mut descriptor in list {
            let path = self.path.below(&descriptor);
            match self.taken.entry((descriptor.key.clone(), descriptor.value.clone())) {
                Slot::Vacant(free) => drop(free.insert(First::new(problems, descriptor.place))),
                Slot::Occupied(first) => {
                    let First { file, line } = first.get();
                    let message = format!("`{}` is there already, at {file}:{line}", path.shown);
                    problems.add(descriptor.place, message);
                }
            }
            let children = std::mem::take(&mut descriptor.children);
            let rule = descriptor.terms.take().map(|terms| rule(&mut descriptor, terms, &path));
            let number = rule.map(|rule| {
                rules.push(rule);
                rules.len() - 1
            });
            let below = List { path: &path, taken: &mut Taken::new() }.compile(children, rules, problems);
            nodes.push(Node::new(&descriptor, number, Level::new(below)));
        }
        nodes
    }
}

fn rule(descriptor: &mut Descriptor, terms: Terms, path: &Path) -> Rule {
    let Terms { name, replaces, allowance } = terms;
    let Descriptor { mode, detail, .. } = *descriptor;
    let metadata = std::mem::take(&mut descriptor.metadata);
    let (path, counter) = (path.shown.as_str().into(), path.counter.as_str().into());
    Rule { name, replaces, allowance, mode, path, counter, detail, metadata }
}
