//! The embedded store answers at once, in this process: no lines, no leases, mostly one question.

use drl_core::Mode;
use drl_core::check::Check;
use drl_core::engine::walk::next;
use drl_core::engine::{Departure, Detail, Want};
use drl_store::{Answer, StoreError};
use smallvec::smallvec;

use super::{Demand, Engine, counted, first};

impl Engine {
    /// Whether one demand can have its cost. Mostly this is one question to one shard, asked here without
    /// what several demands and several shards need: 1,950 instructions instead of 2,800 in the embedded
    /// store, and 2,050 instead of 4,770 where there are shards.
    pub(super) async fn admits_one(&self, demand: &Demand<'_>) -> Result<bool, StoreError> {
        self.guarded()?;
        let demands = counted(std::slice::from_ref(demand));
        let demand = &demands[0];
        let shards = demand.counters.shards();
        let hint = (shards > 1).then(|| self.0.hints.first(demand));
        let shard = hint.as_ref().map_or(0, |hint| hint.shard);
        if shards == 1 || demand.cost <= demand.counters.part(shard).capacity() {
            let batch = [Check { asks: smallvec![demand.ask(shard, demand.cost)], mode: Mode::Take }];
            let verdict = self.0.noted(first(match self.0.store.decide(&batch) {
                Answer::Ready(answers) => answers, // not moved through another future
                Answer::Pending(answers) => answers.await,
            }))?;
            if let (true, Some(hint)) = (verdict.allowed, hint) {
                let left = verdict.outcomes.first().map_or(0, |outcome| outcome.remaining);
                hint.remember(next(shard, left, shards));
            }
            if verdict.allowed || shards == 1 {
                return Ok(verdict.allowed);
            }
        }
        let order = (Want::Take, Detail::Verdict);
        Ok(self.0.walk(&demands, order, &Departure::default()).await?.into_answer().allowed)
    }
}
