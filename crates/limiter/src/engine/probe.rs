//! Finding out in the background when the store is back.

use std::sync::{Arc, Weak};
use std::time::Duration;

use drl_core::Mode;
use drl_core::check::Check;
use drl_store::{Store, StoreError};
use smallvec::SmallVec;

use super::{Inner, first};

/// The pause between two probes: short enough to be back well within a second of the store.
const PAUSE: Duration = Duration::from_millis(150);

/// Asks the store nothing, and waits for the answer.
pub(super) async fn ping(store: &dyn Store) -> Result<(), StoreError> {
    let batch = [Check { asks: SmallVec::new(), mode: Mode::Peek }];
    first(store.decide(&batch).wait().await).map(|_| ())
}

/// Probes until the store answers, then closes the breaker. Ends with the engine. Without a runtime to
/// run in there is no probe, so the breaker closes at once and every call finds out for itself.
pub(super) fn start(engine: &Arc<Inner>) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        engine.breaker.close();
        return;
    };
    runtime.spawn(probe(Arc::downgrade(engine)));
}

async fn probe(engine: Weak<Inner>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let Some(engine) = engine.upgrade() else { return };
        if ping(engine.store.as_ref()).await.is_ok() {
            engine.breaker.close();
            tracing::info!("store back: circuit breaker closed");
            return;
        }
    }
}
