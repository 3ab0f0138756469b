//! What is known at once: by a store in this process, or by the books of one that is shared. No future, no line,
//! mostly one look into one table.

use drl_core::Admission;
use drl_core::engine::{Known, Request};

use super::books::lease;
use super::group::common_cost;
use super::{Demand, Engine, counted};

impl Engine {
    /// Whether all demands can have their costs, if that is known at once. (Callers who ask this first
    /// themselves spare the answer its way through one more future: 25 ns.)
    #[inline]
    pub(crate) fn admission(&self, demands: &[Demand<'_>]) -> Option<bool> {
        if self.0.store.is_shared() {
            self.admission_by_the_books(demands)
        } else {
            self.admission_here(demands)
        }
    }

    /// By borrowed tokens or a remembered denial.
    fn admission_by_the_books(&self, demands: &[Demand<'_>]) -> Option<bool> {
        let cost = common_cost(demands)?;
        let counted = counted(demands);
        let request = Request { name: self.0.books.name(&counted), cost, lease: lease(demands), told: false };
        match self.0.books.recall(&request)? {
            Known::Paid(renewal) => {
                renewal.into_iter().for_each(|flight| self.0.dispatch(request.name, *flight));
                Some(true)
            }
            Known::Denied => Some(false),
        }
    }

    /// By the store in this process, if the shard that comes first settles it.
    #[inline]
    fn admission_here(&self, demands: &[Demand<'_>]) -> Option<bool> {
        let [demand] = demands else { return None };
        if self.0.breaker.is_open() {
            return None;
        }
        let Demand { limit, partition, cost } = *demand;
        let counters = limit.counters();
        let demand = drl_core::engine::Demand { counters, partition, cost };
        let shards = counters.shards();
        let hint = (shards > 1).then(|| self.0.hints.first(&demand));
        let shard = hint.as_ref().map_or(0, |hint| hint.shard);
        let Admission { allowed, exhausted } = self.0.store.admit(&demand.ask(shard, cost))?;
        if let (true, Some(hint)) = (allowed, hint) {
            hint.remember(if exhausted { (shard + 1) % shards } else { shard });
        }
        self.0.breaker.succeeded();
        (allowed || shards == 1).then_some(allowed)
    }
}
