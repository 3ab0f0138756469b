//! Everything that the parts of a request meet.

use distributed_rate_limiter::Retry;
use distributed_rate_limiter::engine::Demand;
use drl_core::policy::Action;
use smallvec::SmallVec;

use super::answer::{Answer, Outcome, Word};
use super::list::Listed;
use super::met::Met;

/// Limits that are met.
pub(super) type Mets<'b> = SmallVec<[Met<'b>; 4]>;

/// What a request meets, by what follows from it.
#[derive(Debug, Default)]
pub(super) struct Meeting<'b> {
    /// Decided together.
    pub(super) enforced: Mets<'b>,
    /// Decided apart, and never in the way.
    pub(super) shadow: Mets<'b>,
    /// Allow and deny lists.
    lists: SmallVec<[Listed<'b>; 1]>,
}

impl<'b> Meeting<'b> {
    pub(super) fn add(&mut self, met: Met<'b>) {
        match met.voice.shadow {
            true => self.shadow.push(met),
            false => self.enforced.push(met),
        }
    }

    pub(super) fn list(&mut self, listed: Listed<'b>) {
        self.lists.push(listed);
    }

    /// Lets the parts pass that an allow list names: nothing counts them.
    pub(super) fn exempt(&mut self) {
        let Self { enforced, shadow, lists } = self;
        let allows = |part| lists.iter().any(|listed| listed.part == part && listed.does(Action::Allow));
        for mets in [enforced, shadow] {
            mets.retain(|met| !allows(met.part));
        }
    }

    /// The limits that are left, those first that enforce.
    pub(super) fn into_mets(self) -> Mets<'b> {
        let Self { mut enforced, shadow, .. } = self;
        enforced.extend(shadow);
        enforced
    }

    /// The answer, if a deny list names a part: nothing has to be counted for it.
    pub(super) fn refusal(&self) -> Option<Answer> {
        let denies = self.lists.iter().find(|listed| listed.does(Action::Deny))?;
        let words: Vec<Word> = self.listed().collect();
        let decisive = words.iter().position(|word| !word.shadow && !word.allows());
        let outcome = Outcome::Denied(denies.voice.rejection);
        Some(Answer { outcome, retry: Retry::Never, decisive, words })
    }

    /// Counts every word as its policy's. A shadow policy that could not be asked has none.
    pub(super) fn count(&self, words: &[Word]) {
        let mets = self.enforced.iter().chain(&self.shadow).map(|met| (met.part, &*met.voice));
        let lists = self.lists.iter().map(|listed| (listed.part, listed.voice));
        for (part, voice) in mets.chain(lists) {
            words.iter().filter(|word| word.part == part).for_each(|word| voice.count(word));
        }
    }

    /// What the lists say, those first that enforce.
    pub(super) fn listed(&self) -> impl Iterator<Item = Word> {
        let of = |shadow| self.lists.iter().filter(move |listed| listed.voice.shadow == shadow);
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
