//! Decisions of one pipeline that are on their way to a store outside this process: they go out together, and their
//! replies are written in the order in which they were asked for.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Instant;

use distributed_rate_limiter::Error;
use distributed_rate_limiter::engine::Limit;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use super::Front;
use super::throttle::{Ask, Parameters, Reply};
use crate::metrics::FrontName;

/// The most of one connection that are on their way at once.
const MOST: usize = 128;

type Decided<'f> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send + 'f>>;

/// In the order in which they were asked for.
#[derive(Debug)]
pub(super) struct Flights<'f> {
    front: &'f Front,
    pending: FuturesOrdered<Decided<'f>>,
    /// What they ask for.
    asked: VecDeque<Asked>,
}

#[derive(Debug)]
struct Asked {
    key: Box<[u8]>,
    parameters: Parameters,
    peeks: bool,
}

impl<'f> Flights<'f> {
    pub(super) fn new(front: &'f Front) -> Self {
        Self { front, pending: FuturesOrdered::new(), asked: VecDeque::new() }
    }

    /// Whether `ask` has to wait until another has landed: because there are too many, or because the store could
    /// otherwise decide it before another for the same key that came first. Those that are for the same quota and
    /// all take stand in one line in the engine.
    pub(super) fn is_blocked(&self, ask: &Ask<'_>) -> bool {
        let overtakes = |asked: &Asked| {
            *asked.key == *ask.key && (asked.parameters != ask.parameters || asked.peeks || ask.peeks())
        };
        self.asked.len() >= MOST || self.asked.iter().any(overtakes)
    }

    /// Sends `ask` on its way, which begins when somebody waits for a landing.
    pub(super) fn depart(&mut self, ask: &Ask<'_>, limit: &Limit) {
        let (front, limit, key): (_, _, Box<[u8]>) = (self.front, limit.clone(), ask.key.into());
        let (parameters, quantity) = (ask.parameters, ask.quantity);
        self.asked.push_back(Asked { key: key.clone(), parameters, peeks: ask.peeks() });
        self.pending.push_back(Box::pin(async move {
            let ask = Ask { key: &key, parameters, quantity };
            let started = Instant::now();
            let decided = ask.decide(front.limits.engine(), &limit).await;
            front.metrics.decided(FrontName::Resp, started.elapsed());
            decided
        }));
    }

    /// Waits for the one that departed first; `None` if none is on its way.
    pub(super) async fn land(&mut self) -> Option<Result<Reply, Error>> {
        let landed = self.pending.next().await?;
        self.asked.pop_front();
        Some(landed)
    }
}
