//! One suite that runs on every store: what the [`Store`] contract owes its callers.
//!
//! A store keeps its own time, so nothing here depends on moving a clock: windows are so long that no run
//! meets their edge. The algorithms themselves are held to the specification elsewhere, step by step.
//!
//! A store's tests mount the whole suite with [`conformance_suite!`](crate::conformance_suite).

#![expect(clippy::missing_panics_doc, reason = "a broken promise fails the test: that is what these are for")]

mod batches;
mod concurrency;
mod directory;
mod identity;
mod single;

use std::sync::Arc;

use drl_core::check::{Ask, Check};
use drl_core::{Algorithm, Keyspace, Mode, Quota, Rule, Verdict};
use drl_store::Store;
use smallvec::smallvec;

pub use self::batches::{answers_come_in_the_order_of_the_checks, several_limits_are_all_or_nothing};
pub use self::concurrency::{
    checks_of_several_limits_are_never_over, many_tasks_get_exactly_the_limit_of_every_algorithm,
};
pub use self::directory::{a_directory_is_followed_change_by_change, a_long_directory_is_read_in_pages};
pub use self::identity::every_list_of_values_has_a_counter_of_its_own;
pub use self::single::{
    a_denied_request_charges_nothing, a_refund_gives_back_what_was_charged, a_reset_forgets_one_counter,
    costs_above_capacity_never_fit, peeks_and_zero_costs_charge_nothing, up_to_takes_what_there_is,
};

/// Mounts the suite in a test file: one test per promise. `$fixture` is an expression that makes a
/// [`Fixture`].
///
/// ```
/// use std::sync::Arc;
/// drl_testkit::conformance_suite!(drl_testkit::conformance::Fixture::new(
///     Arc::new(drl_store::MemoryStore::new()),
///     (),
/// ));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance_suite {
    ($fixture:expr) => {
        $crate::conformance_suite!(@tests $fixture;
            a_denied_request_charges_nothing
            a_directory_is_followed_change_by_change
            a_long_directory_is_read_in_pages
            a_refund_gives_back_what_was_charged
            a_reset_forgets_one_counter
            answers_come_in_the_order_of_the_checks
            checks_of_several_limits_are_never_over
            costs_above_capacity_never_fit
            every_list_of_values_has_a_counter_of_its_own
            many_tasks_get_exactly_the_limit_of_every_algorithm
            peeks_and_zero_costs_charge_nothing
            several_limits_are_all_or_nothing
            up_to_takes_what_there_is
        );
    };
    (@tests $fixture:expr; $($promise:ident)*) => {
        $(
            #[test]
            fn $promise() {
                $crate::conformance::run(async || $fixture, async |fixture| {
                    $crate::conformance::$promise(&fixture).await;
                });
            }
        )*
    };
}

/// A store to be tested, and what has to live as long as it.
pub struct Fixture {
    store: Arc<dyn Store>,
    _keep: Box<dyn std::any::Any>,
}

impl Fixture {
    /// `keep` is dropped with the fixture: a server, a directory.
    pub fn new(store: Arc<dyn Store>, keep: impl std::any::Any) -> Self {
        Self { store, _keep: Box::new(keep) }
    }
}

/// Runs one test of the suite.
///
/// # Panics
/// If it fails.
pub fn run(make: impl AsyncFnOnce() -> Fixture, test: impl AsyncFnOnce(Fixture)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async { test(make().await).await });
}

/// A limit that no run of the suite outlives: the windows' edges are months away, and a bucket refills one
/// token in hours.
fn rule(algorithm: Algorithm, limit: u64) -> Rule {
    let quota = Quota::new(limit, Quota::MAX_WINDOW).algorithm(algorithm);
    match algorithm {
        // What waits in a queue, and the one that goes on.
        Algorithm::LeakyBucketQueue if limit > 1 => quota.burst(limit - 1).rule(),
        _ => quota.rule(),
    }
    .expect("a valid quota")
}

fn space(algorithm: Algorithm) -> Keyspace {
    Keyspace::new("conformance", algorithm.as_str(), "test")
}

/// One limit to try things on.
struct Subject<'a> {
    store: &'a dyn Store,
    space: Keyspace,
    rule: Rule,
}

impl<'a> Subject<'a> {
    fn new(fixture: &'a Fixture, algorithm: Algorithm, limit: u64) -> Self {
        Self { store: fixture.store.as_ref(), space: space(algorithm), rule: rule(algorithm, limit) }
    }

    async fn decide(&self, client: &[u8], cost: u64, mode: Mode) -> Verdict {
        let partition = [client];
        let key = self.space.key(&partition, 0);
        decide(self.store, Check { asks: smallvec![Ask { key, rule: self.rule, cost }], mode }).await
    }

    async fn remaining(&self, client: &[u8]) -> u64 {
        self.decide(client, 0, Mode::Peek).await.outcomes[0].remaining
    }
}

async fn decide(store: &dyn Store, check: Check<'_>) -> Verdict {
    let batch = [check];
    let mut answers = store.decide(&batch).wait().await;
    assert_eq!(answers.len(), 1, "one answer for one check");
    answers.remove(0).expect("a store that decides")
}
