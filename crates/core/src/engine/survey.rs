//! What all shards of a request hold, seen in one round trip.

use smallvec::SmallVec;

use super::demand::{Answer, Demand, Found, Picks};
use super::walk::{Plan, together};
use crate::decision::{Outcome, Retry, Verdict};
use crate::time::{Micros, Timestamp};

/// One look at every shard of every demand.
#[derive(Debug)]
pub(super) struct Survey {
    at: Timestamp,
    /// The cost looked for, where it is not each demand's own.
    cost: Option<u64>,
    /// Per demand, one outcome per shard.
    shards: SmallVec<[Vec<Outcome>; 2]>,
}

impl Survey {
    /// From one verdict per shard, in the order of the demands.
    pub(super) fn new(demands: &[Demand<'_>], cost: Option<u64>, verdicts: &[Verdict]) -> Self {
        let mut outcomes = verdicts.iter().filter_map(|verdict| verdict.outcomes.first().copied());
        let shards = demands
            .iter()
            .map(|demand| outcomes.by_ref().take(usize::from(demand.counters.shards())).collect())
            .collect();
        let at = verdicts.iter().map(|verdict| verdict.at).max().unwrap_or_default();
        Self { at, cost, shards }
    }

    /// From the outcomes of all shards of all demands.
    pub(super) fn of(at: Timestamp, cost: Option<u64>, shards: SmallVec<[Vec<Outcome>; 2]>) -> Self {
        Self { at, cost, shards }
    }

    /// What is left for a demand that was admitted.
    pub(super) fn admitted(&self, demand: usize) -> Outcome {
        together(self.shards[demand].iter())
    }

    /// The shard that has most.
    pub(super) fn fullest(&self, demand: usize) -> Option<u16> {
        (0u16..)
            .zip(&self.shards[demand])
            .max_by_key(|(_, outcome)| outcome.remaining)
            .map(|(shard, _)| shard)
    }

    fn total(&self, demand: usize) -> u64 {
        self.shards[demand].iter().map(|outcome| outcome.remaining).sum()
    }

    /// The most that every demand can get, up to its cost.
    pub(super) fn common(&self, demands: &[Demand<'_>]) -> u64 {
        let most = demands.iter().enumerate().map(|(index, demand)| self.total(index).min(demand.cost));
        most.min().unwrap_or(0)
    }

    /// Where to take each demand's cost (or `cost`): from one shard that has it all, else from the fullest
    /// ones together. `None` if they do not have it.
    pub(super) fn plan(&self, demands: &[Demand<'_>], cost: Option<u64>) -> Option<Plan> {
        let picks =
            |(index, demand): (usize, &Demand<'_>)| gather(&self.shards[index], cost.unwrap_or(demand.cost));
        demands.iter().enumerate().map(picks).collect()
    }

    /// Nothing is charged: every demand says what it has and when it fits.
    pub(super) fn denied(&self, demands: &[Demand<'_>]) -> Answer {
        Answer { allowed: false, ..self.peeked(demands) }
    }

    /// The same, allowed if every demand fits.
    pub(super) fn peeked(&self, demands: &[Demand<'_>]) -> Answer {
        let found: Vec<Found> = demands
            .iter()
            .enumerate()
            .map(|(index, demand)| Found { outcome: self.whole(index, demand), picks: Picks::new() })
            .collect();
        let allowed = found.iter().all(|found| found.outcome.retry.is_now());
        Answer { allowed, granted: 0, at: self.at, found, borrowed: false }
    }

    fn whole(&self, index: usize, demand: &Demand<'_>) -> Outcome {
        let shards = &self.shards[index];
        Outcome {
            retry: self.retry(index, demand),
            remaining: self.total(index),
            reset_after: shards.iter().map(|outcome| outcome.reset_after).max().unwrap_or_default(),
            delay: shards.iter().map(|outcome| outcome.delay).max().unwrap_or_default(),
        }
    }

    /// When the demand fits: as soon as one shard alone has room for it (exact), or enough shards are
    /// untouched again (exact for windows, which end together; for buckets it may fit a little earlier).
    fn retry(&self, index: usize, demand: &Demand<'_>) -> Retry {
        let (shards, cost) = (&self.shards[index], self.cost.unwrap_or(demand.cost));
        if cost > demand.counters.capacity() {
            return Retry::Never;
        }
        if self.total(index) >= cost {
            return Retry::Now;
        }
        let parts =
            || (0u16..).zip(shards).map(|(shard, outcome)| (demand.counters.part(shard).capacity(), outcome));
        let alone = parts()
            .filter(|&(capacity, _)| capacity >= cost)
            .fold(Retry::Never, |retry, (_, outcome)| retry.sooner(outcome.retry));
        let enough_by = |moment: Micros| {
            let held: u64 = parts()
                .map(
                    |(capacity, outcome)| {
                        if outcome.reset_after <= moment { capacity } else { outcome.remaining }
                    },
                )
                .sum();
            held >= cost
        };
        let resets = shards.iter().map(|outcome| outcome.reset_after);
        let together = resets.filter(|&moment| enough_by(moment)).min();
        together.map_or(alone, |moment| alone.sooner(Retry::After(moment)))
    }
}

fn gather(shards: &[Outcome], cost: u64) -> Option<Picks> {
    let mut full: SmallVec<[(u16, u64); 8]> =
        (0u16..).zip(shards).map(|(shard, outcome)| (shard, outcome.remaining)).collect();
    full.sort_by_key(|&(_, remaining)| std::cmp::Reverse(remaining));
    let mut missing = cost;
    let mut picks = Picks::new();
    for (shard, remaining) in full {
        let part = remaining.min(missing);
        if part > 0 || picks.is_empty() {
            picks.push((shard, part));
        }
        missing -= part;
    }
    (missing == 0).then_some(picks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(remaining: u64) -> Outcome {
        let (reset_after, delay) = (Micros::ZERO, Micros::ZERO);
        Outcome { retry: Retry::Now, remaining, reset_after, delay }
    }

    #[test]
    fn one_shard_is_preferred_to_several() {
        let shards = [shard(2), shard(5), shard(3)];
        assert_eq!(gather(&shards, 5).unwrap().as_slice(), [(1, 5)]);
        assert_eq!(gather(&shards, 9).unwrap().as_slice(), [(1, 5), (2, 3), (0, 1)]);
        assert_eq!(gather(&shards, 11), None);
        assert_eq!(gather(&shards, 0).unwrap().as_slice(), [(1, 0)]);
    }
}
