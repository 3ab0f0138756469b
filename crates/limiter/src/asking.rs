//! The future of [`RateLimiter::is_allowed`], by hand.
//!
//! Most questions are answered when they are polled first, in nanoseconds. Of an `async fn` a quarter of those went
//! to carrying the answer through memory from one future to the next (a profile of `cargo xtask bench --only
//! "embedded, hot key, 1 thr, is_allowed"`); this one leaves it in a register. And a thousand callers that wait for one store call keep a
//! ticket each, not what they asked with, which is out of the cache by the time they are told.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::engine::{AtOnce, Coming};
use crate::error::Error;
use crate::limiter::RateLimiter;

/// Whether a client may make one request: see [`RateLimiter::is_allowed`].
#[must_use = "nothing is decided until this is awaited"]
pub struct Asking<'a> {
    limiter: &'a RateLimiter,
    client: &'a [u8],
    stage: Stage<'a>,
}

enum Stage<'a> {
    /// Nobody has been asked yet.
    New,
    /// In line: the answer comes with a store call for several.
    Waits(Coming),
    /// The store is asked.
    Asks(Pin<Box<dyn Future<Output = Result<bool, Error>> + Send + 'a>>),
}

impl<'a> Asking<'a> {
    #[inline]
    pub(crate) fn new(limiter: &'a RateLimiter, client: &'a [u8]) -> Self {
        Self { limiter, client, stage: Stage::New }
    }

    /// What is known at once; else the next stage is there.
    fn ask(&mut self) -> Option<bool> {
        self.limiter.here(self.client).or_else(|| self.look_up())
    }

    #[inline(never)] // it needs room for what `ask` mostly does not come to
    fn look_up(&mut self) -> Option<bool> {
        self.stage = match self.limiter.by_the_books(self.client) {
            AtOnce::Known(allowed) => return Some(allowed),
            AtOnce::Waits(answer) => Stage::Waits(answer),
            AtOnce::Asks(lead) => Stage::Asks(Box::pin(self.limiter.ask(self.client, lead))),
        };
        None
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        match &mut self.stage {
            Stage::New => Poll::Pending, // it has just asked
            Stage::Waits(answer) => {
                let (limiter, client) = (self.limiter, self.client);
                Pin::new(answer).poll(context).map(|answer| limiter.heard(client, answer))
            }
            Stage::Asks(answer) => answer.as_mut().poll(context),
        }
    }
}

impl Future for Asking<'_> {
    type Output = Result<bool, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Stage::New = self.stage
            && let Some(allowed) = self.ask()
        {
            return Poll::Ready(Ok(allowed));
        }
        self.wait(context)
    }
}

impl fmt::Debug for Asking<'_> {
    /// Without the client's id, which belongs in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}
