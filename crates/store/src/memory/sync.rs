//! The locks and atomics of the store, swappable: parking_lot's in the product, shuttle's in this crate's
//! own unit tests, where `interleavings` runs the store under thousands of schedules. (Tests under
//! `tests/` see the product's.)

pub(super) use std::sync::atomic::Ordering;

#[cfg(not(test))]
pub(super) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(test))]
pub(super) use std::sync::atomic::{AtomicU64, AtomicUsize};

#[cfg(test)]
pub(super) use model::Mutex;
#[cfg(test)]
pub(super) use shuttle::sync::MutexGuard;
#[cfg(test)]
pub(super) use shuttle::sync::atomic::{AtomicU64, AtomicUsize};

#[cfg(test)]
mod model {
    use shuttle::sync::MutexGuard;

    /// Shuttle's mutex with parking_lot's interface.
    #[derive(Debug, Default)]
    pub(in crate::memory) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(in crate::memory) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}
