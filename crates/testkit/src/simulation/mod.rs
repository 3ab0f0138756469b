//! The simulator: instances, clients and store nodes in virtual time, from a seed.
//!
//! A [`Scenario`] says what happens: limits, requests, and what goes wrong. A run drives
//! [`drl_core::engine`] through it as the limiter does, with [`drl_core::decide`] as the store, and holds what
//! comes of it against what is promised. The same seed is the same run, event by event: there is one source of
//! chance, one queue of events, no thread and no clock.
//!
//! | module | what it holds |
//! |---|---|
//! | `scenario`, `draw` | what happens, and how it is drawn from a seed |
//! | `run` | the queue of events, and the faults |
//! | `network`, `call` | messages and calls: delays, loss, deadlines, checks over several nodes |
//! | `node` | a store node |
//! | `instance`, `driver`, `line` | an instance: the flow of the limiter's driver |
//! | `audit`, `bounds` | the checker: the accounts, and the promises on every interval |
//! | `bug` | deliberate mistakes, each of which has to be found |
//! | `shrink`, `trace` | a failing run, made small and told |
//!
//! What is checked, and how precisely, is in `docs/simulator.md`.

mod audit;
mod bounds;
mod bug;
mod call;
mod draw;
mod driver;
mod instance;
mod layout;
mod line;
mod network;
mod node;
mod operation;
mod random;
mod run;
mod scenario;
mod shrink;
mod trace;
mod violation;

pub use bug::Bug;
pub use draw::Load;
pub use run::Tally;
pub use scenario::{Arrival, Fault, Limit, Network, Scenario, Scope, What, Wish};
pub use shrink::{Failure, shrink};
pub use trace::Line;
pub use violation::{Kind, Violation};

use self::layout::{Layout, counters};
use self::run::{Event, Run};
use self::trace::Trace;

/// What has come of a run.
#[derive(Debug)]
pub struct Report {
    /// What must not happen and did; the first of it.
    pub violation: Option<Violation>,
    /// Numbers.
    pub tally: Tally,
    /// What was admitted under the first limit by the end, refunds not counted.
    pub admitted: u64,
    /// What happened that bears on the violation.
    pub trace: Vec<Line>,
}

/// Runs a scenario, with a mistake if one is wanted.
#[must_use]
pub fn simulate(scenario: &Scenario, bug: Option<Bug>) -> Report {
    play(scenario, bug, false)
}

fn play(scenario: &Scenario, bug: Option<Bug>, traced: bool) -> Report {
    let counters = counters(scenario);
    let layout = Layout::new(scenario, &counters);
    let mut run = Run::new(scenario, &layout, bug);
    run.trace = Trace::new(traced);
    // By then the last fault is over, and every call of before has been given up.
    let calm = scenario.end + 1_200_000;
    run.at(calm, Event::Probe(0, calm));
    run.go();
    run.close();
    run.judge();
    let first = layout.places.iter().zip(&run.admitted).filter(|(place, _)| place.limit == 0);
    let admitted = first.flat_map(|(_, admitted)| admitted).filter(|event| event.at < scenario.end);
    let admitted = admitted.map(|event| event.admission.cost).sum();
    let (violation, tally) = (run.violation.take(), run.tally);
    let about = violation.as_ref().and_then(|violation| violation.place);
    let client = about.and_then(|place| layout.places[place].client);
    let mut trace = run.trace.into_lines();
    trace.retain(|line| {
        let everybody = line.client.is_none() && line.places.is_empty();
        let theirs = line.client.is_some() && (client.is_none() || line.client == client);
        everybody || theirs || about.is_none_or(|place| line.places.contains(&place))
    });
    Report { violation, tally, admitted, trace }
}
