//! The promises hold in every state.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::limit::Limit;
use crate::model::Protocol;
use crate::promises;

fn always() -> Vec<Property<Protocol>> {
    vec![promises::within_the_limit(), promises::within_its_life(), promises::gone_when_given_back()]
}

fn everything() -> Vec<Property<Protocol>> {
    always().into_iter().chain(promises::reachable()).collect()
}

/// Says how far the checker came, and fails unless all was as it must be: with a way to the state that was not.
fn assert_holds(name: &str, started: Instant, checker: &impl Checker<Protocol>) {
    let (states, steps) = (checker.unique_state_count(), checker.state_count());
    println!(
        "{name}: {states} states, {steps} steps, {} deep, {:.1?}",
        checker.max_depth(),
        started.elapsed()
    );
    checker.assert_properties();
}

fn check(limit: Limit) {
    let (name, started) = (limit.name(), Instant::now());
    let instances = usize::from(limit.left.questions);
    let protocol = Protocol { limit, instances, mistake: None, properties: everything };
    assert_holds(
        name,
        started,
        &protocol.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join(),
    );
}

/// Depth first, which takes less memory, but finds no short ways.
fn check_deeper(limit: Limit) {
    let (name, started) = (limit.name(), Instant::now());
    let protocol = Protocol { limit: limit.deeper(), instances: 3, mistake: None, properties: always };
    assert_holds(
        name,
        started,
        &protocol.checker().finish_when(HasDiscoveries::AnyFailures).spawn_dfs().join(),
    );
}

#[test]
fn a_fixed_window_keeps_its_promise_in_every_state() {
    check(Limit::fixed_window());
}

#[test]
fn a_sliding_window_keeps_its_promise_in_every_state() {
    check(Limit::sliding_window());
}

#[test]
fn a_sliding_log_keeps_its_promise_in_every_state() {
    check(Limit::sliding_log());
}

#[test]
fn a_token_bucket_keeps_its_promise_in_every_state() {
    check(Limit::token_bucket());
}

#[test]
#[ignore = "takes minutes and gigabytes"]
fn a_sliding_window_keeps_its_promise_with_three_questions() {
    check_deeper(Limit::sliding_window());
}

#[test]
#[ignore = "takes minutes and gigabytes"]
fn a_sliding_log_keeps_its_promise_with_three_questions() {
    check_deeper(Limit::sliding_log());
}

#[test]
#[ignore = "takes minutes and gigabytes"]
fn a_token_bucket_keeps_its_promise_with_three_questions() {
    check_deeper(Limit::token_bucket());
}
