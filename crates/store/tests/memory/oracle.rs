//! Random traces of the store against the specification: a map that never forgets, and `drl_core::decide`.

use std::collections::HashMap;

use drl_core::check::Slot;
use drl_core::{Admission, Algorithm, Micros, Mode, Quota, Rule, State, Timestamp, Verdict, decide};
use drl_store::StoreError;
use proptest::prelude::*;

use crate::support::{Fixture, Limit, START};

#[derive(Clone, Debug)]
struct Step {
    clients: Vec<u16>,
    cost: u64,
    mode: Way,
    pass: u64,
    /// Whether to ask for an admission only, where that is a whole question.
    brief: bool,
    /// Unique ids that come by as well.
    flood: u16,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Take,
    TakeUpTo,
    Peek,
    /// Refunds a charge made so many microseconds ago.
    Refund(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let clients = prop_oneof![
        3 => prop::collection::vec(0..12_u16, 1..2),
        2 => prop::collection::vec(0..12_u16, 2..5),
        2 => prop::collection::vec(0..600_u16, 1..4),
    ];
    let mode = prop_oneof![
        6 => Just(Way::Take),
        2 => Just(Way::TakeUpTo),
        1 => Just(Way::Peek),
        2 => prop_oneof![Just(0), 0..30_000_u64, 0..3_000_000_u64].prop_map(Way::Refund),
    ];
    let pass = prop_oneof![4 => Just(0), 4 => 0..20_000_u64, 1 => 0..2_000_000_u64, 1 => Just(100_000_000)];
    let flood = prop_oneof![30 => Just(0), 1 => 0..700_u16];
    let parts = (clients, 0..8_u64, mode, pass, any::<bool>(), flood);
    parts.prop_map(|(mut clients, cost, mode, pass, brief, flood)| {
        clients.sort_unstable_by_key(|client| client.wrapping_mul(40_503));
        clients.dedup();
        Step { clients, cost, mode, pass, brief, flood }
    })
}

/// Every client has an algorithm, a limit and a window of its own.
fn rule(client: u16) -> Rule {
    let number = usize::from(client);
    let window = [Micros::from_millis(10), Micros::from_millis(700), Micros::from_secs(60)][number / 6 % 3];
    let limit = [5, 40, 3_000][number / 18 % 3];
    Quota::new(limit, window).algorithm(Algorithm::ALL[number % 6]).rule().unwrap()
}

/// The specification.
#[derive(Default)]
struct Oracle(HashMap<u16, State>);

impl Oracle {
    fn decide(&mut self, limits: &[(u16, Rule, u64)], mode: Mode, now: Timestamp) -> Verdict {
        let mut states: Vec<State> =
            limits.iter().map(|(client, ..)| self.0.remove(client).unwrap_or_default()).collect();
        let mut slots: Vec<Slot<'_>> = limits
            .iter()
            .zip(&mut states)
            .map(|((_, rule, cost), state)| Slot { rule, cost: *cost, state })
            .collect();
        let verdict = decide(&mut slots, mode, now);
        self.0.extend(limits.iter().map(|(client, ..)| *client).zip(states));
        verdict
    }

    /// How many counters say something at `now`, those of `but` left out.
    fn live(&self, now: Timestamp, but: &[(u16, Rule, u64)]) -> usize {
        self.0
            .iter()
            .filter(|(client, state)| {
                **state != State::Empty
                    && rule(**client).expires(state) > now
                    && !but.iter().any(|(other, ..)| other == *client)
            })
            .count()
    }
}

impl Step {
    fn limits(&self) -> Vec<(u16, Rule, u64)> {
        let cost = |client: &u16| if client.is_multiple_of(5) { self.cost / 2 } else { self.cost };
        self.clients.iter().map(|client| (*client, rule(*client), cost(client))).collect()
    }

