//! The store: the real [`decide`], on one counter.

use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};

use drl_core::check::Slot;
use drl_core::{Mode, State, Timestamp, Verdict, decide};

use crate::limit::Limit;

/// A counter in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    state: State,
}

impl Counter {
    pub(crate) fn decide(&mut self, limit: &Limit, now: Timestamp, (mode, cost): (Mode, u64)) -> Verdict {
        decide(&mut [Slot { rule: &limit.rule, cost, state: &mut self.state }], mode, now)
    }

    /// What a store without leases would do: charge what is lent like anything else, and lend it for as long
    /// as any lease lasts.
    pub(crate) fn lend_plainly(
        &mut self,
        limit: &Limit,
        now: Timestamp,
        (need, extra): (u64, u64),
    ) -> Verdict {
        let mut verdict = self.decide(limit, now, (Mode::Take, need));
        let room = limit.rule.status(&self.state, now).remaining / 8;
        if verdict.allowed && room > 0 {
            verdict.leased.tokens = self.decide(limit, now, (Mode::Take, room.min(extra))).granted;
            verdict.leased.life = limit.rule.longest_lease();
        }
        verdict
    }

    /// Drops a state that says nothing any more, as every store does.
    pub(crate) fn expire(&mut self, limit: &Limit, now: Timestamp) {
        if limit.rule.expires(&self.state) <= now {
            self.state = State::Empty;
        }
    }

    pub(crate) fn remaining(&self, limit: &Limit, now: Timestamp) -> u64 {
        limit.rule.status(&self.state, now).remaining
    }

    pub(crate) fn denies(&self, limit: &Limit, now: Timestamp) -> bool {
        !limit.rule.fit(&self.state, 1, now).is_now()
    }
}

/// Equal states have equal hashes, different ones different: the checker knows states by nothing else. A log's parts
/// are private to the core, so it is told apart by how it reads.
impl Hash for Counter {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        match &self.state {
            State::FixedWindow(state) => (1, state.end, state.used).hash(hasher),
            State::SlidingWindow(state) => (2, state.end, state.previous, state.current).hash(hasher),
            State::Bucket(state) => (3, state.full_at, state.part, state.rate, state.lent).hash(hasher),
            state => {
                let written = write!(Written(hasher), "{state:?}");
                debug_assert!(written.is_ok(), "hashing cannot fail");
            }
        }
    }
}

/// Feeds what is written to a hasher.
struct Written<'a, H>(&'a mut H);

impl<H: Hasher> Write for Written<'_, H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
