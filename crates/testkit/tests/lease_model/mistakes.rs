//! The model can fail: each mistake that a lease protocol could make is found, under every algorithm.

use stateright::{Checker, Model, Property};

use crate::limit::Limit;
use crate::model::{Mistake, Protocol};
use crate::promises;
use crate::world::Left;

/// One lease is enough.
const LEFT: Left = Left { questions: 1, crashes: 0, others: 2 };

fn the_promise() -> Vec<Property<Protocol>> {
    vec![promises::within_the_limit()]
}

fn the_life() -> Vec<Property<Protocol>> {
    vec![promises::within_its_life()]
}

fn what_was_given_back() -> Vec<Property<Protocol>> {
    vec![promises::gone_when_given_back()]
}

/// Fails unless the mistake breaks the one property, and shows the shortest way there.
fn find(mistake: Mistake, limit: Limit, properties: fn() -> Vec<Property<Protocol>>) {
    let name = limit.name();
    let limit = Limit { left: LEFT, ..limit };
    let protocol = Protocol { limit, instances: 1, mistake: Some(mistake), properties };
    let checker = protocol.checker().spawn_bfs().join();
    let states = checker.unique_state_count();
    let broken = checker.discoveries().into_iter().next();
    let (property, path) =
        broken.unwrap_or_else(|| panic!("{mistake:?}, {name}: not found in {states} states"));
    println!("{mistake:?}, {name}: not \"{property}\", found in {states} states:");
    println!("  {:?}", path.into_actions());
}

fn breaks_every_promise(mistake: Mistake) {
    Limit::all().into_iter().for_each(|limit| find(mistake, limit, the_promise));
}

#[test]
fn a_life_counted_from_the_answer_is_found() {
    breaks_every_promise(Mistake::LifeFromTheAnswer);
    find(Mistake::LifeFromTheAnswer, Limit::fixed_window(), the_life);
}

#[test]
fn a_return_that_is_taken_twice_is_found() {
    breaks_every_promise(Mistake::ReturnedTwice);
}

#[test]
fn a_return_of_what_can_still_be_spent_is_found() {
    breaks_every_promise(Mistake::ReturnedAndKept);
    find(Mistake::ReturnedAndKept, Limit::fixed_window(), what_was_given_back);
}

#[test]
fn a_counter_that_refills_while_its_tokens_are_out_is_found() {
    breaks_every_promise(Mistake::LentPlainly);
}

#[test]
fn a_return_credited_to_the_moment_it_comes_is_found() {
    breaks_every_promise(Mistake::CreditedWhenItComes);
}
