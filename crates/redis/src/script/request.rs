//! Orders as one `EVALSHA`.

use drl_core::Rule;
use drl_core::check::Mode;

use super::groups::{self, Groups};
use super::{Family, Order, Script, Scripts};

/// Costs from here on are above every capacity.
const LARGEST_COST: u64 = 1 << 33;
/// Moments from here on (the year 2112) are after every window.
const LATEST: u64 = 1 << 52;
/// The kind of a bucket that is a queue.
const QUEUE: u8 = 5;
/// How far back an equal rule is looked for: most requests are held to the same few.
const RECENT_RULES: usize = 4;

/// The command that decides `orders`, as the call of that number: the reply repeats it, so that nobody can
/// be given another call's answer.
pub(crate) fn command<'a>(
    scripts: &Scripts,
    call: u64,
    orders: impl Iterator<Item = &'a Order> + Clone,
) -> redis::Cmd {
    match groups::family(orders.clone()) {
        Some(family) => quick(scripts.quick(family), call, orders),
        None => whole(&scripts.whole, call, orders),
    }
}

fn quick<'a>(script: &Script, call: u64, orders: impl Iterator<Item = &'a Order> + Clone) -> redis::Cmd {
    let mut groups = Groups::default();
    orders.clone().for_each(|order| groups.add(order));
    execution(script, orders, &groups.finish(call))
}

/// As [`command`], by the script that can do everything.
pub(super) fn whole<'a>(
    script: &Script,
    call: u64,
    orders: impl Iterator<Item = &'a Order> + Clone,
) -> redis::Cmd {
    let mut request = Request::default();
    orders.clone().for_each(|order| request.add(order));
    execution(script, orders, &request.finish(call))
}

fn execution<'a>(
    script: &Script,
    orders: impl Iterator<Item = &'a Order> + Clone,
    request: &[u8],
) -> redis::Cmd {
    let asks: usize = orders.clone().map(Order::asks).sum();
    let mut command = redis::Cmd::with_capacity(asks + 4, 128 + asks * 64 + request.len());
    command.arg("EVALSHA").arg(&script.sha1).arg(asks);
    orders.flat_map(|order| &order.asks).for_each(|ask| {
        command.arg(&ask.key);
    });
    command.arg(request);
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
        let about = match order.mode {
            Mode::Take | Mode::TakeUpTo | Mode::Peek => None,
            Mode::Lease(most) => Some(whole_cost(most)),
            Mode::Refund(at) | Mode::Return(at) => Some(at.0.min(LATEST)),
            Mode::Reset => Some(0), // about nothing, but of the form of those that give back
        };
        self.checks.push(mode_number(order.mode));
        self.checks.extend_from_slice(&small(order.asks.len()));
        if let Some(about) = about {
            self.checks.extend_from_slice(&double(about));
        }
        for ask in &order.asks {
            let rule = self.rule(ask.rule);
            self.checks.extend_from_slice(&small(rule));
            self.checks.extend_from_slice(&double(whole_cost(ask.cost)));
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
        for number in head.into_iter().chain(self.rules.iter().flat_map(Fields::all)) {
            all.extend_from_slice(&double(number));
        }
        all.extend_from_slice(&self.checks);
        all
    }
}

/// A rule as the scripts read it.
pub(super) struct Fields {
    pub(super) kind: u8,
    /// Limit, window, detail.
    pub(super) numbers: [u64; 3],
}

impl From<&Rule> for Fields {
    fn from(rule: &Rule) -> Self {
        let family = Family::of(rule).kind();
        let (kind, numbers) = match rule {
            Rule::FixedWindow(rule) => (family, [rule.limit(), rule.window().0, rule.phase().0]),
            Rule::SlidingLog(rule) => (family, [rule.limit(), rule.window().0, rule.slice().0]),
            Rule::SlidingWindow(rule) => (family, [rule.limit(), rule.window().0, rule.grain().0]),
            Rule::Bucket(rule) => {
                let kind = if rule.is_queue() { QUEUE } else { family };
                (kind, [rule.capacity(), rule.rate().every, rule.rate().per])
            }
        };
        Self { kind, numbers }
    }
}

impl Fields {
    fn all(rule: &Rule) -> [u64; 4] {
        let Self { kind, numbers: [limit, window, detail] } = rule.into();
        [kind.into(), limit, window, detail]
    }
}

pub(super) fn mode_number(mode: Mode) -> u8 {
    match mode {
        Mode::Take => 0,
        Mode::TakeUpTo => 1,
        Mode::Lease(_) => 2,
        Mode::Peek => 3,
        Mode::Refund(_) => 4,
        Mode::Return(_) => 5,
        Mode::Reset => 6,
    }
}

/// A cost that a double holds.
pub(super) fn whole_cost(cost: u64) -> u64 {
    cost.min(LARGEST_COST)
}

/// All our numbers are below 2^53.
pub(super) fn double(number: u64) -> [u8; 8] {
    (number as f64).to_le_bytes()
}

/// The number of something that is in memory, each worth more than a byte.
pub(super) fn small(number: usize) -> [u8; 4] {
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