    fn mode(&self, now: Timestamp) -> Mode {
        match self.mode {
            Way::Take => Mode::Take,
            Way::TakeUpTo => Mode::TakeUpTo,
            Way::Peek => Mode::Peek,
            Way::Refund(ago) => Mode::Refund(now - Micros(ago)),
        }
    }

    fn admit(&self, fixture: &Fixture) -> Option<Admission> {
        match (self.limits().as_slice(), self.mode) {
            (&[(client, rule, cost)], Way::Take) if self.brief => {
                fixture.admit(&Limit { client: &format!("client-{client}"), rule, cost })
            }
            _ => None,
        }
    }

    fn ask(&self, fixture: &Fixture, now: Timestamp) -> Result<Verdict, StoreError> {
        let names: Vec<String> = self.clients.iter().map(|client| format!("client-{client}")).collect();
        let limits: Vec<Limit<'_>> = names
            .iter()
            .zip(self.limits())
            .map(|(client, (_, rule, cost))| Limit { client, rule, cost })
            .collect();
        fixture.decide(&limits, self.mode(now))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_store_decides_as_the_specification_does(steps in prop::collection::vec(step(), 1..300)) {
        // Few stripes, so that checks share them and tables grow and shrink.
        let (fixture, mut oracle) = (Fixture::with(|builder| builder.max_keys(1_000)), Oracle::default());
        let (mut now, brief) = (START, Quota::new(1, Micros::from_millis(5)).rule().unwrap());
        let mut unique = 0_u64;
        for step in steps {
            now = now + Micros(step.pass);
            fixture.clock.set(now);
            let expected = oracle.decide(&step.limits(), step.mode(now), now);
            if let Some(admission) = step.admit(&fixture) {
                prop_assert_eq!(admission, Admission::from(expected), "{:?}", step);
            } else {
                match step.ask(&fixture, now) {
                    Ok(verdict) => prop_assert_eq!(verdict, expected, "{:?}", step),
                    Err(error) => prop_assert!(false, "{error} at {step:?}"),
                }
            }
            for _ in 0..step.flood.min(1_000 - 600) {
                unique += 1;
                let _ = fixture.take(&format!("flood-{unique}"), brief); // may find the store full
            }
            if step.flood > 0 {
                now = now + Micros::from_millis(6);
            }
        }
        fixture.clock.set(now + Micros::from_secs(1_000_000));
        fixture.store.sweep();
        prop_assert_eq!((fixture.store.len(), fixture.store.bytes()), (0, 0));
    }

    #[test]
    fn a_full_store_refuses_exactly_what_would_not_fit(
        max_keys in 0..12_u16,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let fixture = Fixture::with(|builder| builder.max_keys(max_keys.into()));
        let (mut oracle, mut now) = (Oracle::default(), START);
        for step in steps {
            now = now + Micros(step.pass);
            fixture.clock.set(now);
            let (limits, mode) = (step.limits(), step.mode(now));
            let before = oracle.0.clone();
            let others = oracle.live(now, &limits);
            let expected = oracle.decide(&limits, mode, now);
            let mine = limits.iter().filter(|(client, ..)| oracle.0[client] != State::Empty).count();
            if let Some(admission) = step.admit(&fixture) {
                prop_assert_eq!(admission, Admission::from(expected), "{:?}", step);
            } else {
                match step.ask(&fixture, now) {
                    Ok(verdict) => prop_assert_eq!(verdict, expected, "{:?}", step),
                    Err(StoreError::Full { .. }) => {
                        let full = others + limits.len() > usize::from(max_keys);
                        prop_assert!(full, "there was room for {step:?}");
                        prop_assert!(expected.granted > 0 || expected.allowed, "a denial needs no room");
                        prop_assert!(mine > 0);
                        oracle.0 = before;
                    }
                    Err(error) => prop_assert!(false, "{error}"),
                }
            }
            prop_assert!(fixture.store.len() <= max_keys.into());
        }
    }
}
