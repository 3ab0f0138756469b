//! When to stop.

use tokio::sync::watch;

/// Tells a front when to stop accepting, and a connection when to end with what it is at.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    pub(crate) fn new(stop: &watch::Sender<bool>) -> Self {
        Self(stop.subscribe())
    }

    /// Waits until the server drains.
    pub(crate) async fn wait(&mut self) {
        // An error means that the server is gone, which is a reason to stop as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
