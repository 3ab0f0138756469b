//! What operators have changed, as it stands in the store's directory.

use std::collections::BTreeMap;
use std::fmt;

use distributed_rate_limiter::engine::Entry;
use serde_json::{Map, Value};

/// A policy of a domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PolicyId {
    pub(crate) domain: String,
    pub(crate) policy: String,
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.policy)
    }
}

/// One change: none takes it back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// What is different from the file.
    Policy(PolicyId, Option<Map<String, Value>>),
    /// The tier of a client.
    Tier(String, Option<String>),
}

/// The changes of policies.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes(BTreeMap<PolicyId, Map<String, Value>>);

const POLICY: &str = "policy/";
const TIER: &str = "tier/";

impl Change {
    pub(super) fn into_entry(self) -> Entry {
        match self {
            Self::Policy(id, patch) => {
                let value = patch.map(|patch| Value::Object(patch).to_string());
                Entry { name: format!("{POLICY}{id}"), value }
            }
            Self::Tier(client, tier) => Entry { name: format!("{TIER}{client}"), value: tier },
        }
    }

    /// What an entry says; nothing if it says nothing to this version.
    pub(super) fn from_entry(entry: Entry) -> Option<Self> {
        if let Some(client) = entry.name.strip_prefix(TIER) {
            return Some(Self::Tier(client.to_owned(), entry.value));
        }
        // A domain has no slash, a policy's name may.
        let (domain, policy) = entry.name.strip_prefix(POLICY)?.split_once('/')?;
        let id = PolicyId { domain: domain.to_owned(), policy: policy.to_owned() };
        let patch = entry.value.map(|value| serde_json::from_str(&value)).transpose();
        let patch = patch.inspect_err(|error| tracing::warn!(policy = %id, %error, "not a change")).ok()?;
        Some(Self::Policy(id, patch))
    }
}

impl Changes {
    pub(super) fn set(&mut self, id: PolicyId, patch: Option<Map<String, Value>>) {
        match patch {
            Some(patch) => drop(self.0.insert(id, patch)),
            None => drop(self.0.remove(&id)),
        }
    }

    pub(crate) fn get(&self, id: &PolicyId) -> Option<&Map<String, Value>> {
        self.0.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PolicyId, &Map<String, Value>)> {
        self.0.iter()
    }

    /// The change of a policy with another one on top (RFC 7396).
    pub(super) fn patched(&self, id: &PolicyId, change: Map<String, Value>) -> Map<String, Value> {
        let mut patch = self.0.get(id).cloned().unwrap_or_default();
        merge(&mut patch, change);
        patch
    }
}

fn merge(patch: &mut Map<String, Value>, change: Map<String, Value>) {
    for (key, value) in change {
        match (patch.get_mut(&key), value) {
            (_, Value::Null) => drop(patch.remove(&key)),
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, Value::Object(new)) => {
                let mut table = Map::new();
                merge(&mut table, new);
                patch.insert(key, Value::Object(table));
            }
            (_, value) => drop(patch.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("{value}") };
        map
    }

    #[test]
    fn a_change_comes_out_of_the_directory_as_it_went_in() {
        let id = || PolicyId { domain: "shop".to_owned(), policy: "a/b".to_owned() };
        for change in [
            Change::Policy(id(), Some(map(json!({ "limit": "5/minute" })))),
            Change::Policy(id(), None),
            Change::Tier("al/ice".to_owned(), Some("pro".to_owned())),
            Change::Tier(String::new(), None),
        ] {
            assert_eq!(Change::from_entry(change.clone().into_entry()), Some(change));
        }
        for (name, value) in [("other/x", "1"), ("policy/x", "{}"), ("policy/a/b", "[")] {
            let entry = Entry { name: name.to_owned(), value: Some(value.to_owned()) };
            assert_eq!(Change::from_entry(entry), None);
        }
    }

    #[test]
    fn changes_add_up_and_null_takes_back() {
        let mut changes = Changes::default();
        let id = PolicyId { domain: "d".to_owned(), policy: "p".to_owned() };
        for (change, expected) in [
            (
                json!({ "limit": "1/s", "tiers": { "pro": "2/s" } }),
                json!({ "limit": "1/s", "tiers": { "pro": "2/s" } }),
            ),
            (
                json!({ "tiers": { "free": "3/s", "pro": null } }),
                json!({ "limit": "1/s", "tiers": { "free": "3/s" } }),
            ),
            (json!({ "limit": null, "tiers": null }), json!({})),
        ] {
            let patch = changes.patched(&id, map(change));
            assert_eq!(Value::Object(patch.clone()), expected);
            changes.set(id.clone(), Some(patch));
        }
    }
}
