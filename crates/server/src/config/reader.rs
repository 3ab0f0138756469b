//! Takes a tree apart: tables whose every key must be known, scalars of the right kind. What is wrong is
//! noted and reading goes on, so that one run finds all of it.

use std::time::Duration;

use super::document::{Entry, Node, Value};
use super::hint;
use super::problem::{Place, Problems};

/// A table being read. [`Table::finish`] complains about keys that nobody asked for.
pub(crate) struct Table<'n> {
    place: Place,
    entries: &'n [Entry],
    known: Vec<&'static str>,
    #[cfg(test)]
    what: &'static str,
}

impl<'n> Table<'n> {
    pub(crate) fn new(node: &'n Node, what: &'static str, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Table(entries) => Some(Self {
                place: node.place,
                entries,
                known: Vec::new(),
                #[cfg(test)]
                what,
            }),
            other => {
                problems.add(node.place, format!("expected {what}, found {other}"));
                None
            }
        }
    }

    pub(crate) fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    pub(crate) fn require(&mut self, key: &'static str, problems: &mut Problems) -> Option<&'n Node> {
        let found = self.take(key);
        if found.is_none() {
            problems.add(self.place, format!("`{key}` is missing"));
        }
        found
    }

    pub(crate) fn finish(self, problems: &mut Problems) {
        #[cfg(test)]
        problems.know(self.what, &self.known);
        for entry in self.entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str())) {
            if problems.is_full() {
                break;
            }
            let hint = hint::among(&entry.key, self.known.iter().copied());
            problems.add(entry.place, format!("unknown key `{}`{hint}", entry.key.escape_debug()));
        }
    }
}

/// The entries of a table whose keys are the operator's own.
pub(crate) fn entries<'n>(
    node: &'n Node,
    what: &'static str,
    problems: &mut Problems,
) -> Option<&'n [Entry]> {
    Table::new(node, what, problems).map(|table| table.entries)
}

pub(crate) fn list<'n>(node: &'n Node, what: &str, problems: &mut Problems) -> Option<&'n [Node]> {
    match &node.value {
        Value::List(nodes) => Some(nodes),
        other => {
            problems.add(node.place, format!("expected {what}, found {other}"));
            None
        }
    }
}

/// A text, or a number or boolean that stands for its own spelling: `NO` is no truth value here. A fraction is
/// more often a mistake, as in `version: 1.10`.
pub(crate) fn text(node: &Node, what: &str, problems: &mut Problems) -> Option<String> {
    let spelling = node.spelling.as_deref();
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Whole(number) => Some(spelling.map_or_else(|| number.to_string(), str::to_owned)),
        Value::Bool(value) => Some(spelling.map_or_else(|| value.to_string(), str::to_owned)),
        // `007`, which is no number that everybody reads alike.
        Value::Fraction(_)
            if spelling.is_some_and(|spelling| spelling.bytes().all(|b| b.is_ascii_digit())) =>
        {
            spelling.map(str::to_owned)
        }
        Value::Fraction(_) => {
            problems.add(node.place, format!("expected {what}, found a fraction: put it in quotes"));
            None
        }
        other => {
            problems.add(node.place, format!("expected {what}, found {other}"));
            None
        }
    }
}

pub(crate) fn whole(node: &Node, what: &str, problems: &mut Problems) -> Option<u64> {
    match &node.value {
        Value::Whole(number) if *number >= 0 => u64::try_from(*number).ok().or(Some(u64::MAX)),
        other => {
            problems.add(node.place, format!("{what} is a whole number, not {other}"));
            None
        }
    }
}

pub(crate) fn boolean(node: &Node, what: &str, problems: &mut Problems) -> Option<bool> {
    match &node.value {
        Value::Bool(value) => Some(*value),
        other => {
            problems.add(node.place, format!("{what} is `true` or `false`, not {other}"));
            None
        }
    }
}

/// One of a few words.
pub(crate) fn word<T: Copy>(node: &Node, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
    let names = || words.iter().map(|(name, _)| *name);
    let written = match &node.value {
        Value::Text(text) => text.as_str(),
        _ => "",
    };
    let found = words.iter().find(|(name, _)| *name == written).map(|(_, value)| *value);
    if found.is_none() {
        let hint = hint::among(written, names());
        let choice = names().collect::<Vec<_>>().join(", ");
        problems.add(node.place, format!("expected one of {choice}, found {}{hint}", node.value));
    }
    found
}

/// `200ms`, `2s`.
pub(crate) fn duration(node: &Node, what: &str, problems: &mut Problems) -> Option<Duration> {
    let parse = |text: &str| {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let number = number.parse::<u64>().ok()?;
        match unit.trim() {
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            "m" => number.checked_mul(60).map(Duration::from_secs),
            _ => None,
        }
    };
    let found = match &node.value {
        Value::Text(text) => parse(text.trim()),
        _ => None,
    };
    if found.is_none() {
        problems.add(node.place, format!("{what} is a time such as 200ms or 2s, not {}", node.value));
    }
    found
}
