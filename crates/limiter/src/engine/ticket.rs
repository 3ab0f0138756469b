//! How a request that waits in line is told its answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use drl_core::engine::Answer;
use drl_store::StoreError;
use tokio::sync::oneshot;

/// What a request that waited is told.
pub(super) type Told = Result<Answer, StoreError>;

/// To be told with.
#[derive(Debug)]
pub(super) struct Ticket(oneshot::Sender<Told>);

/// The answer, once it has come. Whoever drops it has gone away.
#[derive(Debug)]
pub(crate) struct Coming(oneshot::Receiver<Told>);

impl Ticket {
    pub(super) fn new() -> (Self, Coming) {
        let (ticket, coming) = oneshot::channel();
        (Self(ticket), Coming(coming))
    }

    /// Tells the answer, or returns it if the request has gone away.
    pub(super) fn tell(self, told: Told) -> Result<(), Told> {
        self.0.send(told)
    }
}

impl Future for Coming {
    type Output = Told;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Told> {
        Pin::new(&mut self.0).poll(context).map(|told| told.unwrap_or_else(|_| Err(lost())))
    }
}

/// Nobody is left to tell.
fn lost() -> StoreError {
    StoreError::Unavailable {
        reason: "the call for several requests was lost".to_owned(),
        may_have_counted: true,
    }
}
