//! Checks of several limits: all or nothing, exact together.

use drl_core::check::Slot;
use drl_core::{Micros, Mode, Retry, Rule, State, Timestamp, Verdict, decide};
use drl_testkit::bound::{Admission, assert_kept};
use proptest::prelude::*;

use crate::support::{Cost, Gap, Limit, beginnings, costs, gaps, limits};

/// Several counters that are decided together.
#[derive(Clone, Debug)]
struct Counters {
    rules: Vec<Rule>,
    states: Vec<State>,
    admitted: Vec<Vec<Admission>>,
    now: Timestamp,
}

impl Counters {
    fn new(limits: &[Limit], now: Timestamp) -> Self {
        let rules: Vec<Rule> = limits.iter().map(Limit::rule).collect();
        let states = vec![State::Empty; rules.len()];
        let admitted = vec![Vec::new(); rules.len()];
        Self { rules, states, admitted, now }
    }

    fn decide(&mut self, costs: &[u64], mode: Mode) -> Verdict {
        let mut slots: Vec<Slot<'_>> = self
            .rules
            .iter()
            .zip(&mut self.states)
            .zip(costs)
            .map(|((rule, state), &cost)| Slot { rule, cost, state })
            .collect();
        let verdict = decide(&mut slots, mode, self.now);
        if verdict.granted > 0 {
            for (index, outcome) in verdict.outcomes.iter().enumerate() {
                let cost = if mode == Mode::TakeUpTo { verdict.granted } else { costs[index] };
                let cost = cost.min(costs[index]);
                if cost > 0 {
                    self.admitted[index].push(Admission { at: self.now, cost, delay: outcome.delay });
                }
            }
        }
        verdict
    }

    fn would(&self, costs: &[u64], now: Timestamp) -> Verdict {
        Self { now, ..self.clone() }.decide(costs, Mode::Take)
    }

    fn costs(&self, costs: &[Cost]) -> Vec<u64> {
        self.rules.iter().zip(costs).map(|(rule, cost)| cost.of(rule)).collect()
    }

    fn wait(&mut self, gap: Gap, window: Micros) {
        let by = match gap {
            Gap::Part(part) => (window.0 * u64::from(part)) >> 16,
            Gap::Edge(by) => (window.0 - self.now.0 % window.0).saturating_add_signed(i64::from(by)),
            Gap::Idle(windows) => window.0 * u64::from(windows),
            _ => 0,
        };
        self.now = self.now + Micros(by);
    }
}

fn several() -> impl Strategy<Value = Vec<Limit>> {
    proptest::collection::vec(limits(), 1..4)
}

fn asks() -> impl Strategy<Value = Vec<(Gap, Vec<Cost>, bool)>> {
    proptest::collection::vec((gaps(), proptest::collection::vec(costs(), 3), any::<bool>()), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn all_limits_are_charged_or_none(limits in several(), start in beginnings(), asks in asks()) {
        let mut counters = Counters::new(&limits, start);
        for (gap, costs, _) in asks {
            counters.wait(gap, limits[0].window);
            let (costs, before) = (counters.costs(&costs), counters.clone());
            let fits = |index: usize| {
                before.rules[index].fit(&before.states[index], costs[index], before.now).is_now()
            };
            let verdict = counters.decide(&costs, Mode::Take);
            prop_assert_eq!(verdict.allowed, (0..limits.len()).all(fits));
            if !verdict.allowed {
                prop_assert_eq!(&counters.states, &before.states);
                continue;
            }
            for (index, outcome) in verdict.outcomes.iter().enumerate() {
                let had = before.rules[index].status(&before.states[index], before.now).remaining;
                prop_assert_eq!(outcome.remaining, had - costs[index]);
            }
        }
    }

    #[test]
    fn the_retry_of_several_limits_is_exact(
        limits in several(), start in beginnings(), asks in asks(),
    ) {
        let mut counters = Counters::new(&limits, start);
        for (gap, costs, _) in asks {
            counters.wait(gap, limits[0].window);
            let costs = counters.costs(&costs);
            let verdict = counters.decide(&costs, Mode::Take);
            match verdict.retry() {
                Retry::Now => prop_assert!(verdict.allowed),
                Retry::Never => {
                    prop_assert!(counters.rules.iter().zip(&costs).any(|(rule, &cost)| cost > rule.capacity()));
                }
                Retry::After(wait) => {
                    prop_assert!(counters.would(&costs, counters.now + wait).allowed);
                    prop_assert!(!counters.would(&costs, counters.now + Micros(wait.0 - 1)).allowed);
                }
            }
        }
    }

    #[test]
    fn every_limit_keeps_its_own_promise_when_decided_with_others(
        limits in several(), start in beginnings(), asks in asks(),
    ) {
        let mut counters = Counters::new(&limits, start);
        for (gap, costs, partial) in asks {
            counters.wait(gap, limits[0].window);
            let costs = counters.costs(&costs);
            counters.decide(&costs, if partial { Mode::TakeUpTo } else { Mode::Take });
        }
        for (limit, admitted) in limits.iter().zip(&counters.admitted) {
            limit.promises().into_iter().for_each(|promise| assert_kept(promise, admitted));
        }
    }

    #[test]
    fn several_limits_grant_what_the_tightest_has(limits in several(), start in beginnings(), asks in asks()) {
        let mut counters = Counters::new(&limits, start);
        for (gap, costs, _) in asks {
            counters.wait(gap, limits[0].window);
            let (costs, before) = (counters.costs(&costs), counters.clone());
            let verdict = counters.decide(&costs, Mode::TakeUpTo);
            let common = (0..limits.len())
                .filter(|&index| costs[index] > 0)
                .map(|index| {
                    costs[index].min(before.rules[index].status(&before.states[index], before.now).remaining)
                })
                .min();
            prop_assert_eq!(verdict.granted, common.unwrap_or(0));
            prop_assert_eq!(verdict.allowed, common != Some(0));
            if common.unwrap_or(0) == 0 {
                prop_assert_eq!(&counters.states, &before.states);
            }
        }
    }
}
