//! One caller: asks, waits for the answer, asks again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use distributed_rate_limiter::RateLimiter;
use tokio::time::{Duration, sleep};

use crate::clock::Stamp;
use crate::keys::{Draws, Names};
use crate::ledger::{Entry, Ledger};
use crate::tally::Counts;

/// One round of asking: whom, when, and where it is counted. All callers of a process share it.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) names: Arc<Names>,
    pub(crate) ledger: Arc<Ledger>,
    /// Decisions so far, for who watches.
    pub(crate) progress: Arc<AtomicU64>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Caller {
    limiter: RateLimiter,
    cost: u64,
    round: Round,
    draws: Draws,
    counts: Counts,
    /// The clients of the block at hand, and what they got.
    block: Vec<Entry>,
    pace: Pace,
}

/// What a caller asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) limiter: RateLimiter,
    pub(crate) cost: u64,
}

impl Caller {
    /// A store that is away would otherwise be asked, or its circuit breaker, without a pause.
    const AFTER_AN_ERROR: Duration = Duration::from_millis(1);

    pub(crate) fn new(request: Request, round: Round, draws: Draws) -> Self {
        let Request { limiter, cost } = request;
        let (counts, block, pace) = (Counts::default(), Vec::new(), Pace::new());
        Self { limiter, cost, round, draws, counts, block, pace }
    }

    /// Asks from the start of the schedule to its end.
    pub(crate) async fn run(mut self) -> Counts {
        let schedule = *self.round.ledger.schedule();
        sleep(schedule.start.since(Stamp::now())).await;
        loop {
            self.draw();
            let asked = Stamp::now();
            if asked >= schedule.end {
                return self.counts;
            }
            self.ask(0).await;
            let timed = Stamp::now();
            for index in 1..self.block.len() {
                self.ask(index).await;
            }
            let answered = if self.block.len() == 1 { timed } else { Stamp::now() };
            let nanos = u64::try_from(timed.since(asked).as_nanos()).unwrap_or(u64::MAX);
            let size = self.block.len() as u64;
            self.counts.latency.record(nanos, size);
            self.counts.last = answered;
            self.round.ledger.enter(asked, answered, &self.block);
            self.round.progress.fetch_add(size, Ordering::Relaxed);
            if self.pace.step(size, answered.since(asked)) == Turn::Others {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Who asks next; not part of any decision's time.
    fn draw(&mut self) {
        self.block.clear();
        for _ in 0..self.pace.block {
            self.block.push(Entry { key: self.draws.next(), demanded: 0, admitted: 0 });
        }
    }

    async fn ask(&mut self, index: usize) {
        let entry = &mut self.block[index];
        let cost = self.cost;
        let decision = self.limiter.check(self.round.names.of(entry.key)).cost(cost).await;
        entry.demanded = cost;
        match decision {
            Ok(decision) => {
                self.counts.sources.count(decision.source());
                if decision.allowed() {
                    self.counts.admitted += 1;
                    entry.admitted = cost;
                } else {
                    self.counts.denied += 1;
                }
            }
            Err(error) => {
                self.counts.errors += 1;
                self.counts.first_error.get_or_insert_with(|| error.to_string());
                sleep(Self::AFTER_AN_ERROR).await;
            }
        }
    }
}

/// How many decisions are made between two readings of the clock: a reading costs some tens of nanoseconds,
/// which is nothing beside a round trip, and a third of what a decision without one can cost.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// The decisions of a block. The first is timed and stands for all of them.
    block: usize,
    decisions: u64,
    spent: Duration,
    since_others: u64,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Mine,
    /// Decisions that need no waiting never leave the thread by themselves.
    Others,
}

impl Pace {
    /// The decisions after which the pace is chosen anew, for their mean, so that no single slow or fast
    /// decision has a say in whether the next one is timed.
    const ROUND: u64 = 1_024;
    const FAST: Duration = Duration::from_micros(2);
    const BLOCK: usize = 16;
    const TURN: u64 = 256;

    fn new() -> Self {
        Self { block: 1, decisions: 0, spent: Duration::ZERO, since_others: 0 }
    }

    fn step(&mut self, decisions: u64, spent: Duration) -> Turn {
        self.decisions += decisions;
        self.spent += spent;
        self.since_others += decisions;
        if self.decisions >= Self::ROUND {
            let fast = self.spent.as_nanos() < Self::FAST.as_nanos() * u128::from(self.decisions);
            self.block = if fast { Self::BLOCK } else { 1 };
            (self.decisions, self.spent) = (0, Duration::ZERO);
        }
        if self.since_others < Self::TURN {
            return Turn::Mine;
        }
        self.since_others = 0;
        Turn::Others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fast_decisions_are_sampled_and_slow_ones_are_all_timed_again() {
        let mut pace = Pace::new();
        let mut round = |nanos: u64| {
            let block = pace.block as u64;
            for _ in 0..Pace::ROUND / block {
                pace.step(block, Duration::from_nanos(nanos * block));
            }
            pace.block
        };
        assert_eq!([round(100), round(100), round(100_000), round(1_900)], [16, 16, 1, 16]);
    }

    #[test]
    fn others_have_their_turn() {
        let mut pace = Pace::new();
        let turns = (0..1_024).filter(|_| pace.step(1, Duration::from_micros(50)) == Turn::Others).count();
        assert_eq!(turns, 4);
    }
}
