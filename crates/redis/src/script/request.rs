//! Checks as one `EVALSHA`.

use drl_core::Rule;
use drl_core::check::{Ask, Check, Mode};

use super::Script;

/// How many limits one execution decides at most: half a millisecond in which the server does nothing else.
const MOST_ASKS: usize = 128;
/// Costs from here on are above every capacity.
const LARGEST_COST: u64 = 1 << 33;
/// Moments from here on (the year 2112) are after every window.
const LATEST: u64 = 1 << 52;

/// One execution of the script, named by `call`: the reply repeats the name, so that no caller can be
/// given another's answer.
pub(crate) struct Request<'a, 'k> {
    /// The number that names this call.
    pub(crate) call: u64,
    /// What to decide.
    pub(crate) checks: &'a [Check<'k>],
}

/// Cuts a batch into what one execution each decides; every check stays whole.
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

impl Request<'_, '_> {
    /// The command. Two buffers for all keys and numbers, whatever their number.
    pub(crate) fn command(&self, script: &Script) -> redis::Cmd {
        let asks: usize = self.checks.iter().map(|check| check.asks.len()).sum();
        let mut command = redis::Cmd::with_capacity(asks + 4, 128 + asks * 112 + self.checks.len() * 24);
        command.arg("EVALSHA").arg(&script.sha1).arg(asks);
        let mut key = String::with_capacity(96);
        for ask in self.checks.iter().flat_map(|check| &check.asks) {
            key.clear();
            ask.key.render(&mut key);
            command.arg(&key);
        }
        command.arg(self.numbers(asks));
        command
    }

    fn numbers(&self, asks: usize) -> Vec<u8> {
        let mut wire = Wire(Vec::with_capacity(8 * (2 + self.checks.len() * 3 + asks * 5)));
        wire.put([self.call, self.checks.len() as u64]);
        for check in self.checks {
            let (mode, at) = match check.mode {
                Mode::Take | Mode::Lease(_) => (0, 0), // the script lends nothing yet
                Mode::TakeUpTo => (1, 0),
                Mode::Peek => (2, 0),
                Mode::Refund(at) | Mode::Return(at) => (3, at.0.min(LATEST)),
            };
            wire.put([mode, check.asks.len() as u64, at]);
            check.asks.iter().for_each(|ask| wire.put(numbers(ask)));
        }
        wire.0
    }
}

/// An ask as the script reads it: algorithm, cost, limit, window, detail.
fn numbers(ask: &Ask<'_>) -> [u64; 5] {
    let cost = ask.cost.min(LARGEST_COST);
    match ask.rule {
        Rule::FixedWindow(rule) => [1, cost, rule.limit(), rule.window().0, rule.phase().0],
        Rule::SlidingLog(rule) => [2, cost, rule.limit(), rule.window().0, rule.slice().0],
        Rule::SlidingWindow(rule) => [3, cost, rule.limit(), rule.window().0, rule.grain().0],
        Rule::Bucket(rule) => {
            let algorithm = if rule.is_queue() { 5 } else { 4 };
            [algorithm, cost, rule.capacity(), rule.rate().every, rule.rate().per]
        }
    }
}

struct Wire(Vec<u8>);

impl Wire {
    /// All our numbers are below 2^53.
    fn put<const N: usize>(&mut self, numbers: [u64; N]) {
        for number in numbers {
            self.0.extend_from_slice(&(number as f64).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
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
