//! What a store is.

use std::future::Future;
use std::pin::Pin;

use drl_core::check::{Ask, Check};
use drl_core::{Admission, Verdict};
use smallvec::SmallVec;

use crate::directory::Directory;
use crate::error::StoreError;

/// One answer per check of a batch, in its order.
pub type Answers = SmallVec<[Result<Verdict, StoreError>; 1]>;

/// An answer that is there already, or one to wait for.
///
/// A store inside the process decides in less time than a future takes to be boxed.
pub enum Answer<'a> {
    /// Decided.
    Ready(Answers),
    /// On its way.
    Pending(Pin<Box<dyn Future<Output = Answers> + Send + 'a>>),
}

impl<'a> Answer<'a> {
    /// The answers, waited for if they are not there yet.
    pub async fn wait(self) -> Answers {
        match self {
            Self::Ready(answers) => answers,
            Self::Pending(future) => future.await,
        }
    }
}

impl std::fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready(answers) => f.debug_tuple("Ready").field(answers).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

/// Keeps counters and decides checks.
///
/// A store owes its callers:
/// - **Atomicity.** Each check is decided in one step; nobody else's check falls between its limits. A
///   denied check changes no state. Checks of one batch are independent of each other.
/// - **The specification.** Decisions, what remains and all times are those of
///   [`drl_core::decide`] at the store's own clock.
/// - **An end.** A call is answered by its deadline, with an error if need be, and is never sent twice
///   once it may have arrived.
/// - **Oblivion.** A counter that says nothing any more goes away by itself; one that still counts is
///   never dropped to make room ([`StoreError::Full`] instead).
///
/// A caller owes the store checks without two asks for one counter.
pub trait Store: Send + Sync + 'static {
    /// Decides every check of the batch, in one round trip where there is a way to go.
    fn decide<'a>(&'a self, batch: &'a [Check<'_>]) -> Answer<'a>;

    /// Decides one ask, as a check of its own in [`Mode::Take`](drl_core::Mode::Take), for a caller who only
    /// wants to know whether. A store that does not know at once, or has no room, says `None` and has charged
    /// nothing: then [`Store::decide`] has the answer.
    fn admit(&self, ask: &Ask<'_>) -> Option<Admission> {
        let _ = ask;
        None
    }

    /// Whether the counters live outside this process, so that many instances share them and spreading
    /// a client over several counters is worth it.
    fn is_shared(&self) -> bool;

    /// How many counters it keeps in this process.
    fn counters_here(&self) -> u64 {
        0
    }

    /// What operators decide while instances run, if this store keeps that.
    fn directory(&self) -> Option<&dyn Directory> {
        None
    }
}
