//! One entry of `policies`: from what was written to a checked policy.

use std::fmt::Display;

use drl_core::Quota;
use drl_core::engine::Leases;
use drl_core::policy::{
    Action, Attributes, Condition, Enforcement, OnLimited, OnStoreFailure, Policy, PolicyError,
};
use drl_core::shard::Shards;

use super::document::{Node, Value};
use super::limit::{self, Terms};
use super::problem::{Place, Problems};
use super::reader::{self, Table};
use super::selection;

/// The keys of limits, which lists do without.
pub(super) const OF_LIMITS: [&str; 10] = [
    "limit",
    "per",
    "algorithm",
    "spread",
    "burst",
    "tiers",
    "clients",
    "shards",
    "leases",
    "on_store_failure",
];

/// Reads a policy; `None` if something is wrong that leaves none.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Policy> {
    let mut table = Table::new(node, "a policy", problems)?;
    let name = table.require("name", problems);
    let name =
        name.and_then(|node| Some(Name { place: node.place, text: reader::text(node, "a name", problems)? }));
    // Whatever else is wrong is found as well: a stand-in takes the place of what could not be read.
    let name = name.unwrap_or(Name { place: node.place, text: "unnamed".to_owned() });
    let actions = Action::ALL.map(|action| (action.as_str(), action));
    let action = table.take("action").map(|node| reader::word(node, &actions, problems));
    match action.unwrap_or(Some(Action::Limit)) {
        Some(Action::Limit) => limit(table, &name, problems),
        Some(action) => list(table, &name, action, problems),
        None => None,
    }
}

struct Name {
    place: Place,
    text: String,
}

/// A policy that counts.
fn limit(mut table: Table<'_>, name: &Name, problems: &mut Problems) -> Option<Policy> {
    let limit = table.require("limit", problems);
    let (matches, per) = (table.take("match"), table.take("per"));
    let (tiers, clients) = (table.take("tiers"), table.take("clients"));
    let terms = Terms::read(&mut table, problems);
    let (mode, shards, leases) = (table.take("mode"), table.take("shards"), table.take("leases"));
    let (on_limited, on_store_failure) = (table.take("on_limited"), table.take("on_store_failure"));
    table.finish(problems);

    let quota = limit.and_then(|limit| terms.quota(limit, problems));
    let policy = Policy::new(&name.text, quota.unwrap_or(Quota::per_second(1)));
    let mut draft = Draft { policy: problems.ok(name.place, policy)?, problems };
    draft.conditions(matches);
    draft.partition(per);
    draft.enforcement(mode);
    draft.shards(shards);
    draft.leases(leases);
    draft.on_limited(on_limited);
    draft.on_store_failure(on_store_failure);
    draft.tiers(tiers, &terms);
    draft.clients(clients, &terms);
    quota.map(|_| draft.policy)
}

/// A policy that allows or denies without counting.
fn list(mut table: Table<'_>, name: &Name, action: Action, problems: &mut Problems) -> Option<Policy> {
    // Without it, a line that was forgotten would allow or deny everything.
    let matches = table.require("match", problems);
    let (mode, on_limited) = (table.take("mode"), table.take("on_limited"));
    for key in OF_LIMITS {
        if let Some(node) = table.take(key) {
            problems.add(node.place, PolicyError::Idle { key, action });
        }
    }
    table.finish(problems);

    let policy = match action {
        Action::Allow => Policy::allow(&name.text),
        _ => Policy::deny(&name.text),
    };
    let mut draft = Draft { policy: problems.ok(name.place, policy)?, problems };
    draft.conditions(matches);
    draft.enforcement(mode);
    draft.on_limited(on_limited);
    Some(draft.policy)
}

/// A policy being put together, step by step; what a step refuses is noted and left out.
struct Draft<'p> {
    policy: Policy,
    problems: &'p mut Problems,
}

