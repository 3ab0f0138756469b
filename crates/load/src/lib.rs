//! The load generator behind `drl bench`: many callers, over one or several instances, ask for decisions as
//! fast as they are answered; afterwards a judge says whether more was admitted than could have been.
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`](Settings) | what the user asks for, and its checked form |
//! | `clock`, `store_clock` | the machine's clock, which all its processes share, and how far the store's is from it |
//! | `grid`, `ledger` | what was admitted, per key and slice of the store's time, in bounded memory |
//! | `caller`, `instance` | who asks |
//! | `fleet` | instances in this process, or one process each |
//! | `judge` | what each algorithm promises, and whether it was kept |
//! | [`report`](Report) | the result, for people and as JSON |
//!
//! **What the judge can prove.** Of each decision it knows when the question was sent and when the answer was
//! there; the store decided in between. So it counts for a stretch of time only what *certainly* was decided
//! within it. More than the promise allows is then a breach without doubt, whatever the delays were; and what
//! is in doubt for a short stretch is certain for a longer one, which is looked at as well.

mod caller;
mod clock;
mod error;
mod fleet;
mod grid;
mod instance;
mod judge;
mod keys;
mod ledger;
mod report;
mod run;
mod settings;
mod store_clock;
mod tally;

pub use error::LoadError;
pub use fleet::serve_instance;
pub use judge::Breach;
pub use keys::Distribution;
pub use report::{Configuration, Judged, Latency, Report};
pub use run::{Tick, run};
pub use settings::Settings;
pub use tally::Sources;
