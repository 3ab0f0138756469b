//! What a quick script needs to know of its checks: said once for those that differ only in their keys.

use std::collections::HashSet;

use drl_core::check::Mode;

use super::order::NamedAsk;
use super::request::{Fields, double, mode_number, small, whole_cost};
use super::{Family, Order};

/// The family under which all of these take, take up to, or peek, each of them one counter.
pub(super) fn family<'a>(orders: impl Iterator<Item = &'a Order>) -> Option<Family> {
    let mut common = None;
    for order in orders {
        let family = Family::of(&alone(order)?.rule);
        if common.is_some_and(|common| common != family) {
            return None;
        }
        common = Some(family);
    }
    common
}

/// The one counter of a check that a quick script can decide.
fn alone(order: &Order) -> Option<&NamedAsk> {
    match (order.mode, order.asks.as_slice()) {
        (Mode::Take | Mode::TakeUpTo | Mode::Peek, [ask]) => Some(ask),
        _ => None,
    }
}

/// The numbers of a request to a quick script.
#[derive(Default)]
pub(super) struct Groups<'a> {
    keys: HashSet<&'a str>,
    last: Option<Group<'a>>,
    finished: Vec<u8>,
    count: u64,
}

/// Checks that differ only in their keys.
struct Group<'a> {
    first: Kind<'a>,
    checks: usize,
}

/// What they have in common.
struct Kind<'a> {
    mode: Mode,
    ask: &'a NamedAsk,
    /// Whether an earlier check of this execution may have written the counter.
    again: bool,
}

impl PartialEq for Kind<'_> {
    fn eq(&self, other: &Self) -> bool {
        let Self { mode, ask, again } = self;
        *again == other.again
            && *mode == other.mode
            && ask.cost == other.ask.cost
            && ask.rule == other.ask.rule
    }
}

impl<'a> Groups<'a> {
    pub(super) fn add(&mut self, order: &'a Order) {
        let Some(ask) = alone(order) else { return };
        let kind = Kind { mode: order.mode, ask, again: !self.keys.insert(&ask.key) };
        match &mut self.last {
            Some(group) if group.first == kind => group.checks += 1,
            _ => {
                let before = self.last.replace(Group { first: kind, checks: 1 });
                self.write(before);
            }
        }
    }

    pub(super) fn finish(mut self, call: u64) -> Vec<u8> {
        let last = self.last.take();
        self.write(last);
        [&double(call), &double(self.count), self.finished.as_slice()].concat()
    }

    fn write(&mut self, group: Option<Group<'_>>) {
        let Some(Group { first: Kind { mode, ask, again }, checks }) = group else { return };
        let fields = Fields::from(&ask.rule);
        self.count += 1;
        self.finished.extend_from_slice(&[mode_number(mode), u8::from(again), fields.kind]);
        for number in fields.numbers.into_iter().chain([whole_cost(ask.cost)]) {
            self.finished.extend_from_slice(&double(number));
        }
        self.finished.extend_from_slice(&small(checks));
    }
}

#[cfg(test)]
mod tests {
    use drl_core::check::{Ask, Check};
    use drl_core::{Algorithm, Keyspace, Quota, Rule};

    use super::*;

    fn rule(limit: u64, algorithm: Algorithm) -> Rule {
        Quota::per_minute(limit).algorithm(algorithm).rule().unwrap()
    }

    /// A check of one counter for each of these clients.
    fn order(clients: &[&str], rule: Rule, mode: Mode) -> Order {
        let space = Keyspace::new("drl", "limit", "any");
        let partitions: Vec<[&[u8]; 1]> = clients.iter().map(|client| [client.as_bytes()]).collect();
        let asks = partitions.iter().map(|partition| Ask { key: space.key(partition, 0), rule, cost: 1 });
        Order::from(&Check { asks: asks.collect(), mode })
    }

    #[test]
    fn a_quick_script_is_for_single_counters_under_one_algorithm_and_for_what_is_asked_all_the_time() {
        let [bucket, queue, log] =
            [Algorithm::TokenBucket, Algorithm::LeakyBucketQueue, Algorithm::SlidingWindowLog]
                .map(|algorithm| rule(5, algorithm));
        let take = |rule| order(&["a"], rule, Mode::Take);
        let peek = order(&["b"], queue, Mode::Peek);
        assert_eq!(family([take(bucket), peek].iter()), Some(Family::Bucket));
        assert_eq!(family([take(bucket), take(log)].iter()), None);
        assert_eq!(family([take(bucket), order(&["a"], bucket, Mode::Lease(1))].iter()), None);
        assert_eq!(family([order(&["a", "b"], bucket, Mode::Take)].iter()), None);
        assert_eq!(family([order(&[], bucket, Mode::Take)].iter()), None);
        assert_eq!(family([].iter()), None);
    }

    #[test]
    fn what_differs_only_in_its_key_is_said_once_unless_the_key_comes_again() {
        let [five, six] = [5, 6].map(|limit| rule(limit, Algorithm::TokenBucket));
        let asked =
            [("a", five), ("b", five), ("c", five), ("b", five), ("a", five), ("d", five), ("e", six)];
        let orders = asked.map(|(client, rule)| order(&[client], rule, Mode::Take));
        let mut groups = Groups::default();
        orders.iter().for_each(|order| groups.add(order));
        let request = groups.finish(7);
        let (head, groups) = request.split_at(16);
        assert_eq!(head, [double(7), double(4)].concat());
        let seen: Vec<[u8; 2]> = groups.chunks(39).map(|group| [group[1], group[35]]).collect();
        assert_eq!(seen, [[0, 3], [1, 2], [0, 1], [0, 1]], "whether it came before, and how many");
    }
}
