use std::collections::BTreeSet;

use drl_core::Algorithm;
use schemars::transform::transform_subschemas;
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value as Json, json};

use super::super::document::{self, Node, Value};
use super::super::problem::Problems;
use super::super::tests::{EVERYTHING, broken};
use super::super::{Config, file};
use super::SCHEMA;
use super::types;

/// The reader knows no null: a key without a value is an error.
fn without_null(schema: &mut Schema) {
    if let Some(Json::Array(types)) = schema.get_mut("type") {
        types.retain(|word| word != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Json::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| *choice != json!({ "type": "null" }));
        if let [one] = choices.as_slice() {
            let one = one.clone();
            schema.remove("anyOf");
            // What stands beside a reference does not count.
            schema.insert("allOf".to_owned(), json!([one]));
        }
    }
    transform_subschemas(&mut without_null, schema);
}

fn generated() -> String {
    let settings = SchemaSettings::draft07().with_transform(without_null);
    let schema = SchemaGenerator::new(settings).into_root_schema_for::<types::Document>();
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap()
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Whole(value) => i64::try_from(*value).map_or(json!(u64::MAX), |value| json!(value)),
        Value::Fraction(value) => json!(value),
        Value::Text(text) => json!(text),
        Value::List(nodes) => nodes.iter().map(json).collect(),
        Value::Table(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect::<Map<_, _>>().into()
        }
    }
}

/// What the schema says to a text; `None` if it is not YAML.
pub(in super::super) fn accepts(text: &str) -> Option<bool> {
    let node = document::parse(text, &mut Problems::new("p.yaml"))?;
    Some(validator().is_valid(&json(&node)))
}

/// `DRL_BLESS=1 cargo test -p drl-server --lib schema` writes it anew.
#[test]
fn the_checked_in_schema_is_up_to_date() {
    let schema = generated();
    if std::env::var_os("DRL_BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.schema.json"), &schema)
            .unwrap();
        return;
    }
    assert_eq!(SCHEMA, schema, "run this test with DRL_BLESS=1");
}

/// What an editor offers is what the reader knows, table by table.
#[test]
fn the_schema_and_the_reader_know_the_same_keys() {
    let schema: Json = serde_json::from_str(SCHEMA).unwrap();
    let keys = |names: &[&str]| -> BTreeSet<String> {
        let table = |name: &&str| match *name {
            "Document" => schema["properties"].as_object().unwrap(),
            name => schema["definitions"][name]["properties"].as_object().unwrap(),
        };
        names.iter().flat_map(|name| table(name).keys().cloned()).collect()
    };
    let mut problems = Problems::new("p.yaml");
    for text in EVERYTHING {
        let node = document::parse(text, &mut problems).unwrap();
        file::read("p.yaml", node, &mut problems).unwrap();
    }
    let known = problems.known();
    let tables: Vec<(&str, &[&str])> = vec![
        ("a table with `policies`", &["Document"]),
        ("a table such as { attributes: { client: header:x-api-key } }", &["Auth"]),
        ("a policy", &["Policy"]),
        ("a tier", &["Quota"]),
        ("a client's limit", &["Quota"]),
        ("an address block", &["Blocks"]),
        ("what to count by", &["Address"]),
        ("what to do", &["Status", "Wait"]),
    ];
    assert_eq!(
        known.keys().copied().collect::<BTreeSet<_>>(),
        tables.iter().map(|(what, _)| *what).collect()
    );
    for (what, names) in tables {
        let mut read: BTreeSet<String> = known[what].iter().map(|key| (*key).to_owned()).collect();
        // The reader knows it to say that it is not supported yet.
        read.remove("enqueue");
        assert_eq!(read, keys(names), "{what}");
    }
    let algorithms = schema["definitions"]["Algorithm"]["enum"].as_array().unwrap();
    assert_eq!(algorithms.len(), Algorithm::ALL.len());
}

#[test]
fn what_is_valid_is_valid_for_the_schema() {
    for text in EVERYTHING {
        Config::parse("p.yaml", text).unwrap();
        assert_eq!(accepts(text), Some(true), "{text}");
    }
}

#[test]
fn every_example_of_the_documentation_is_valid() {
    let documentation = include_str!("../../../../../docs/policies.md");
    let blocks = documentation.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let examples: Vec<String> = blocks
        .map(|block| match block.contains("policies:") {
            true => block.to_owned(),
            // A policy, or a few, without what is around them.
            false => format!("policies:\n{block}"),
        })
        .collect();
    assert!(examples.len() >= 3, "{}", examples.len());
    for example in examples {
        Config::parse("policies.md", &example).unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert_eq!(accepts(&example), Some(true), "{example}");
    }
}

/// All that is wrong in a way that a schema can tell.
#[test]
fn what_is_broken_is_broken_for_the_schema() {
    // Names that are taken, numbers that do not go together, bits of addresses.
    const BEYOND: [&str; 6] = [
        "is taken by",
        "has no burst",
        "`clients` needs `per`",
        "says more than its prefix holds",
        "is not an address block",
        "is there twice",
    ];
    let mut caught = 0;
    for (text, problems) in broken() {
        if problems.iter().all(|problem| BEYOND.iter().any(|beyond| problem.contains(beyond))) {
            continue;
        }
        assert_eq!(accepts(text), Some(false), "{text}");
        caught += 1;
    }
    assert!(caught >= 25, "{caught}");
}
