//! Calls that wait while others are on their way.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use drl_store::{Answers, StoreError};
use tokio::sync::Notify;

use super::ticket::{Load, Orders, Ticket, ticket};
use crate::script::MOST_ASKS;

/// Calls that wait at most. A server that is asked so much more than it can do would answer the last of them
/// long after anybody wants to know.
pub(super) const MOST_WAITING: usize = 16_384;

/// How many are turned away before a full line is searched again for those who have gone.
const SEARCH_EVERY: usize = 1_024;

/// First come, first served.
#[derive(Default)]
pub(super) struct Queue {
    line: Mutex<Line>,
    /// Permits the one who serves to go on.
    filled: Notify,
}

#[derive(Default)]
struct Line {
    loads: VecDeque<Load>,
    /// Calls turned away since the line was last searched for withdrawn ones.
    turned_away: usize,
    /// Whether nobody serves until somebody comes.
    resting: bool,
    closed: bool,
}

/// What goes out together.
#[derive(Default)]
pub(super) struct Batch {
    loads: Vec<Load>,
    pub(super) orders: Vec<Orders>,
}

impl Batch {
    /// Answers each call.
    pub(super) fn answer(self, answers: Vec<Answers>) {
        self.loads.into_iter().zip(answers).for_each(|(load, answers)| load.answer(answers));
    }

    /// Answers all of them with one error.
    pub(super) fn fail(self, error: &StoreError) {
        self.loads.into_iter().for_each(|load| load.fail(error));
    }
}

/// What there is to do.
pub(super) enum Next {
    Send(Batch),
    /// Nothing waits.
    Rest,
    /// Nothing waits, and nothing will.
    Closed,
}

impl Line {
    fn has_room(&mut self) -> bool {
        if self.loads.len() < MOST_WAITING {
            return true;
        }
        if self.turned_away.is_multiple_of(SEARCH_EVERY) {
            self.loads.retain(|load| !load.is_withdrawn());
        }
        let has_room = self.loads.len() < MOST_WAITING;
        self.turned_away = if has_room { 0 } else { self.turned_away + 1 };
        has_room
    }
}

impl Queue {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gets in line.
    ///
    /// # Errors
    /// If the line is too long, or nobody serves any more.
    pub(super) fn push(&self, orders: Orders) -> Result<Ticket, StoreError> {
        let (ticket, load) = ticket(orders);
        let mut line = self.line();
        if line.closed {
            return Err(unavailable("the connection was lost"));
        }
        if !line.has_room() {
            return Err(unavailable("overloaded: too many calls wait for the store"));
        }
        line.loads.push_back(load);
        let resting = std::mem::take(&mut line.resting);
        drop(line);
        if resting {
            self.filled.notify_one();
        }
        Ok(ticket)
    }

    /// Takes what fits one execution, in order.
    pub(super) fn next(&self) -> Next {
        let mut line = self.line();
        let (mut batch, mut asks) = (Batch::default(), 0);
        while let Some(first) = line.loads.front() {
            asks += first.asks();
            if asks > MOST_ASKS && !batch.loads.is_empty() {
                break;
            }
            let Some(load) = line.loads.pop_front() else { break };
            match load.send() {
                Some(orders) => {
                    batch.loads.push(load);
                    batch.orders.push(orders);
                }
                None => asks -= load.asks(),
            }
        }
        match batch.loads.is_empty() {
            false => Next::Send(batch),
            true if line.closed => Next::Closed,
            true => {
                line.resting = true;
                Next::Rest
            }
        }
    }

    /// Returns when something waits, after [`Next::Rest`].
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Puts back in front what was sent in vain.
    pub(super) fn recall(&self, batch: Batch) {
        let mut line = self.line();
        for (load, orders) in batch.loads.into_iter().zip(batch.orders).rev() {
            load.recall(orders);
            line.loads.push_front(load);
        }
    }

    /// Lets nobody in any more, and sends everybody away who waits.
    pub(super) fn close(&self) {
        let mut line = self.line();
        line.closed = true;
        let waiting = std::mem::take(&mut line.loads);
        drop(line);
        drop(waiting);
        self.filled.notify_one();
    }
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable { reason: reason.to_owned(), may_have_counted: false }
}

#[cfg(test)]
mod tests {
    use drl_core::check::{Ask, Check};
    use drl_core::{Keyspace, Leased, Mode, Quota, Timestamp, Verdict};
    use futures_util::FutureExt as _;
    use smallvec::smallvec;

    use super::*;