impl Draft<'_> {
    fn step(&mut self, place: Place, step: impl FnOnce(Policy) -> Result<Policy, PolicyError>) {
        if let Some(policy) = self.problems.ok(place, step(self.policy.clone())) {
            self.policy = policy;
        }
    }

    fn conditions(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        const WHAT: &str = "a table of attributes, as in { endpoint: \"/search/*\" }";
        let entries = reader::entries(node, WHAT, self.problems).unwrap_or_default();
        // One more than there can be is enough to say so.
        for entry in entries.iter().take(Attributes::MOST + 1) {
            if let Some(patterns) = selection::patterns(&entry.node, self.problems) {
                self.step(entry.place, |policy| policy.matching(Condition::new(&entry.key, patterns)?));
            }
        }
    }

    fn partition(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        const WHAT: &str = "a list of attributes, as in [client]";
        let names = reader::list(node, WHAT, self.problems).unwrap_or_default();
        for name in names.iter().take(Attributes::MOST + 1) {
            if let Some(axis) = selection::axis(name, self.problems) {
                self.step(name.place, |policy| policy.per([axis]));
            }
        }
    }

    fn tiers<'n>(&mut self, node: Option<&'n Node>, terms: &Terms<'n>) {
        let Some(node) = node else { return };
        let tiers = terms.named(node, &limit::TIERS, self.problems);
        self.step(node.place, |policy| policy.tiers(tiers));
    }

    fn clients<'n>(&mut self, node: Option<&'n Node>, terms: &Terms<'n>) {
        let Some(node) = node else { return };
        let clients = terms.named(node, &limit::CLIENTS, self.problems);
        self.step(node.place, |policy| policy.clients(clients));
    }

    fn enforcement(&mut self, node: Option<&Node>) {
        let words = [("enforce", Enforcement::Enforce), ("shadow", Enforcement::Shadow)];
        if let Some(mode) = node.and_then(|node| reader::word(node, &words, self.problems)) {
            self.policy = self.policy.clone().enforcement(mode);
        }
    }

    fn leases(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        let leases = match &node.value {
            Value::Text(word) if word == "auto" => Leases::Auto,
            // YAML reads a bare `off` as a truth value.
            Value::Bool(false) => Leases::Off,
            Value::Text(word) if word == "off" => Leases::Off,
            other => return self.complain(node, format!("expected `auto` or `off`, found {other}")),
        };
        self.policy = self.policy.clone().leases(leases);
    }

    fn shards(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        let shards = match &node.value {
            Value::Whole(count) => {
                u16::try_from(*count).map(Shards::Fixed).unwrap_or(Shards::Fixed(u16::MAX))
            }
            Value::Text(word) if word == "auto" => Shards::Auto,
            other => return self.complain(node, format!("expected `auto` or 1 to 64, found {other}")),
        };
        self.step(node.place, |policy| policy.shards(shards));
    }

    fn on_limited(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        let Value::Table(_) = node.value else {
            if reader::word(node, &[("reject", ())], self.problems).is_some() {
                self.step(node.place, |policy| policy.on_limited(OnLimited::Reject));
            }
            return;
        };
        let Some(mut table) = Table::new(node, "what to do", self.problems) else { return };
        let (status, wait, enqueue) = (table.take("status"), table.take("wait"), table.take("enqueue"));
        table.finish(self.problems);
        if let Some(enqueue) = enqueue {
            self.complain(enqueue, "`enqueue` is not supported yet");
        }
        match (status, wait) {
            (Some(status), None) => {
                if let Some(number) = reader::whole(status, "a status", self.problems) {
                    let on_limited = OnLimited::Status(u16::try_from(number).unwrap_or(u16::MAX));
                    self.step(status.place, |policy| policy.on_limited(on_limited));
                }
            }
            (None, Some(wait)) => {
                if let Some(bound) = reader::duration(wait, "a wait", self.problems) {
                    self.step(wait.place, |policy| policy.on_limited(OnLimited::Wait(bound)));
                }
            }
            (None, None) if enqueue.is_some() => {}
            _ => self.complain(node, "expected either { status: 403 } or { wait: 200ms }"),
        }
    }

    fn on_store_failure(&mut self, node: Option<&Node>) {
        let words = [
            ("error", OnStoreFailure::Error),
            ("open", OnStoreFailure::Open),
            ("closed", OnStoreFailure::Closed),
            ("local", OnStoreFailure::Local),
        ];
        if let Some(mode) = node.and_then(|node| reader::word(node, &words, self.problems)) {
            self.policy = self.policy.clone().on_store_failure(mode);
        }
    }

    fn complain(&mut self, node: &Node, message: impl Display) {
        self.problems.add(node.place, message);
    }
}
