//! `metadata`: whatever the operator wants to say about a rule.

use serde_json::{Map, Number, Value as Json};

use super::descriptor::given;
use crate::config::document::{Node, Value};
use crate::config::problem::Problems;
use crate::config::reader;

/// Reads a table of anything.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Map<String, Json> {
    let Some(node) = given(Some(node)) else { return Map::new() };
    let entries = reader::entries(node, "a table of metadata", problems).unwrap_or_default();
    entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect()
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        // Numbers in a protobuf struct are doubles; what is none (infinity) is none in JSON either.
        Value::Whole(number) => Number::from_i128(*number).map_or(Json::Null, Json::Number),
        Value::Fraction(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(nodes) => nodes.iter().map(json).collect(),
        Value::Table(entries) => entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect(),
    }
}
