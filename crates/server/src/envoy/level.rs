//! The descriptors of one list, ready to be matched against one entry of a request.
//!
//! The order is the format's: the very value, else the first wildcard in the order written that fits, else
//! the key alone. Nothing is tried twice: what was chosen here is followed, even if nothing fits below it.
//!
//! The cost is a look-up, and a look at each wildcard whose text before the first `*` begins the value;
//! it does not grow with the number of other descriptors.

use std::collections::HashMap;

use drl_core::policy::{Pattern, Prefixes};

use super::Entry;
use super::descriptor::{Descriptor, Sharing, Shown};

/// The descriptors of one list.
#[derive(Debug, Default)]
pub(super) struct Level {
    nodes: Vec<Node>,
    keys: HashMap<Box<str>, Key>,
    wild_keys: Prefixes,
}

/// A descriptor in its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) key: Written,
    /// `None` matches whatever no sibling matches by its value.
    pub(super) value: Option<Written>,
    pub(super) shown: Shown,
    pub(super) sharing: Sharing,
    /// The position of its rule in the domain, if it has one.
    pub(super) rule: Option<usize>,
    pub(super) below: Level,
}

/// A text as it is written, and what it matches.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) text: Box<str>,
    pattern: Pattern,
}

/// The descriptors of one key.
#[derive(Debug, Default)]
struct Key {
    alone: Option<u32>,
    values: HashMap<Box<[u8]>, u32>,
    wildcards: Prefixes,
}

impl Written {
    fn new(text: &str) -> Self {
        Self { text: text.into(), pattern: Pattern::new(text) }
    }

    pub(super) fn is_wild(&self) -> bool {
        !self.pattern.is_exact()
    }
}

impl Node {
    pub(super) fn new(descriptor: &Descriptor, rule: Option<usize>, below: Level) -> Self {
        let Descriptor { shown, sharing, .. } = *descriptor;
        let value = descriptor.value.as_deref().map(Written::new);
        Self { key: Written::new(&descriptor.key), value, shown, sharing, rule, below }
    }

    fn fits(&self, entry: Entry<'_>) -> bool {
        let value = |value: &Written| value.pattern.matches(entry.value);
        self.key.pattern.matches(entry.key.as_bytes()) && self.value.as_ref().is_none_or(value)
    }
}

impl Level {
    /// An index of the nodes, which differ in their keys or values.
    pub(super) fn new(nodes: Vec<Node>) -> Self {
        let mut keys: HashMap<Box<str>, Key> = HashMap::new();
        let mut wild_keys = Vec::new();
        let mut wild_values: HashMap<&str, Vec<(&[u8], u32)>> = HashMap::new();
        for (node, number) in nodes.iter().zip(0..) {
            // As it is written, a wildcard stands for itself first: `a*` finds the descriptor `a*`.
            let key = keys.entry(node.key.text.clone()).or_default();
            match &node.value {
                None => key.alone = Some(number),
                Some(value) => drop(key.values.insert(value.text.as_bytes().into(), number)),
            }
            match &node.value {
                _ if node.key.is_wild() => wild_keys.push((node.key.pattern.prefix(), number)),
                Some(value) if value.is_wild() => {
                    let posts = wild_values.entry(&node.key.text).or_default();
                    posts.push((value.pattern.prefix(), number));
                }
                _ => {}
            }
        }
        for (key, posts) in wild_values {
            if let Some(key) = keys.get_mut(key) {
                key.wildcards = Prefixes::new(posts);
            }
        }
        let wild_keys = Prefixes::new(wild_keys);
        Self { nodes, keys, wild_keys }
    }

    /// The descriptor that an entry chooses.
    pub(super) fn choose(&self, entry: Entry<'_>) -> Option<&Node> {
        let key = self.keys.get(entry.key);
        let exact = key.and_then(|key| key.values.get(entry.value).copied());
        let chosen = exact.or_else(|| self.first_wildcard(key, entry));
        self.at(chosen.or(key.and_then(|key| key.alone))?)
    }

    fn first_wildcard(&self, key: Option<&Key>, entry: Entry<'_>) -> Option<u32> {
        let mut first: Option<u32> = None;
        let mut look = |numbers: &[u32]| {
            for &number in numbers {
                if first.is_none_or(|first| number < first)
                    && self.at(number).is_some_and(|node| node.fits(entry))
                {
                    first = Some(number);
                }
            }
        };
        if let Some(key) = key {
            key.wildcards.of(entry.value, &mut look);
        }
        self.wild_keys.of(entry.key.as_bytes(), &mut look);
        first
    }

    fn at(&self, number: u32) -> Option<&Node> {
        self.nodes.get(usize::try_from(number).ok()?)
    }
}
