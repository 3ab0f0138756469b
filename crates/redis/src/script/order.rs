//! What the script needs to know of a check.

use drl_core::Rule;
use drl_core::check::{Check, Mode};
use smallvec::SmallVec;

/// How many limits one execution decides at most: half a millisecond in which the server does nothing else.
pub(crate) const MOST_ASKS: usize = 128;

/// A check that owns all it needs: whoever asked may go away while it is on its way.
#[derive(Debug)]
pub(crate) struct Order {
    pub(super) mode: Mode,
    pub(super) asks: SmallVec<[NamedAsk; 1]>,
}

/// One limit of it.
#[derive(Debug)]
pub(super) struct NamedAsk {
    pub(super) key: String,
    pub(super) rule: Rule,
    pub(super) cost: u64,
}

impl From<&Check<'_>> for Order {
    fn from(check: &Check<'_>) -> Self {
        let named = check.asks.iter().map(|ask| {
            let mut key = String::with_capacity(64);
            ask.key.render(&mut key);
            NamedAsk { key, rule: ask.rule, cost: ask.cost }
        });
        Self { mode: check.mode, asks: named.collect() }
    }
}

impl Order {
    /// The number of its limits.
    pub(crate) fn asks(&self) -> usize {
        self.asks.len()
    }
}

/// Cuts a batch into what fits one execution each; every check stays whole.
pub(crate) fn chunks<'a, 'k>(batch: &'a [Check<'k>]) -> impl Iterator<Item = &'a [Check<'k>]> {
    let mut rest = batch;
    std::iter::from_fn(move || {
        let mut asks = 0;
        let fitting = rest
            .iter()
            .take_while(|check| {
                asks += check.asks.len();
                asks <= MOST_ASKS
            })
            .count();
        let (chunk, others) = rest.split_at(fitting.max(1).min(rest.len()));
        rest = others;
        (!chunk.is_empty()).then_some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use drl_core::check::Ask;
    use drl_core::{Keyspace, Quota};
    use smallvec::smallvec;

    use super::*;

    #[test]
    fn a_batch_is_cut_between_checks() {
        let space = Keyspace::new("drl", "limit", "tb60s");
        let rule = Quota::per_minute(5).rule().unwrap();
        let check = |asks: usize| Check {
            asks: (0..asks).map(|_| Ask { key: space.key(&[], 0), rule, cost: 1 }).collect(),
            mode: Mode::Take,
        };
        let sizes = |batch: &[Check<'_>]| chunks(batch).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&[check(0), check(2)]), [2]);
        assert_eq!(sizes(&[check(100), check(28), check(1)]), [2, 1]);
        assert_eq!(sizes(&[check(1), check(1_000), check(1)]), [1, 1, 1]);
        let ping = Check { asks: smallvec![], mode: Mode::Peek };
        assert_eq!(sizes(&[ping]), [1]);
    }
}
