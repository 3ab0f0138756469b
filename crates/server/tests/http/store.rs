//! The embedded store, which can be told to fail, or to wait with its answers.

use std::sync::Arc;

use drl_core::check::Check;
use drl_store::{Answer, Answers, MemoryStore, Store, StoreError};
use tokio::sync::watch;

/// What the store does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Decides.
    Answer,
    /// Is out of reach.
    Fail,
    /// Keeps callers waiting until the mood changes.
    Hold,
}

#[derive(Debug)]
pub(crate) struct MoodyStore {
    inner: MemoryStore,
    mood: watch::Sender<Mood>,
    /// Calls being kept waiting.
    held: watch::Sender<usize>,
}

impl MoodyStore {
    pub(crate) fn new(mood: Mood) -> Arc<Self> {
        let (mood, held) = (watch::Sender::new(mood), watch::Sender::new(0));
        Arc::new(Self { inner: MemoryStore::new(), mood, held })
    }

    pub(crate) fn turn(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Waits until that many calls are being kept waiting.
    pub(crate) async fn until_held(&self, calls: usize) {
        self.held.subscribe().wait_for(|held| *held >= calls).await.unwrap();
    }
}

impl Store for MoodyStore {
    fn decide<'a>(&'a self, batch: &'a [Check<'_>]) -> Answer<'a> {
        let mood = *self.mood.borrow();
        match mood {
            Mood::Answer => self.inner.decide(batch),
            Mood::Fail => Answer::Ready(fail(batch.len())),
            Mood::Hold => Answer::Pending(Box::pin(async move {
                let mut mood = self.mood.subscribe();
                self.held.send_modify(|held| *held += 1);
                let _ = mood.wait_for(|mood| *mood != Mood::Hold).await;
                self.inner.decide(batch).wait().await
            })),
        }
    }

    fn is_shared(&self) -> bool {
        false
    }
}

fn fail(calls: usize) -> Answers {
    let error = || StoreError::Unavailable { reason: "told to fail".to_owned(), may_have_counted: false };
    (0..calls).map(|_| Err(error())).collect()
}
