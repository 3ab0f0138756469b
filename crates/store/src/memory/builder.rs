//! How a [`MemoryStore`] is set up.

use super::MemoryStore;
use crate::clock::{Clock, SystemClock};

/// Sets up a [`MemoryStore`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder<C = SystemClock> {
    pub(super) max_keys: u64,
    pub(super) max_bytes: u64,
    pub(super) clock: C,
}

impl Builder<SystemClock> {
    pub(super) fn new() -> Self {
        Self {
            max_keys: MemoryStore::DEFAULT_MAX_KEYS,
            max_bytes: MemoryStore::DEFAULT_MAX_BYTES,
            clock: SystemClock::new(),
        }
    }
}

impl<C: Clock> Builder<C> {
    /// The most counters held at a time; [`MemoryStore::DEFAULT_MAX_KEYS`] unless said otherwise.
    pub fn max_keys(self, max_keys: u64) -> Self {
        Self { max_keys, ..self }
    }

    /// The most bytes held at a time; [`MemoryStore::DEFAULT_MAX_BYTES`] unless said otherwise. Plan with
    /// 60 bytes for each counter, and for a sliding log 120 more and up to 32 for each request in its
    /// window.
    pub fn max_bytes(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
    }

    /// Whose time it is; [`SystemClock`] unless said otherwise.
    pub fn clock<D: Clock>(self, clock: D) -> Builder<D> {
        Builder { max_keys: self.max_keys, max_bytes: self.max_bytes, clock }
    }

    /// The store, empty.
    #[must_use]
    pub fn build(self) -> MemoryStore<C> {
        MemoryStore::with(self)
    }
}