    fn orders(asks: usize) -> Orders {
        let space = Keyspace::new("drl", "limit", "tb60s");
        let rule = Quota::per_minute(5).rule().unwrap();
        let asks = (0..asks).map(|_| Ask { key: space.key(&[], 0), rule, cost: 1 }).collect();
        smallvec![(&Check { asks, mode: Mode::Take }).into()]
    }

    fn sent(queue: &Queue) -> Batch {
        let Next::Send(batch) = queue.next() else { panic!("nothing waits") };
        batch
    }

    fn sizes(batch: &Batch) -> Vec<usize> {
        batch.loads.iter().map(Load::asks).collect()
    }

    fn answers(granted: u64) -> Answers {
        let (leased, at) = (Leased::default(), Timestamp(0));
        smallvec![Ok(Verdict { allowed: true, granted, leased, at, outcomes: smallvec![] })]
    }

    #[test]
    fn what_waits_goes_out_together_and_in_order() {
        let queue = Queue::default();
        let tickets = [3, 1, 2].map(|asks| queue.push(orders(asks)).unwrap());
        let batch = sent(&queue);
        assert_eq!(sizes(&batch), [3, 1, 2]);
        batch.answer(vec![answers(3), answers(1), answers(2)]);
        let granted = tickets.map(|ticket| ticket.now_or_never().unwrap().remove(0).unwrap().granted);
        assert_eq!(granted, [3, 1, 2], "each its own");
    }

    #[test]
    fn more_than_one_execution_decides_waits_for_the_next() {
        let queue = Queue::default();
        let _tickets = [100, 28, 1, 1_000, 1].map(|asks| queue.push(orders(asks)).unwrap());
        let batches: Vec<_> = (0..4).map(|_| sizes(&sent(&queue))).collect();
        assert_eq!(batches, [vec![100, 28], vec![1], vec![1_000], vec![1]]);
        assert!(matches!(queue.next(), Next::Rest));
    }

    #[test]
    fn a_caller_who_has_gone_is_not_sent() {
        let queue = Queue::default();
        let [first, second, third] = [1, 2, 3].map(|asks| queue.push(orders(asks)).unwrap());
        drop(second);
        assert!(!third.withdraw(), "it waited");
        assert_eq!(sizes(&sent(&queue)), [1]);
        assert!(first.withdraw(), "it was sent");
    }

    #[test]
    fn a_failure_reaches_those_who_were_sent_together_and_nobody_else() {
        let queue = Queue::default();
        let [first, second] = [1, 2].map(|asks| queue.push(orders(asks)).unwrap());
        let batch = sent(&queue);
        let third = queue.push(orders(3)).unwrap();
        batch.fail(&unavailable("LOADING"));
        for ticket in [first, second] {
            assert!(ticket.now_or_never().unwrap().remove(0).is_err());
        }
        assert_eq!(sizes(&sent(&queue)), [3]);
        assert!(third.withdraw());
    }

    #[test]
    fn what_was_sent_in_vain_goes_first_unless_its_caller_has_gone() {
        let queue = Queue::default();
        let _tickets = [1, 2].map(|asks| queue.push(orders(asks)).unwrap());
        let gone = queue.push(orders(3)).unwrap();
        let batch = sent(&queue);
        let _last = queue.push(orders(4)).unwrap();
        drop(gone);
        queue.recall(batch);
        assert_eq!(sizes(&sent(&queue)), [1, 2, 4]);
    }

    #[test]
    fn a_line_that_is_full_turns_away_until_somebody_goes() {
        let queue = Queue::default();
        let mut tickets: Vec<_> = (0..MOST_WAITING).map(|_| queue.push(orders(1)).unwrap()).collect();
        for _ in 0..=SEARCH_EVERY {
            let error = queue.push(orders(1)).map(|_| ()).unwrap_err();
            assert!(!error.may_have_counted() && error.to_string().contains("overloaded"), "{error}");
        }
        tickets.truncate(MOST_WAITING / 2);
        let found = (0..SEARCH_EVERY).find_map(|_| queue.push(orders(1)).ok());
        assert!(found.is_some());
    }

    #[test]
    fn a_closed_line_sends_away_who_waits_and_tells_who_was_sent() {
        let queue = Queue::default();
        let first = queue.push(orders(1)).unwrap();
        let batch = sent(&queue);
        let second = queue.push(orders(1)).unwrap();
        queue.close();
        drop(batch);
        for (ticket, may_have_counted) in [(first, true), (second, false)] {
            let error = ticket.now_or_never().unwrap().remove(0).unwrap_err();
            assert_eq!(error.may_have_counted(), may_have_counted, "{error}");
        }
        assert!(queue.push(orders(1)).is_err());
        assert!(matches!(queue.next(), Next::Closed));
    }
}
