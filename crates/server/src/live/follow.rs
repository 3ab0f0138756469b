//! Following the directory in the store.

use std::sync::Arc;
use std::time::Duration;

use super::Live;
use crate::listen::Stopping;

/// How often the directory is looked at: four times in the second within which everybody follows.
const PERIOD: Duration = Duration::from_millis(250);

/// Reads what changes, until the server stops. A store that does not answer is asked again; until then what
/// was read last holds.
pub(crate) async fn follow(live: Arc<Live>, mut stopping: Stopping) {
    let mut lost = false;
    loop {
        match (live.read_changes().await, lost) {
            (Err(error), false) => {
                tracing::warn!(%error, "the directory cannot be read");
                lost = true;
            }
            (Ok(()), true) => {
                tracing::info!("the directory can be read again");
                lost = false;
            }
            _ => {}
        }
        tokio::select! {
            () = stopping.wait() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}
