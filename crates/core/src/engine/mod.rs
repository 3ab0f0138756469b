//! What an instance does with requests, as state machines: events in, actions out, `now` an argument.
//!
//! ```text
//! request → Ledger ─ borrowed tokens? remembered denial? ─→ decided here, in nanoseconds
//!              │ no
//!              ├─ a call is in flight: wait in line
//!              └─ lead: Walk over the shards ⇄ store → land: serve the line, keep what was borrowed,
//!                                                      board the next flight
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`demand`] | what is asked for, and what comes of it |
//! | [`ledger`] | the books of an instance: who waits, what is borrowed, what is denied |
//! | [`flight`] | requests that share one store call |
//! | [`walk`] | from shard to shard |
//! | `lane` | the line of those who wait: group commit |
//! | `purse` | borrowed tokens, and until when they may be spent |
//! | `heat` | how much is asked for lately, which is how much to borrow |
//! | `denials` | what the store has said no to, and until when |
//! | [`hints`] | at which shard to ask first |
//!
//! Nothing here talks to a store, keeps a thread or reads a clock. A driver makes the calls: the limiter's on
//! tokio, the simulator's in virtual time.

pub mod demand;
mod denials;
pub mod flight;
mod heat;
pub mod hints;
mod lane;
mod leases;
pub mod ledger;
mod purse;
mod survey;
pub mod walk;

pub use demand::{Answer, Counters, Demand, Found, Loan, Picks, Unspent, name};
pub use flight::{Departure, Flight, Landing, Spare};
pub use hints::Hints;
pub use lane::{LONGEST_LINE, Passenger};
pub use leases::Leases;
pub use ledger::{Asked, Caller, Holdings, Known, Ledger, Request, Return, Trip, Turn};
pub use walk::{Batch, Detail, Haul, Step, Walk, Want};
