//! Nothing overflows (these tests run with overflow checks), and nothing leaves the 53 bits that a Lua
//! number keeps exactly.

use drl_core::algorithm::{Charge, SlidingLog};
use drl_core::shard::{Sharded, auto};
use drl_core::{Algorithm, Micros, Mode, Quota, Rule, State, Timestamp};
use proptest::prelude::*;

use crate::support::{Counter, decide_one};

const EXACT: u64 = 1 << 53;

/// As likely to be tiny as huge.
fn any_size(most: u64) -> impl Strategy<Value = u64> {
    let bits = most.ilog2();
    prop_oneof![
        8 => (0..=bits, any::<u64>()).prop_map(move |(bits, value)| (value >> (63 - bits)).clamp(1, most)),
        1 => Just(1),
        1 => Just(most),
    ]
}

fn rules() -> impl Strategy<Value = Rule> {
    let window = any_size(Quota::MAX_WINDOW.0).prop_map(|window| window.max(Quota::MIN_WINDOW.0));
    let parts = (0..Algorithm::ALL.len(), any_size(Quota::MAX_LIMIT), window, any_size(Quota::MAX_LIMIT - 1));
    parts.prop_filter_map("a quota that is refused", |(algorithm, limit, window, burst)| {
        let algorithm = Algorithm::ALL[algorithm];
        let quota = Quota::new(limit, Micros(window)).algorithm(algorithm);
        let quota = match algorithm {
            Algorithm::FixedWindow | Algorithm::SlidingWindowLog | Algorithm::SlidingWindow => quota,
            _ => quota.burst(burst),
        };
        quota.rule().ok()
    })
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![
        4 => Just(Mode::Take),
        2 => Just(Mode::TakeUpTo),
        1 => Just(Mode::Peek),
        2 => any::<u64>().prop_map(|at| Mode::Refund(Timestamp(at))),
        1 => Just(Mode::Refund(Timestamp(u64::MAX))),
    ]
}

fn any_cost() -> impl Strategy<Value = u64> {
    prop_oneof![any_size(u64::MAX), any_size(Quota::MAX_LIMIT), Just(0)]
}

/// Times up to `most`, in any order: the clock may step anywhere.
fn steps(most: u64) -> impl Strategy<Value = Vec<(Mode, u64, u64)>> {
    proptest::collection::vec((modes(), any_cost(), any_size(most)), 1..40)
}

fn assert_exact(state: &State) {
    match state {
        State::FixedWindow(state) => assert!(state.end < EXACT && state.used < EXACT, "{state:?}"),
        State::SlidingWindow(state) => {
            assert!(state.end < EXACT && state.previous < EXACT && state.current < EXACT, "{state:?}");
        }
        State::Bucket(state) => {
            assert!(state.full_at < EXACT && state.part < state.rate.per.max(1), "{state:?}");
            assert!(state.rate.every <= 1 << 52 && state.rate.per <= 1 << 26, "{state:?}");
        }
        State::SlidingLog(log) => assert!(log.entries() as u64 <= SlidingLog::EXACT_ENTRIES),
        State::Empty => {}
    }
}

/// The largest product of each rule's arithmetic.
fn assert_products_are_exact(rule: &Rule) {
    match rule {
        Rule::Bucket(rule) => assert!(2 * rule.capacity() * rule.rate().every <= EXACT, "{rule:?}"),
        Rule::SlidingWindow(rule) => {
            let grains = rule.window().0.div_ceil(rule.grain().0);
            assert!(rule.limit() * grains <= EXACT, "{rule:?}");
        }
        Rule::FixedWindow(_) | Rule::SlidingLog(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_limit_cost_mode_or_time_overflows(rule in rules(), steps in steps(1 << 53)) {
        let mut state = State::Empty;
        for (mode, cost, at) in steps {
            let verdict = decide_one(&rule, &mut state, cost, (mode, Timestamp(at)));
            prop_assert!(verdict.granted <= rule.capacity());
            prop_assert!(verdict.outcomes[0].remaining <= rule.capacity());
        }
    }

    #[test]
    fn until_the_year_2112_states_and_products_stay_within_53_bits(rule in rules(), steps in steps(1 << 52)) {
        assert_products_are_exact(&rule);
        let mut state = State::Empty;
        for (mode, cost, at) in steps {
            let verdict = decide_one(&rule, &mut state, cost, (mode, Timestamp(at)));
            assert_exact(&state);
            prop_assert!(verdict.outcomes[0].reset_after.0 < EXACT);
            prop_assert!(rule.expires(&state).0 < EXACT);
        }
    }

    #[test]
    fn a_limit_changed_from_one_extreme_to_another_overflows_nothing(
        rules in proptest::collection::vec(rules(), 2..8), steps in steps(1 << 52),
    ) {
        // States of other algorithms cannot occur: the algorithm is part of the key.
        let same = |rule: &&Rule| std::mem::discriminant(*rule) == std::mem::discriminant(&rules[0]);
        let rules: Vec<Rule> = rules.iter().filter(same).copied().collect();
        let mut state = State::Empty;
        for (index, (mode, cost, at)) in steps.into_iter().enumerate() {
            let rule = &rules[index % rules.len()];
            let verdict = decide_one(rule, &mut state, cost, (mode, Timestamp(at)));
            prop_assert!(verdict.outcomes[0].remaining <= rule.capacity());
            if let State::Bucket(_) | State::FixedWindow(_) = state {
                assert_exact(&state);
            }
        }
    }

    #[test]
    fn every_rule_can_be_cut_or_says_why_not(rule in rules(), shards in any::<u16>()) {
        prop_assert!((1..=8).contains(&auto(&rule)));
        if let Ok(sharded) = Sharded::new(rule, shards) {
            let sum: u64 = (0..sharded.shards()).map(|shard| sharded.part(shard).capacity()).sum();
            prop_assert_eq!(sum, rule.capacity());
            assert_products_are_exact(sharded.part(0));
        }
    }

    #[test]
    fn the_log_of_a_large_limit_stays_bounded(
        limit in 1_025_u64..100_000, window in 1_000_u64..10_000_000,
        gaps in proptest::collection::vec(0_u64..20_000, 3_000),
    ) {
        let rule = Quota::new(limit, Micros(window)).algorithm(Algorithm::SlidingWindowLog).rule().unwrap();
        let mut counter = Counter::new(rule, Timestamp(1_700_000_000_000_000));
        for gap in gaps {
            counter.now = counter.now + Micros(gap * window / 1_000_000);
            counter.decide(1, Mode::Take);
            assert_exact(&counter.state);
        }
    }
}

#[test]
fn a_state_of_another_algorithm_counts_as_none() {
    let rules = Algorithm::ALL.map(|algorithm| Quota::per_second(5).algorithm(algorithm).rule().unwrap());
    for written in &rules {
        for read in &rules {
            if std::mem::discriminant(written) != std::mem::discriminant(read) {
                let mut state = State::Empty;
                written.charge(&mut state, 5, Timestamp(10));
                read.carry(&mut state, Timestamp(5));
                assert_eq!(read.status(&state, Timestamp(10)).remaining, read.capacity());
                read.refund(&mut state, Charge { cost: 1, at: Timestamp(10) }, Timestamp(10));
                read.charge(&mut state, 5, Timestamp(10));
            }
        }
    }
}
