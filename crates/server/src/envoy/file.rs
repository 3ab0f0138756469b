//! One file: a domain and its descriptors.

use super::descriptor::{self, Descriptor};
use crate::config::document::{self, Node};
use crate::config::problem::{Place, Problems};
use crate::config::reader::Table;

/// A file's content, checked by itself, and what is wrong with it.
#[derive(Debug)]
pub(super) struct File {
    pub(super) problems: Problems,
    pub(super) domain: Option<Named>,
    pub(super) descriptors: Vec<Descriptor>,
    /// Of the text.
    pub(super) digest: blake3::Hash,
}

/// A domain as a file names it.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) place: Place,
    pub(super) name: Box<str>,
}

impl File {
    pub(super) fn parse(name: &str, text: &str) -> Self {
        let (problems, descriptors) = (Problems::new(name), Vec::new());
        let mut file = Self { problems, domain: None, descriptors, digest: blake3::hash(text.as_bytes()) };
        if let Some(node) = document::parse(text, &mut file.problems) {
            file.read(&node);
        }
        file
    }

    fn read(&mut self, node: &Node) {
        let problems = &mut self.problems;
        let Some(mut table) = Table::new(node, "a table with `domain` and `descriptors`", problems) else {
            return;
        };
        let (domain, descriptors) = (table.require("domain", problems), table.take("descriptors"));
        // A file of the xDS form has a name beside its domain, which says nothing.
        table.take("name");
        table.finish(problems);
        self.domain = domain.and_then(|node| {
            Some(Named { place: node.place, name: descriptor::name(node, "a domain", problems)? })
        });
        self.descriptors = descriptor::read_list(descriptors, problems);
    }
}
