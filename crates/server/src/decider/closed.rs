//! Limits of zero: what they say is known without asking anybody.

use std::sync::Arc;

use distributed_rate_limiter::{Retry, Source};
use drl_core::Micros;

use super::answer::Word;
use super::met::Voice;

/// A limit of zero that one part of a request meets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed<'b> {
    pub(super) part: usize,
    pub(super) cost: u64,
    pub(super) voice: &'b Voice,
    pub(super) window: Micros,
}

impl Closed<'_> {
    /// Never, unless nothing is asked for.
    pub(super) fn word(&self) -> Word {
        Word {
            part: self.part,
            name: Arc::clone(&self.voice.name),
            shadow: self.voice.is_shadow(),
            limit: 0,
            window: self.window,
            capacity: 0,
            remaining: 0,
            retry: if self.cost == 0 { Retry::Now } else { Retry::Never },
            reset_after: Micros::ZERO,
            delay: Micros::ZERO,
            source: Source::Store,
        }
    }
}
