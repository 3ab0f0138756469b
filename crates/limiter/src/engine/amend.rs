//! Charges changed after the fact, by whoever has no decision to show for them.

use drl_core::check::Check;
use drl_core::{Micros, Mode, Timestamp};
use smallvec::SmallVec;

use super::{Demand, Engine, counted};
use crate::error::Error;

/// What is charged at a shard.
#[derive(Clone, Copy)]
struct Used {
    shard: u16,
    tokens: u64,
}

impl Engine {
    /// Gives back the demands' costs, charged so long `ago`, wherever they may have been charged. What has left its
    /// window comes back no more, a bucket gives back what has not been refilled since, a queue nothing; and no
    /// limit is lifted above what it is. To be called for what was charged: giving back anything else would admit
    /// that much too much.
    ///
    /// # Errors
    /// If the store does not answer. The refund may have happened.
    pub async fn give_back(&self, demands: &[Demand<'_>], ago: Micros) -> Result<(), Error> {
        let (name, demands) = (self.0.books.name(demands), counted(demands));
        let looks = demands.iter().flat_map(|demand| {
            (0..demand.counters.shards()).map(|shard| demand.give_back(shard, 0, Mode::Peek))
        });
        let (looks, mut refunds) = (looks.collect::<Vec<Check<'_>>>(), Vec::new());
        self.guarded()?;
        let mut answers = self.0.store.decide(&looks).wait().await.into_iter();
        for demand in &demands {
            let (mut used, mut at): (Vec<Used>, _) = (Vec::new(), Timestamp::default());
            for (shard, answer) in (0..demand.counters.shards()).zip(answers.by_ref()) {
                let verdict = self.0.noted(answer)?;
                let left = verdict.outcomes.first().map_or(0, |outcome| outcome.remaining);
                used.push(Used {
                    shard,
                    tokens: demand.counters.part(shard).capacity().saturating_sub(left),
                });
                at = at.max(verdict.at);
            }
            let at = Timestamp(at.0.saturating_sub(ago.0));
            let parts = spread(demand.cost, used);
            refunds.extend(parts.map(|part| demand.give_back(part.shard, part.tokens, Mode::Refund(at))));
        }
        self.change(name, &refunds).await
    }

    /// Forgets what the demands' counters have counted, as if nobody had ever asked. What instances have borrowed
    /// meanwhile they still spend, for a quarter of a second at the most.
    ///
    /// # Errors
    /// If the store does not answer. The counters may be forgotten.
    pub async fn reset(&self, demands: &[Demand<'_>]) -> Result<(), Error> {
        let (name, demands) = (self.0.books.name(demands), counted(demands));
        let resets = demands.iter().flat_map(|demand| {
            (0..demand.counters.shards()).map(|shard| demand.give_back(shard, 0, Mode::Reset))
        });
        let resets: Vec<Check<'_>> = resets.collect();
        // What is borrowed here was charged to what is about to be forgotten.
        drop(self.0.books.surrender(name));
        self.guarded()?;
        self.change(name, &resets).await
    }

    async fn change(&self, name: u128, batch: &[Check<'_>]) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let answers = self.0.store.decide(batch).wait().await;
        self.0.books.forget(name);
        answers.into_iter().try_for_each(|answer| self.0.noted(answer).map(drop).map_err(Error::from))
    }
}

/// Divides what is to be given back over the shards, from where most is charged on.
fn spread(cost: u64, mut used: Vec<Used>) -> impl Iterator<Item = Used> {
    used.sort_unstable_by_key(|used| std::cmp::Reverse(used.tokens));
    let mut left = cost;
    let parts = used.into_iter().map(move |Used { shard, tokens }| {
        let tokens = tokens.min(left);
        left -= tokens;
        Used { shard, tokens }
    });
    parts.filter(|part| part.tokens > 0).collect::<SmallVec<[Used; 2]>>().into_iter()
}
