//! The bounds: how many keys and how many bytes the store holds, and whether there is room for more.
//!
//! Only insertions, removals and growth come here; a decision on a known counter touches no shared
//! number.

use super::sync::{AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct Room {
    keys: AtomicU64,
    bytes: AtomicU64,
    /// The part of `bytes` that sliding logs hold.
    boxed: AtomicU64,
    max_keys: u64,
    max_bytes: u64,
}

/// Which bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    Keys,
    Bytes,
}

impl Room {
    pub(super) fn new(max_keys: u64, max_bytes: u64) -> Self {
        let zero = || AtomicU64::new(0);
        Self { keys: zero(), bytes: zero(), boxed: zero(), max_keys, max_bytes }
    }

    pub(super) fn keys(&self) -> u64 {
        self.keys.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn max_keys(&self) -> u64 {
        self.max_keys
    }

    pub(super) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Takes room for `keys` new counters, all or none.
    pub(super) fn take_keys(&self, keys: usize) -> Result<(), NoRoom> {
        take(&self.keys, keys as u64, self.max_keys).map_err(|Beyond| NoRoom::Keys)
    }

    pub(super) fn return_keys(&self, keys: usize) {
        self.keys.fetch_sub(keys as u64, Ordering::Relaxed);
    }

    /// Takes bytes for a table that must grow for new counters. Each log already there may have to
    /// double, so what logs hold is kept free for them once more: newcomers can't starve known clients.
    pub(super) fn take_table(&self, bytes: usize) -> Result<(), NoRoom> {
        let most = self.max_bytes.saturating_sub(self.boxed.load(Ordering::Relaxed));
        take(&self.bytes, bytes as u64, most).map_err(|Beyond| NoRoom::Bytes)
    }

    pub(super) fn return_table(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// Takes bytes for the logs of new counters, with the same regard for known ones.
    pub(super) fn take_new_boxed(&self, bytes: usize) -> Result<(), NoRoom> {
        self.take_table(bytes)?;
        self.boxed.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Takes bytes for known logs that grow.
    pub(super) fn take_growth(&self, bytes: usize) -> Result<(), NoRoom> {
        take(&self.bytes, bytes as u64, self.max_bytes).map_err(|Beyond| NoRoom::Bytes)?;
        self.boxed.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Notes bytes of a known counter that are there already, bound or not.
    pub(super) fn note_boxed(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.boxed.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn return_boxed(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
        self.boxed.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

struct Beyond;

/// Adds without ever passing `most`, not even for a moment. Nothing is always to be had.
fn take(taken: &AtomicU64, more: u64, most: u64) -> Result<(), Beyond> {
    if more == 0 {
        return Ok(());
    }
    taken
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            now.checked_add(more).filter(|&sum| sum <= most)
        })
        .map(|_| ())
        .map_err(|_| Beyond)
}
