//! Orders as one `EVALSHA`.

use drl_core::Rule;
use drl_core::check::Mode;

use super::{Order, Script};

/// Costs from here on are above every capacity.
const LARGEST_COST: u64 = 1 << 33;
/// Moments from here on (the year 2112) are after every window.
const LATEST: u64 = 1 << 52;
/// How far back an equal rule is looked for: most requests are held to the same few.
const RECENT_RULES: usize = 4;

/// The command that decides `orders`, as the call of that number: the reply repeats it, so that nobody can
/// be given another call's answer.
pub(crate) fn command<'a>(
    script: &Script,
    call: u64,
    orders: impl Iterator<Item = &'a Order> + Clone,
) -> redis::Cmd {
    let asks: usize = orders.clone().map(Order::asks).sum();
    let mut command = redis::Cmd::with_capacity(asks + 4, 256 + asks * 80);
    command.arg("EVALSHA").arg(&script.sha1).arg(asks);
    let mut request = Request::default();
    for order in orders {
        order.asks.iter().for_each(|ask| {
            command.arg(&ask.key);
        });
        request.add(order);
    }
    command.arg(request.finish(call));
    command
}

/// The numbers of a request: its rules, each once where they follow each other, and its checks.
#[derive(Default)]
struct Request {
    rules: Vec<Rule>,
    orders: u64,
    checks: Vec<u8>,
}

impl Request {
    fn add(&mut self, order: &Order) {
        self.orders += 1;
        let (mode, about) = match order.mode {
            Mode::Take => (0, None),
            Mode::TakeUpTo => (1, None),
            Mode::Lease(most) => (2, Some(most.min(LARGEST_COST))),
            Mode::Peek => (3, None),
            Mode::Refund(at) => (4, Some(at.0.min(LATEST))),
            Mode::Return(last) => (5, Some(last.0.min(LATEST))),
        };
        self.checks.push(mode);
        self.checks.extend_from_slice(&small(order.asks.len()));
        if let Some(about) = about {
            self.checks.extend_from_slice(&double(about));
        }
        for ask in &order.asks {
            let rule = self.rule(ask.rule);
            self.checks.extend_from_slice(&small(rule));
            self.checks.extend_from_slice(&double(ask.cost.min(LARGEST_COST)));
        }
    }

    /// The rule's number, counted from one.
    fn rule(&mut self, rule: Rule) -> usize {
        let recent = self.rules.iter().enumerate().rev().take(RECENT_RULES);
        if let Some((index, _)) = recent.into_iter().find(|&(_, &other)| other == rule) {
            return index + 1;
        }
        self.rules.push(rule);
        self.rules.len()
    }

    fn finish(self, call: u64) -> Vec<u8> {
        let mut all = Vec::with_capacity(24 + self.rules.len() * 32 + self.checks.len());
        let head = [call, self.rules.len() as u64, self.orders];
        for number in head.into_iter().chain(self.rules.iter().flat_map(numbers)) {
            all.extend_from_slice(&double(number));
        }
        all.extend_from_slice(&self.checks);
        all
    }
}

/// A rule as the script reads it: algorithm, limit, window, detail.
fn numbers(rule: &Rule) -> [u64; 4] {
    match rule {
        Rule::FixedWindow(rule) => [1, rule.limit(), rule.window().0, rule.phase().0],
        Rule::SlidingLog(rule) => [2, rule.limit(), rule.window().0, rule.slice().0],
        Rule::SlidingWindow(rule) => [3, rule.limit(), rule.window().0, rule.grain().0],
        Rule::Bucket(rule) => {
            let algorithm = if rule.is_queue() { 5 } else { 4 };
            [algorithm, rule.capacity(), rule.rate().every, rule.rate().per]
        }
    }
}

/// All our numbers are below 2^53.
fn double(number: u64) -> [u8; 8] {
    (number as f64).to_le_bytes()
}

/// The number of something that is in memory, each worth more than a byte.
fn small(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use drl_core::Quota;

    use super::*;

    #[test]
    fn a_rule_is_sent_once_for_those_who_ask_one_after_the_other() {
        let rules = [1, 2, 3, 4, 5].map(|limit| Quota::per_minute(limit).rule().unwrap());
        let mut request = Request::default();
        let sent = [0, 0, 1, 0, 1, 2, 3, 4, 4, 0].map(|index| request.rule(rules[index]));
        assert_eq!(sent, [1, 1, 2, 1, 2, 3, 4, 5, 5, 6], "the first is too far back in the end");
    }
}
