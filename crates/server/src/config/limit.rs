//! How much a policy admits: its own limit, and those of tiers and clients.

use drl_core::{Algorithm, Quota, QuotaError};

use super::document::{Entry, Node, Value};
use super::problem::Problems;
use super::reader::{self, Table};

/// How a limit is kept, beside its rate: shared by a policy's own limit and those of its tiers.
pub(super) struct Terms<'n> {
    algorithm: Algorithm,
    spread: bool,
    burst: Option<&'n Node>,
}

impl<'n> Terms<'n> {
    pub(super) fn read(table: &mut Table<'n>, problems: &mut Problems) -> Self {
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
    pub(super) fn quota(&self, limit: &Node, problems: &mut Problems) -> Option<Quota> {
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

    /// What `what` (a tier, a client) has: a limit, perhaps a burst. The rest is its policy's.
    fn special(&self, node: &'n Node, what: &'static str, problems: &mut Problems) -> Option<Quota> {
        let Value::Table(_) = node.value else { return self.quota(node, problems) };
        let mut table = Table::new(node, what, problems)?;
        let (limit, burst) = (table.require("limit", problems), table.take("burst"));
        table.finish(problems);
        Terms { burst: burst.or(self.burst), ..*self }.quota(limit?, problems)
    }

    /// The quotas of a table by name, as far as they can be kept.
    pub(super) fn named(
        &self,
        node: &'n Node,
        what: &Named,
        problems: &mut Problems,
    ) -> Vec<(String, Quota)> {
        let entries = reader::entries(node, what.all, problems).unwrap_or_default();
        let quota =
            |entry: &'n Entry| Some((entry.key.clone(), self.special(&entry.node, what.one, problems)?));
        entries.iter().filter_map(quota).collect()
    }
}

/// How problems call those who have quotas of their own.
pub(super) struct Named {
    one: &'static str,
    all: &'static str,
}

pub(super) const TIERS: Named = Named { one: "a tier", all: "a table of tiers, as in { free: 60/minute }" };
pub(super) const CLIENTS: Named =
    Named { one: "a client's limit", all: "a table of clients, as in { alice: 500/minute }" };
