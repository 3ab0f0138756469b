//! The store contract and the embedded store.
//!
//! A store has **one verb**: [`Store::decide`] a batch of checks, each of them atomically and all or
//! nothing. There is no get, no set and no compare-and-swap, so there is no gap between looking and
//! charging in which somebody else could take the same token.
//!
//! | module | what it holds |
//! |---|---|
//! | [`contract`] | the [`Store`] trait: what a store owes its callers, and they to it |
//! | [`directory`] | what operators decide while instances run |
//! | [`error`] | why a store could not decide, by class |
//! | [`clock`] | whose time it is |
//! | [`memory`] | the embedded store, [`MemoryStore`] |

pub mod clock;
pub mod contract;
pub mod directory;
pub mod error;
pub mod memory;

pub use clock::{Clock, ManualClock, SystemClock};
pub use contract::{Answer, Answers, Store};
pub use error::{ErrorClass, StoreError};
pub use memory::MemoryStore;
