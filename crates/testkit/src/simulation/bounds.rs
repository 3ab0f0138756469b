//! The promises of the algorithms, held against everything that was admitted, on every interval.
//!
//! **Time.** Between two steps of a node's clock (or losses of its data) lies a stretch. What was charged in
//! a stretch is judged on the clock of that stretch, as if it ran on: also what was borrowed in it and spent
//! after its end. On this clock each counter keeps the promise of its part exactly; the only thing that widens
//! it is what was charged **before** the stretch and given back in it, by that much.
//!
//! **Wholes.** The counters of one allowance together keep the promise of the whole. Where they live on several
//! nodes, each counts by its own clock; clocks that are apart, but do not step, all measure intervals alike, so
//! intervals are judged in true time, and aligned windows by the clock of each. A whole is not judged where a
//! clock of several has stepped; its parts are.

use drl_core::algorithm::Bucket;
use drl_core::{Algorithm, Micros, Rule, Timestamp};

use super::node::EPOCH;
use super::run::{Admitted, Run};
use super::scenario::Limit;
use super::violation::{Kind, Violation};
use crate::bound::{Admission, Promise, worst};

impl Run<'_> {
    /// Judges every counter, and every allowance.
    pub(super) fn judge(&mut self) {
        for place in 0..self.layout.places.len() {
            self.judge_part(place);
        }
        let wholes: Vec<_> = self.layout.wholes().collect();
        for (limit, places) in wholes {
            self.judge_whole(limit, places);
        }
    }

    fn judge_part(&mut self, place: usize) {
        let stretches = self.nodes[self.layout.places[place].node].stretches.len();
        for stretch in 0..stretches {
            let events = self.admitted[place].iter().filter(|event| event.stretch == stretch).copied();
            let events = in_order(events.collect());
            let foreign = self.foreign_in(place, stretch);
            for promise in part_promises(&self.layout.places[place].rule) {
                self.check((place, stretch), widened(promise, foreign), &events);
            }
        }
    }

    fn judge_whole(&mut self, limit: usize, places: std::ops::Range<usize>) {
        let mut nodes: Vec<usize> = places.clone().map(|place| self.layout.places[place].node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let stretches = nodes.iter().map(|&node| self.nodes[node].stretches.len()).max().unwrap_or(1);
        if places.len() == 1 || (nodes.len() > 1 && stretches > 1) {
            return;
        }
        let limit = self.scenario.limits[limit];
        let phase = match self.layout.places[places.start].rule {
            Rule::FixedWindow(rule) => rule.phase(),
            _ => Micros::ZERO,
        };
        for stretch in 0..stretches {
            let all = places.clone().flat_map(|place| &self.admitted[place]);
            let events: Vec<Admitted> = all.filter(|event| event.stretch == stretch).copied().collect();
            let foreign: u64 = places.clone().map(|place| self.foreign_in(place, stretch)).sum();
            for promise in whole_promises(&limit, phase) {
                let aligned = nodes.len() == 1 || matches!(promise, Promise::FixedWindow { .. });
                let mut events = events.clone();
                if !aligned {
                    events.iter_mut().for_each(|event| event.admission.at = Timestamp(EPOCH + event.at));
                }
                let events = in_order(events);
                self.check((places.start, stretch), widened(promise, foreign), &events);
            }
        }
    }

    fn foreign_in(&self, place: usize, stretch: usize) -> u64 {
        self.foreign[place].iter().filter(|(within, _)| *within == stretch).map(|(_, cost)| cost).sum()
    }

    fn check(&mut self, (place, stretch): (usize, usize), promise: Promise, events: &[Admission]) {
        let Some(worst) = worst(promise, events).filter(|worst| !worst.is_kept()) else { return };
        let node = &self.nodes[self.layout.places[place].node];
        let start = node.stretches[stretch].clock(0);
        let (from, to) = (worst.from.since(start).0, worst.to.since(start).0);
        let key = &self.layout.places[place].key;
        let message = format!(
            "{key}: {promise:?}: {} admitted in [{from}, {to}] µs, stretch {stretch}",
            worst.admitted
        );
        self.violation.get_or_insert(Violation {
            kind: Kind::OverTheLimit,
            place: Some(place),
            at: to,
            message,
        });
    }
}

/// In the order of time; what was charged together is one admission, whoever got it.
fn in_order(mut events: Vec<Admitted>) -> Vec<Admission> {
    events.retain(|event| event.admission.cost > 0);
    events.sort_by_key(|event| (event.admission.at, event.order));
    events.dedup_by(|next, event| {
        let together = next.order == event.order;
        event.admission.cost += if together { next.admission.cost } else { 0 };
        together
    });
    events.into_iter().map(|event| event.admission).collect()
}

/// What one counter promises.
fn part_promises(rule: &Rule) -> Vec<Promise> {
    match rule {
        Rule::FixedWindow(rule) => {
            vec![Promise::FixedWindow { limit: rule.limit(), window: rule.window(), phase: rule.phase() }]
        }
        Rule::SlidingLog(rule) => {
            vec![Promise::EveryInterval { limit: rule.limit(), window: rule.window() }]
        }
        Rule::SlidingWindow(rule) => estimated(rule.limit(), rule.window()),
        Rule::Bucket(rule) => bucket(rule),
    }
}

fn bucket(rule: &Bucket) -> Vec<Promise> {
    let (burst, tokens, per) = (rule.capacity(), rule.rate().per, Micros(rule.rate().every));
    let mut promises = vec![Promise::Bucket { burst, tokens, per }];
    if rule.is_queue() {
        promises.push(Promise::Spaced { waiting: burst - 1, tokens, per });
    }
    promises
}

fn estimated(limit: u64, window: Micros) -> Vec<Promise> {
    vec![
        Promise::FixedWindow { limit, window, phase: Micros::ZERO },
        Promise::EveryInterval { limit: 2 * limit - 1, window },
    ]
}

/// What the documentation promises, from the words of the quota alone.
fn whole_promises(limit: &Limit, phase: Micros) -> Vec<Promise> {
    let (tokens, window, burst) = (limit.quota.limit(), limit.quota.window(), limit.burst);
    match limit.algorithm {
        Algorithm::FixedWindow => vec![Promise::FixedWindow { limit: tokens, window, phase }],
        Algorithm::SlidingWindowLog => vec![Promise::EveryInterval { limit: tokens, window }],
        Algorithm::SlidingWindow => estimated(tokens, window),
        Algorithm::TokenBucket | Algorithm::LeakyBucket => {
            vec![Promise::Bucket { burst, tokens, per: window }]
        }
        Algorithm::LeakyBucketQueue => vec![Promise::Bucket { burst: burst + 1, tokens, per: window }],
    }
}

/// The same, with so much more.
fn widened(promise: Promise, by: u64) -> Promise {
    match promise {
        Promise::FixedWindow { limit, window, phase } => {
            Promise::FixedWindow { limit: limit + by, window, phase }
        }
        Promise::EveryInterval { limit, window } => Promise::EveryInterval { limit: limit + by, window },
        Promise::Bucket { burst, tokens, per } => Promise::Bucket { burst: burst + by, tokens, per },
        spaced @ Promise::Spaced { .. } => spaced,
    }
}
