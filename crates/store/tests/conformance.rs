//! The embedded store keeps the contract of every store.

use std::sync::Arc;

use drl_store::MemoryStore;
use drl_testkit::conformance::Fixture;

drl_testkit::conformance_suite!(Fixture::new(Arc::new(MemoryStore::new()), ()));
