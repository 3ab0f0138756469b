//! What a data structure holds: an allocator that counts on demand.
//!
//! Counted are the bytes asked for, not what the system's allocator adds to each allocation, which favours
//! whoever makes many small ones.

#![expect(unsafe_code, reason = "an allocator is unsafe to be; this one hands every call to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

static COUNTS: AtomicBool = AtomicBool::new(false);
static HELD: AtomicI64 = AtomicI64::new(0);

/// The system's allocator; counts while [`held_by`] runs.
pub(crate) struct Counting;

// SAFETY: every call is the system allocator's, with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(|| signed(layout.size()));
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(|| -signed(layout.size()));
        // SAFETY: as the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(|| signed(layout.size()));
        // SAFETY: as the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(|| signed(size) - signed(layout.size()));
        // SAFETY: as the caller's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count(change: impl Fn() -> i64) {
    if COUNTS.load(Ordering::Relaxed) {
        HELD.fetch_add(change(), Ordering::Relaxed);
    }
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// What `make` returns, and the bytes it still holds on the heap.
pub(crate) fn held_by<T>(make: impl FnOnce() -> T) -> (T, i64) {
    HELD.store(0, Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    let made = make();
    COUNTS.store(false, Ordering::Relaxed);
    (made, HELD.load(Ordering::Relaxed))
}
