//! A policy changed at runtime: a JSON merge patch (RFC 7396) over what its file says.

use drl_core::policy::Policy;
use serde_json::{Map, Value as Json};

use super::document::{Entry, Node, Value};
use super::policy;
use super::problem::{ConfigError, Place, Problems};
use super::source::PolicySource;

/// Keys whose tables are alternatives: a patch replaces them as a whole.
const CHOICES: [&str; 1] = ["on_limited"];

/// The policy that `source` and the patch say together, checked as a file is. Tables are merged, everything
/// else is replaced; null stands for what the file says, so a patch takes nothing away from the file.
///
/// ```
/// use drl_server::config::{Config, patch};
///
/// let config = Config::quickstart();
/// let source = config.source("default", "per-client").unwrap();
/// let policy = patch(source, &serde_json::json!({ "limit": "5/minute", "burst": null })).unwrap();
/// assert_eq!(policy.quotas()[0].limit(), 5);
/// ```
///
/// # Errors
/// Everything that is wrong with the outcome. A problem's place is in the policy's file: where that says
/// what the patch changes or, for a new key, where the table is.
pub fn patch(source: &PolicySource, patch: &Json) -> Result<Policy, ConfigError> {
    let mut problems = Problems::new(source.file());
    let place = source.node().place;
    let policy = match patch {
        Json::Object(changes) => {
            let merged = merged(source.node(), changes);
            policy::read(&merged, &mut problems)
        }
        _ => {
            problems.add(place, "a patch is a table of the keys to change, as in {\"limit\": \"5/minute\"}");
            None
        }
    };
    if let Some(policy) = policy.as_ref().filter(|policy| policy.name() != source.policy()) {
        let [old, new] = [source.policy(), policy.name()];
        problems.add(place, format!("a patch cannot rename a policy: `{old}` would become `{new}`"));
    }
    let found = problems.into_sorted();
    match policy {
        Some(policy) if found.is_empty() => Ok(policy),
        _ => Err(ConfigError(found)),
    }
}

/// A table with changes made; what is no table is replaced by one.
fn merged(old: &Node, changes: &Map<String, Json>) -> Node {
    let mut table = match &old.value {
        Value::Table(entries) => entries.clone(),
        _ => Vec::new(),
    };
    for (key, change) in changes.iter().filter(|(_, change)| !change.is_null()) {
        let known = table.iter_mut().find(|entry| entry.key == *key);
        match (known, change) {
            (Some(entry), Json::Object(changes)) if !CHOICES.contains(&key.as_str()) => {
                entry.node = merged(&entry.node, changes);
            }
            (Some(entry), change) => entry.node = node(entry.node.place, change),
            (None, change) => {
                let (place, node) = (old.place, node(old.place, change));
                table.push(Entry { place, key: key.clone(), node });
            }
        }
    }
    Node::new(old.place, Value::Table(table))
}

/// JSON as if it stood at `place`.
fn node(place: Place, json: &Json) -> Node {
    let value = match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i128() {
            Some(whole) => Value::Whole(whole),
            None => Value::Fraction(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(|item| node(place, item)).collect()),
        Json::Object(members) => {
            let written = members.iter().filter(|(_, member)| !member.is_null());
            let entry = |(key, member): (&String, &Json)| Entry {
                place,
                key: key.clone(),
                node: node(place, member),
            };
            Value::Table(written.map(entry).collect())
        }
    };
    Node::new(place, value)
}

#[cfg(test)]
mod tests {
    use drl_core::policy::OnLimited;
    use serde_json::json;

    use super::super::Config;
    use super::*;

    const FILE: &str = "\
domain: shop
policies:
  - name: search
    match: { endpoint: \"/search/*\" }
    per: [client]
    limit: 100/minute
    burst: 20
    tiers: { free: 60/minute, pro: { limit: 600/minute, burst: 100 } }
    on_limited: { wait: 200ms }
";

    fn patched(change: &Json) -> Result<Policy, Vec<String>> {
        let config = Config::parse("p.yaml", FILE).unwrap();
        assert!(config.source("default", "search").is_none());
        let source = config.source("shop", "search").unwrap();
        let lines = |error: ConfigError| error.problems().iter().map(ToString::to_string).collect();
        patch(source, change).map_err(lines)
    }

    fn limits(policy: &Policy) -> Vec<u64> {
        policy.quotas().iter().map(drl_core::Quota::limit).collect()
    }

    #[test]
    fn tables_are_merged_and_the_rest_is_replaced() {
        let change =
            json!({ "limit": "5/minute", "per": [], "tiers": { "pro": { "burst": 7 }, "gold": "9/minute" } });
        let policy = patched(&change).unwrap();
        assert_eq!(limits(&policy), [5, 60, 600, 9]);
        assert_eq!(policy.quotas()[2].rule().unwrap().capacity(), 7);
        assert!(policy.axes().is_empty());
        assert_eq!(policy.conditions()[0].attribute(), "endpoint");
    }

    #[test]
    fn null_is_what_the_file_says() {
        let change =
            json!({ "limit": null, "tiers": { "free": null, "pro": { "limit": null } }, "spread": null });
        let as_written = Config::parse("p.yaml", FILE).unwrap().domains[0].list()[0].clone();
        assert_eq!(patched(&change), Ok(as_written.clone()));
        assert_eq!(patched(&json!({})), Ok(as_written));
    }

    #[test]
    fn an_alternative_replaces_the_other() {
        let policy = patched(&json!({ "on_limited": { "status": 403, "wait": null } })).unwrap();
        assert_eq!(policy.rejection(), OnLimited::Status(403));
        assert_eq!(patched(&json!({ "on_limited": "reject" })).unwrap().rejection(), OnLimited::Reject);
    }

    #[test]
    fn a_patch_is_checked_as_a_file_is() {
        for (change, expected) in [
            (json!({ "limit": "0/minute" }), "p.yaml:6:12: the limit must be at least 1"),
            (
                json!({ "limit": 1.5 }),
                "p.yaml:6:12: expected a limit such as 100/minute, found a fraction: put it in quotes",
            ),
            (json!({ "limt": "1/minute" }), "p.yaml:3:5: unknown key `limt`; did you mean `limit`?"),
            (json!({ "algorithm": "fixed_window" }), "p.yaml:7:12: fixed_window has no burst"),
            (
                json!({ "name": "other" }),
                "p.yaml:3:5: a patch cannot rename a policy: `search` would become `other`",
            ),
            (
                json!("limit"),
                "p.yaml:3:5: a patch is a table of the keys to change, as in {\"limit\": \"5/minute\"}",
            ),
            (json!({ "shards": u64::MAX }), "p.yaml:3:5: 65535 shards are not between 1 and 64"),
        ] {
            let found = patched(&change).unwrap_err();
            assert_eq!(found.first().map(String::as_str), Some(expected), "{change}");
        }
    }
}
