//! Everything that the parts of a request meet.

use distributed_rate_limiter::engine::Demand;
use drl_core::policy::{Action, OnLimited};
use smallvec::SmallVec;

use super::answer::{Answer, Word};
use super::closed::Closed;
use super::list::Listed;
use super::met::Met;
use crate::envoy::Mode;

/// Limits that are met.
pub(super) type Mets<'b> = SmallVec<[Met<'b>; 4]>;

/// What a request meets, by what follows from it.
#[derive(Debug, Default)]
pub(super) struct Meeting<'b> {
    /// Decided together.
    pub(super) enforced: Mets<'b>,
    /// Decided apart, after those; one of them must have room.
    pub(super) quotas: Mets<'b>,
    /// Decided apart, and never in the way.
    pub(super) shadow: Mets<'b>,
    /// Limits of zero.
    pub(super) closed: SmallVec<[Closed<'b>; 1]>,
    /// The parts that a rule lets pass without counting.
    pub(super) unlimited: SmallVec<[usize; 2]>,
    pub(super) room: Room,
    /// Allow and deny lists.
    lists: SmallVec<[Listed<'b>; 1]>,
}

/// Whether a quota may be one that nothing limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Room {
    /// It is in the limits, or nowhere.
    #[default]
    InLimits,
    /// Something is asked for that nothing limits.
    Elsewhere,
}

impl<'b> Meeting<'b> {
    pub(super) fn add(&mut self, met: Met<'b>) {
        match met.voice.mode {
            Mode::Enforce => self.enforced.push(met),
            Mode::Quota => self.quotas.push(met),
            Mode::Shadow => self.shadow.push(met),
        }
    }

    pub(super) fn list(&mut self, listed: Listed<'b>) {
        self.lists.push(listed);
    }

    /// Lets the parts pass that an allow list names: nothing counts them.
    pub(super) fn exempt(&mut self) {
        let Self { enforced, quotas, shadow, closed, lists, .. } = self;
        let allows = |part| lists.iter().any(|listed| listed.part == part && listed.does(Action::Allow));
        for mets in [enforced, quotas, shadow] {
            mets.retain(|met| !allows(met.part));
        }
        closed.retain(|closed| !allows(closed.part));
    }

    /// The limits that are left and have a counter, the shadows last.
    pub(super) fn into_mets(self) -> Mets<'b> {
        let Self { mut enforced, quotas, shadow, .. } = self;
        enforced.extend(quotas.into_iter().chain(shadow));
        enforced
    }

    /// The answer, if a deny list names a part: nothing has to be counted for it.
    pub(super) fn refusal(&self) -> Option<Answer> {
        let denies = self.lists.iter().find(|listed| listed.does(Action::Deny))?;
        Some(Answer::never(self.listed().collect(), denies.voice.rejection))
    }

    /// The answer, if a limit of zero is in the way: nobody has to be asked for it.
    pub(super) fn closure(&self) -> Option<Answer> {
        let words: Vec<Word> = self.closed(Mode::Enforce).collect();
        let denies = words.iter().any(|word| !word.allows());
        denies.then(|| Answer::never(words, OnLimited::Reject))
    }

    /// Counts every word as its policy's. A shadow policy that could not be asked has none.
    pub(super) fn count(&self, words: &[Word]) {
        let Self { enforced, quotas, shadow, closed, lists, .. } = self;
        let mets = enforced.iter().chain(quotas).chain(shadow).map(|met| (met.part, &*met.voice));
        let closed = closed.iter().map(|closed| (closed.part, closed.voice));
        let lists = lists.iter().map(|listed| (listed.part, listed.voice));
        for (part, voice) in mets.chain(closed).chain(lists) {
            words.iter().filter(|word| word.part == part).for_each(|word| voice.count(word));
        }
    }

    /// What the limits of zero of one mode say.
    pub(super) fn closed(&self, mode: Mode) -> impl Iterator<Item = Word> {
        self.closed.iter().filter(move |closed| closed.voice.mode == mode).map(Closed::word)
    }

    /// What the lists say, those first that enforce.
    pub(super) fn listed(&self) -> impl Iterator<Item = Word> {
        let of = |shadow| self.lists.iter().filter(move |listed| listed.voice.is_shadow() == shadow);
        of(false).chain(of(true)).map(Listed::word)
    }
}

/// What is asked of the engine: each counter once, with all that the parts of the request cost there.
pub(super) struct Joint<'m> {
    pub(super) demands: SmallVec<[Demand<'m>; 2]>,
    /// For each limit that was met, its demand.
    pub(super) of: SmallVec<[usize; 4]>,
}

impl<'m> Joint<'m> {
    pub(super) fn new(met: &'m [Met<'_>]) -> Self {
        let mut joint = Self { demands: SmallVec::new(), of: SmallVec::new() };
        for (at, one) in met.iter().enumerate() {
            let same = met[..at].iter().position(|other| other.is_same_as(one));
            match same.and_then(|same| joint.of.get(same).copied()) {
                Some(demand) => {
                    let cost = joint.demands[demand].cost.saturating_add(one.cost);
                    // Two quotas for the same counter: who keeps the smaller keeps both.
                    if one.limit.capacity() < joint.demands[demand].limit.capacity() {
                        joint.demands[demand] = one.demand();
                    }
                    joint.demands[demand].cost = cost;
                    joint.of.push(demand);
                }
                None => {
                    joint.of.push(joint.demands.len());
                    joint.demands.push(one.demand());
                }
            }
        }
        joint
    }
}
