//! What a flight is to fetch: demands that outlive the requests that made them.

use drl_core::{Micros, Timestamp};
use smallvec::SmallVec;

use super::Demand;
use super::limit::Limit;
use super::walk::{Found, Haul, Picks, Walked};

/// Demands of their own.
#[derive(Debug)]
pub(super) struct Errand(SmallVec<[(Limit, Partition); 2]>);

/// The values of a partition.
type Partition = Vec<Box<[u8]>>;

impl Errand {
    pub(super) fn new(demands: &[Demand<'_>]) -> Self {
        let owned = |demand: &Demand<'_>| {
            let partition = demand.partition.iter().map(|&part| part.into()).collect();
            (demand.limit.clone(), partition)
        };
        Self(demands.iter().map(owned).collect())
    }

    /// The values of each demand's partition, as [`Self::demands`] wants them.
    pub(super) fn partitions(&self) -> Vec<Vec<&[u8]>> {
        self.0.iter().map(|(_, partition)| partition.iter().map(AsRef::as_ref).collect()).collect()
    }

    pub(super) fn demands<'a>(&'a self, partitions: &'a [Vec<&'a [u8]>], cost: u64) -> Vec<Demand<'a>> {
        let demand = |((limit, _), partition): (&'a (Limit, Partition), &'a Vec<&'a [u8]>)| Demand {
            limit,
            partition,
            cost,
        };
        self.0.iter().zip(partitions).map(demand).collect()
    }
}

/// What a flight has fetched, handed out piece by piece.
pub(super) struct Cargo {
    haul: Haul,
    /// What nobody got.
    pub(super) spare: SmallVec<[Picks; 2]>,
}

impl Cargo {
    pub(super) fn new(haul: Haul) -> Self {
        let spare = haul.found.iter().map(|_| Picks::new()).collect();
        Self { haul, spare }
    }

    /// The part of a request that costs `cost`, after which `left` of the haul is left.
    pub(super) fn part(&mut self, cost: u64, left: u64) -> Walked {
        let found = self.haul.found.iter_mut().map(|all| {
            let mut outcome = all.outcome;
            outcome.remaining += left;
            outcome.delay = Micros::ZERO;
            Found { outcome, picks: draw(&mut all.picks, cost) }
        });
        Walked { allowed: true, granted: cost, at: self.haul.at, found: found.collect() }
    }

    /// When it was charged.
    pub(super) fn at(&self) -> Timestamp {
        self.haul.at
    }

    /// Nobody wants this part any more.
    pub(super) fn put_back(&mut self, part: Walked) {
        for (spare, found) in self.spare.iter_mut().zip(part.found) {
            spare.extend(found.picks);
        }
    }

    /// What has not been handed out is to go back.
    pub(super) fn clear(&mut self) {
        for (spare, all) in self.spare.iter_mut().zip(&mut self.haul.found) {
            spare.extend(all.picks.drain(..));
        }
    }
}

/// Takes `cost` out of charges.
fn draw(charges: &mut Picks, mut cost: u64) -> Picks {
    let mut drawn = Picks::new();
    while cost > 0
        && let Some((shard, charged)) = charges.last_mut()
    {
        let part = cost.min(*charged);
        drawn.push((*shard, part));
        *charged -= part;
        cost -= part;
        if *charged == 0 {
            charges.pop();
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    #[test]
    fn every_charge_is_drawn_once() {
        let mut charges: Picks = smallvec![(0, 3), (4, 2)];
        assert_eq!(draw(&mut charges, 1).as_slice(), [(4, 1)]);
        assert_eq!(draw(&mut charges, 3).as_slice(), [(4, 1), (0, 2)]);
        assert_eq!(draw(&mut charges, 9).as_slice(), [(0, 1)]);
        assert!(charges.is_empty());
    }
}
