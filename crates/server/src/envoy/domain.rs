//! The rules of one domain, and the one that a request's descriptor finds.

use std::borrow::Cow;

use drl_core::policy::Partition;
use smallvec::SmallVec;

use super::Entry;
use super::descriptor::Sharing;
use super::descriptor::Shown;
use super::level::{Level, Node};
use super::rule::{Detail, Rule};

/// The rules of one domain.
#[derive(Debug)]
pub struct Domain {
    name: Box<str>,
    rules: Vec<Rule>,
    top: Level,
}

/// The rule that a descriptor finds.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Its position in [`Domain::rules`].
    pub number: usize,
    domain: &'a str,
    steps: SmallVec<[Step<'a>; 4]>,
}

/// An entry and what it chose.
#[derive(Clone, Copy, Debug)]
struct Step<'a> {
    entry: Entry<'a>,
    node: &'a Node,
}

impl Domain {
    pub(super) fn new(name: &str, rules: Vec<Rule>, top: Level) -> Self {
        Self { name: name.into(), rules, top }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every rule, in the order written.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule for a descriptor: the one that its entries lead to, as deep as there are entries. `None` if
    /// they lead nowhere, or to where nothing limits.
    #[must_use]
    pub fn find<'a>(&'a self, descriptor: &[Entry<'a>]) -> Option<Found<'a>> {
        let mut steps: SmallVec<[Step<'a>; 4]> = SmallVec::with_capacity(descriptor.len());
        let mut level = &self.top;
        for &entry in descriptor {
            let node = level.choose(entry)?;
            steps.push(Step { entry, node });
            level = &node.below;
        }
        let number = steps.last()?.node.rule?;
        Some(Found { rule: self.rules.get(number)?, number, domain: &self.name, steps })
    }
}

impl<'a> Found<'a> {
    /// The values whose requests share a counter: one for each entry of the descriptor, as it was sent, or
    /// as the wildcard is written under `share_threshold`; and a key where the rule has a wildcard for it.
    #[must_use]
    pub fn partition(&self) -> Partition<'a> {
        let mut partition = Partition::new();
        for Step { entry, node } in &self.steps {
            if node.key.is_wild() {
                partition.push(entry.key.as_bytes());
            }
            partition.push(node.shared().map_or(entry.value, str::as_bytes));
        }
        partition
    }

    /// The name under which metrics know it. It holds what the client sent only where the operator wrote
    /// `detailed_metric` or `value_to_metric`; whoever keeps metrics bounds how many names there are.
    #[must_use]
    pub fn metric(&self) -> Cow<'a, str> {
        let sent = |step: &Step<'_>| step.node.shows_what_is_sent();
        match self.rule.detail {
            Detail::Written if !self.steps.iter().any(sent) => Cow::Borrowed(&*self.rule.path),
            Detail::Written => Cow::Owned(self.render(|node, entry| match &node.value {
                _ if node.shows_what_is_sent() => entry.value,
                value => value.as_ref().map_or(b"", |value| value.text.as_bytes()),
            })),
            Detail::Sent => {
                Cow::Owned(self.render(|node, entry| node.shared().map_or(entry.value, str::as_bytes)))
            }
        }
    }

    fn render(&self, value: impl Fn(&'a Node, Entry<'a>) -> &'a [u8]) -> String {
        let mut name = self.domain.to_owned();
        for &Step { entry, node } in &self.steps {
            let value = String::from_utf8_lossy(value(node, entry));
            super::path::extend(&mut name, entry.key, &value);
        }
        name
    }
}

impl Node {
    /// What stands for every value that shares the counter.
    fn shared(&self) -> Option<&str> {
        let value = self.value.as_ref().filter(|_| self.sharing == Sharing::Pattern);
        value.filter(|value| value.is_wild()).map(|value| &*value.text)
    }

    fn shows_what_is_sent(&self) -> bool {
        let written = self.value.as_ref().is_some_and(|value| !value.is_wild());
        self.shown == Shown::Value && !written && self.shared().is_none()
    }
}
