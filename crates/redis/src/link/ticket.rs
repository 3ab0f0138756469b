//! A call that waits for its turn, is sent, and is answered: seen from both ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use drl_store::{Answers, StoreError};
use smallvec::{SmallVec, smallvec};

use crate::script::Order;

/// The checks of one call: they go out in one execution.
pub(super) type Orders = SmallVec<[Order; 1]>;

/// The caller's end. Dropping it withdraws the call: what was not sent yet is not sent any more.
#[must_use]
pub(crate) struct Ticket(Arc<Slot>);

/// The connection's end. Dropping it tells the caller that there will be no answer.
pub(super) struct Load(Arc<Slot>);

struct Slot {
    checks: usize,
    asks: usize,
    phase: Mutex<Phase>,
}

enum Phase {
    Waiting {
        orders: Orders,
        caller: Option<Waker>,
    },
    Sent {
        caller: Option<Waker>,
    },
    Answered(Answers),
    /// The answer was fetched, or nobody wants it any more.
    Over,
}

/// Both ends of a call.
pub(super) fn ticket(orders: Orders) -> (Ticket, Load) {
    let asks = orders.iter().map(Order::asks).sum();
    let checks = orders.len();
    let slot = Arc::new(Slot { checks, asks, phase: Mutex::new(Phase::Waiting { orders, caller: None }) });
    (Ticket(Arc::clone(&slot)), Load(slot))
}

impl Slot {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Takes the call back. Whether it had been sent, so that it may have counted.
    pub(crate) fn withdraw(&self) -> bool {
        !matches!(std::mem::replace(&mut *self.0.phase(), Phase::Over), Phase::Waiting { .. })
    }
}

impl Future for Ticket {
    type Output = Answers;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answers> {
        let mut phase = self.0.phase();
        match &mut *phase {
            Phase::Waiting { caller, .. } | Phase::Sent { caller } => {
                if !caller.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
                    *caller = Some(context.waker().clone());
                }
                Poll::Pending
            }
            Phase::Answered(answers) => {
                let answers = std::mem::take(answers);
                *phase = Phase::Over;
                Poll::Ready(answers)
            }
            Phase::Over => Poll::Pending,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl Load {
    /// The limits it asks for.
    pub(super) fn asks(&self) -> usize {
        self.0.asks
    }

    /// Whether nobody waits for it any more.
    pub(super) fn is_withdrawn(&self) -> bool {
        matches!(&*self.0.phase(), Phase::Over)
    }

    /// What is to be sent, unless it was withdrawn. From here on it counts as sent.
    pub(super) fn send(&self) -> Option<Orders> {
        let mut phase = self.0.phase();
        match &mut *phase {
            Phase::Waiting { orders, caller } => {
                let (orders, caller) = (std::mem::take(orders), caller.take());
                *phase = Phase::Sent { caller };
                Some(orders)
            }
            _ => None,
        }
    }

    /// Nothing of it was executed: it waits again.
    pub(super) fn recall(&self, orders: Orders) {
        let mut phase = self.0.phase();
        if let Phase::Sent { caller } = &mut *phase {
            let caller = caller.take();
            *phase = Phase::Waiting { orders, caller };
        }
    }

    /// Answers the call.
    pub(super) fn answer(self, answers: Answers) {
        self.resolve(|_| answers);
    }

    /// Answers all checks of the call with one error.
    pub(super) fn fail(self, error: &StoreError) {
        let checks = self.0.checks;
        self.resolve(|_| smallvec![Err(error.clone()); checks]);
    }

    /// Ends the call, unless it has ended, with answers that may depend on whether it was sent.
    fn resolve(&self, answers: impl FnOnce(bool) -> Answers) {
        let mut phase = self.0.phase();
        let (sent, caller) = match &mut *phase {
            Phase::Waiting { caller, .. } => (false, caller.take()),
            Phase::Sent { caller } => (true, caller.take()),
            Phase::Answered(_) | Phase::Over => return,
        };
        *phase = Phase::Answered(answers(sent));
        drop(phase);
        if let Some(caller) = caller {
            caller.wake();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.resolve(|sent| {
            let reason = "the connection was given up".to_owned();
            let error = StoreError::Unavailable { reason, may_have_counted: sent };
            smallvec![Err(error); self.0.checks]
        });
    }
}
