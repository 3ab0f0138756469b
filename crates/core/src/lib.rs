//! The pure heart of the rate limiter: quotas, keys, decisions and the five algorithms.
//!
//! Nothing here reads a clock, waits, or talks to anybody: `now` is an argument, state comes in and
//! goes out. The embedded store runs these functions as they stand, and the Lua scripts of the Redis
//! store are held against them step by step, so **this crate is the specification**.
//!
//! Where to start reading:
//!
//! | module | what it holds |
//! |---|---|
//! | [`quota`] | what an operator writes: "100 a minute, burst of 20", and its checked form, [`Rule`] |
//! | [`algorithm`] | one file per algorithm: configuration, state, the four functions, their tests |
//! | [`check`] | many limits decided at once, all or nothing: the one verb of every store |
//! | [`admission`] | the same for one limit and a caller who only asks whether |
//! | [`decision`] | what comes back: granted or not, what is left, when to try again |
//! | [`policy`] | which limits a request meets, found without trying each |
//! | [`key`] | how a client's counter is named so that no client can reach another's |
//! | [`identity`] | what a counter is called inside a process: a keyed hash of its name |
//! | [`shard`] | one allowance split over many counters whose limits add up exactly |
//! | [`engine`] | what an instance does with requests: group commit, leases, remembered denials, shards |
//! | [`time`] | microseconds on the store's clock |

pub mod admission;
pub mod algorithm;
pub mod check;
pub mod decision;
pub mod engine;
pub mod identity;
pub mod key;
pub mod policy;
pub mod quota;
pub mod shard;
pub mod time;

pub use admission::Admission;
pub use algorithm::{Rule, State};
pub use check::{Mode, decide};
pub use decision::{Leased, Outcome, Retry, Source, Verdict};
pub use key::{Key, Keyspace};
pub use quota::{Algorithm, Quota, QuotaError};
pub use time::{Micros, Moment, Timestamp};
