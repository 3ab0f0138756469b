//! Group commit: whatever has queued up while executions were on their way goes out as the next one.
//!
//! An idle connection sends at once. A busy one has a few executions on their way, so that the server always
//! has one to work on, and the next ones grow while they wait.

use drl_store::{Answers, StoreError};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::{RedisResult, Value};

use super::queue::{Batch, Next};
use super::wire::Wire;
use crate::fault;
use crate::script::{self, Reply, SCRIPTS};

/// Executions on their way at most: one that the server works on, and one that it finds when it is done.
const MOST_IN_FLIGHT: usize = 2;

/// Serves the wire's queue until it is closed and everybody has been answered.
pub(super) async fn run(wire: &Wire) {
    let mut flights = FuturesUnordered::new();
    let (mut calls, mut loads) = (0, 0);
    loop {
        while flights.len() < MOST_IN_FLIGHT {
            match wire.queue.next() {
                Next::Send(batch) => flights.push(Flight { batch, call: calls, loads }.fly(wire)),
                Next::Rest => break,
                Next::Closed if flights.is_empty() => return,
                Next::Closed => break,
            }
            calls += 1;
        }
        tokio::select! {
            biased;
            Some(landed) = flights.next() => {
                if landed.reply.as_ref().is_err_and(fault::is_unknown_script) {
                    loads = landed.flight.again(wire, loads).await;
                } else {
                    landed.hand_out(wire);
                }
            }
            () = wire.queue.filled() => {}
        }
    }
}

/// One execution of a script.
struct Flight {
    batch: Batch,
    /// The number that names it.
    call: u64,
    /// How often the scripts had been loaded again when it left.
    loads: u64,
}

/// An execution that has come to its end.
struct Landed {
    flight: Flight,
    reply: RedisResult<Value>,
}

impl Flight {
    async fn fly(self, wire: &Wire) -> Landed {
        let orders = self.batch.orders.iter().flatten();
        let command = script::command(&SCRIPTS, self.call, orders);
        let reply = wire.send(&command).await;
        Landed { flight: self, reply }
    }

    /// The server has forgotten its scripts, so it has executed nothing: the only answer after which a call is
    /// sent again. Of several executions that find it so the first has them loaded. How often they have
    /// been loaded by now.
    async fn again(self, wire: &Wire, loads: u64) -> u64 {
        if self.loads == loads {
            if let Err(error) = wire.load_scripts().await {
                self.batch.fail(&fault::failed(&error, false));
                return loads;
            }
            tracing::info!("scripts reloaded");
        }
        wire.queue.recall(self.batch);
        self.loads.max(loads) + u64::from(self.loads == loads)
    }
}

impl Landed {
    /// Gives each caller its answers, or all of them the error.
    fn hand_out(self, wire: &Wire) {
        let Self { flight, reply } = self;
        let reply = reply.map_err(|error| fault::failed(&error, true));
        match reply.and_then(|reply| read(&flight, reply)) {
            Ok(answers) => {
                if answers.iter().flatten().flat_map(|answer| answer.as_ref().err()).any(fault::is_read_only)
                {
                    wire.retire();
                }
                flight.batch.answer(answers);
            }
            Err(error) => {
                // It can't be written to any more, or answers what was not asked.
                if fault::is_read_only(&error) || matches!(error, StoreError::Protocol { .. }) {
                    wire.retire();
                }
                flight.batch.fail(&error);
            }
        }
    }
}

/// The answers to each call of the flight.
fn read(flight: &Flight, reply: Value) -> Result<Vec<Answers>, StoreError> {
    let mut reply = Reply::open(reply, flight.call)?;
    let calls = flight.batch.orders.iter();
    let answers = calls
        .map(|orders| orders.iter().map(|order| reply.verdict(order)).collect())
        .collect::<Result<_, _>>()?;
    reply.close()?;
    Ok(answers)
}
