//! YAML (and so JSON) as a tree that knows where each node stands.
//!
//! Policies are read from this tree rather than by derived deserialisers, which stop at the first problem
//! and lose the place of what is inside an alternative ("a limit or a table").

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Options, Spanned};

use super::problem::{Place, Problems};

/// More nodes than 100,000 policies have, and few enough to be read in a moment.
const MOST_NODES: usize = 4_000_000;

/// A node and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
    /// How a number or a truth value is written: `NO`, `007`, `0x10`.
    pub(crate) spelling: Option<Box<str>>,
    bytes: Range<usize>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Whole(i128),
    Fraction(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// One line of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) key: String,
    pub(crate) node: Node,
}

/// Reads a document; what is not YAML is a problem.
pub(crate) fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    let mut options = Options::default();
    options.with_snippet = false;
    if let Some(budget) = &mut options.budget {
        // Without aliases a text has fewer nodes than characters: a few lines do not become millions of nodes.
        let nodes = MOST_NODES.min(1_000 + 4 * text.len());
        budget.max_nodes = nodes;
        budget.max_events = 4 * nodes;
    }
    match serde_saphyr::from_str_with_options::<Node>(text, options) {
        Ok(mut node) => {
            node.spell(text);
            Some(node)
        }
        Err(error) => {
            let place = error.location().map_or(Place::START, Place::from);
            problems.add(place, message(&error));
            None
        }
    }
}

/// The parser's message in one line, without the place that it repeats.
fn message(error: &serde_saphyr::Error) -> String {
    let full = error.to_string();
    let line = full.lines().next().unwrap_or("not YAML");
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let own = line.rfind(" at line ").or_else(|| line.rfind(" (line ")).map_or(line, |at| &line[..at]);
    own.to_owned()
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        Self { line: location.line().max(1), column: location.column().max(1) }
    }
}

fn range(location: Location) -> Option<Range<usize>> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    Some(start..start.checked_add(usize::try_from(span.byte_len()?).ok()?)?)
}

impl Node {
    /// A node that nobody wrote.
    pub(crate) fn new(place: Place, value: Value) -> Self {
        Self { place, value, spelling: None, bytes: 0..0 }
    }

    /// Notes how scalars are written whose value does not say it. What is in quotes has been given a type by
    /// a tag, and is spelled as its value.
    fn spell(&mut self, text: &str) {
        match &mut self.value {
            Value::Bool(_) | Value::Whole(_) | Value::Fraction(_) => {
                let written = text.get(self.bytes.clone()).filter(|written| !written.is_empty());
                let plain = written.filter(|written| !written.starts_with(['"', '\'', '|', '>']));
                self.spelling = plain.map(Box::from);
            }
            Value::List(nodes) => nodes.iter_mut().for_each(|node| node.spell(text)),
            Value::Table(entries) => entries.iter_mut().for_each(|entry| entry.node.spell(text)),
            Value::Null | Value::Text(_) => {}
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        // For an alias, this is what it stands for.
        let bytes = range(spanned.defined).unwrap_or_default();
        Ok(Self { place: spanned.referenced.into(), value: spanned.value, spelling: None, bytes })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Whole(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Whole(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Whole(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Fraction(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = items.next_element()? {
            list.push(node);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some((key, node)) = entries.next_entry::<Spanned<String>, Node>()? {
            table.push(Entry { place: key.referenced.into(), key: key.value, node });
        }
        Ok(Value::Table(table))
    }
}

/// For messages: what the operator wrote, as far as it is short.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("nothing"),
            Self::Bool(value) => write!(f, "`{value}`"),
            Self::Whole(value) => write!(f, "`{value}`"),
            Self::Fraction(value) => write!(f, "`{value}`"),
            Self::Text(value) if value.chars().count() <= 40 => write!(f, "`{}`", value.escape_debug()),
            Self::Text(value) => {
                write!(f, "`{}…`", value.chars().take(40).collect::<String>().escape_debug())
            }
            Self::List(_) => f.write_str("a list"),
            Self::Table(_) => f.write_str("a table"),
        }
    }
}
