//! What a flight is to fetch: demands that outlive the requests that made them.

use drl_core::engine::Demand;
use smallvec::SmallVec;

use super::limit::Limit;

/// Demands of their own.
#[derive(Debug)]
pub(super) struct Errand(SmallVec<[(Limit, Partition); 2]>);

/// The values of a partition.
type Partition = Vec<Box<[u8]>>;

impl Errand {
    pub(super) fn new(demands: &[super::Demand<'_>]) -> Self {
        let owned = |demand: &super::Demand<'_>| {
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
            counters: limit.counters(),
            partition,
            cost,
        };
        self.0.iter().zip(partitions).map(demand).collect()
    }
}
