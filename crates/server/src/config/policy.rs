//! One entry of `policies`: from what was written to a checked policy.

use std::fmt::Display;

use drl_core::engine::Leases;
use drl_core::policy::{Condition, Enforcement, OnLimited, OnStoreFailure, Pattern, Policy, PolicyError};
use drl_core::shard::Shards;
use drl_core::{Algorithm, Quota, QuotaError};

use super::document::{Node, Value};
use super::problem::{Place, Problems};
use super::reader::{self, Table};

/// Reads a policy; `None` if something is wrong that leaves none.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Policy> {
    let mut table = Table::new(node, "a policy", problems)?;
    let name = table.require("name", problems);
    let limit = table.require("limit", problems);
    let (matches, per, tiers) = (table.take("match"), table.take("per"), table.take("tiers"));
    let terms = Terms::read(&mut table, problems);
    let (mode, shards, leases) = (table.take("mode"), table.take("shards"), table.take("leases"));
    let (on_limited, on_store_failure) = (table.take("on_limited"), table.take("on_store_failure"));
    table.finish(problems);

    let quota = limit.and_then(|limit| terms.quota(limit, problems));
    let name = name.and_then(|node| Some((node.place, reader::text(node, "a name", problems)?)));
    // Whatever else is wrong is found as well: a stand-in takes the place of what could not be read.
    let (place, name) = name.unwrap_or((node.place, "unnamed".to_owned()));
    let policy = Policy::new(&name, quota.unwrap_or(Quota::per_second(1)));
    let mut draft = Draft { policy: problems.ok(place, policy)?, problems };
    draft.conditions(matches);
    draft.partition(per);
    draft.tiers(tiers, &terms);
    draft.enforcement(mode);
    draft.shards(shards);
    draft.leases(leases);
    draft.on_limited(on_limited);
    draft.on_store_failure(on_store_failure);
    quota.map(|_| draft.policy)
}

/// How a limit is kept, beside its rate: shared by a policy's own limit and those of its tiers.
struct Terms<'n> {
    algorithm: Algorithm,
    spread: bool,
    burst: Option<&'n Node>,
}

impl<'n> Terms<'n> {
    fn read(table: &mut Table<'n>, problems: &mut Problems) -> Self {
        let algorithms = Algorithm::ALL.map(|algorithm| (algorithm.as_str(), algorithm));
        let algorithm = table.take("algorithm").and_then(|node| reader::word(node, &algorithms, problems));
        let spread = table.take("spread").and_then(|node| reader::boolean(node, "`spread`", problems));
        Self {
            algorithm: algorithm.unwrap_or_default(),
            spread: spread.unwrap_or_default(),
            burst: table.take("burst"),
        }
    }

    /// The quota of a limit as written; what cannot be kept is noted at the number that is to blame.
    fn quota(&self, limit: &Node, problems: &mut Problems) -> Option<Quota> {
        let text = reader::text(limit, "a limit such as 100/minute", problems)?;
        let rate = problems.ok(limit.place, text.parse::<Quota>())?;
        let mut quota = rate.algorithm(self.algorithm).spread(self.spread);
        if let Some(burst) = self.burst {
            quota = quota.burst(reader::whole(burst, "a burst", problems)?);
        }
        let Err(error) = quota.rule() else { return Some(quota) };
        let burst = self.burst.filter(|_| {
            use QuotaError::{BurstWithoutBucket, RefillTooSlow, TooLarge, ZeroBurst};
            matches!(error, ZeroBurst | BurstWithoutBucket(_) | RefillTooSlow | TooLarge(_))
        });
        problems.add(burst.unwrap_or(limit).place, error);
        None
    }

    /// A tier says what differs: its limit, perhaps its burst. The rest is its policy's.
    fn tier(&self, node: &'n Node, problems: &mut Problems) -> Option<Quota> {
        let Value::Table(_) = node.value else { return self.quota(node, problems) };
        let mut table = Table::new(node, "a tier", problems)?;
        let (limit, burst) = (table.require("limit", problems), table.take("burst"));
        table.finish(problems);
        Terms { burst: burst.or(self.burst), ..*self }.quota(limit?, problems)
    }
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
        for entry in reader::entries(node, WHAT, self.problems).unwrap_or_default() {
            let values = match &entry.node.value {
                Value::List(values) => values.as_slice(),
                _ => std::slice::from_ref(&entry.node),
            };
            let texts = values.iter().map(|value| reader::text(value, "a value to match", self.problems));
            let Some(texts) = texts.collect::<Option<Vec<String>>>() else { continue };
            let patterns = texts.iter().map(|text| Pattern::new(text));
            self.step(entry.place, |policy| policy.matching(Condition::new(&entry.key, patterns)?));
        }
    }

    fn partition(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        for name in
            reader::list(node, "a list of attributes, as in [client]", self.problems).unwrap_or_default()
        {
            if let Some(attribute) = reader::text(name, "an attribute's name", self.problems) {
                self.step(name.place, |policy| policy.per([attribute]));
            }
        }
    }

    fn tiers(&mut self, node: Option<&Node>, terms: &Terms<'_>) {
        let Some(node) = node else { return };
        const WHAT: &str = "a table of tiers, as in { free: 60/minute }";
        for entry in reader::entries(node, WHAT, self.problems).unwrap_or_default() {
            if let Some(quota) = terms.tier(&entry.node, self.problems) {
                self.step(entry.place, |policy| policy.tier(&entry.key, quota));
            }
        }
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
            reader::word(node, &[("reject", ())], self.problems);
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
