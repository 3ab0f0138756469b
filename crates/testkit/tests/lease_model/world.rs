//! One state of the whole: the store, the instances, the messages between them, and what has been admitted.

use drl_core::{Mode, Timestamp};
use smallvec::SmallVec;

use crate::ledger::Ledger;
use crate::store::Counter;

/// What an instance asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Wish {
    /// Tokens to spend later.
    Borrow,
    /// One token for a request that waits, and tokens to spend later.
    TakeAndBorrow,
    /// The same, for a request that another limit will deny: it is given back when the answer is heard.
    TakeInVain,
}

impl Wish {
    pub(crate) const ALL: [Self; 3] = [Self::Borrow, Self::TakeAndBorrow, Self::TakeInVain];

    /// The cost that is charged at once.
    pub(crate) fn need(self) -> u64 {
        u64::from(self != Self::Borrow)
    }

    /// The most to be lent.
    pub(crate) fn extra(self) -> u64 {
        if self == Self::TakeInVain { 1 } else { 2 }
    }

    /// What of the need counts as admitted when it is charged: more than in truth where the answer is lost.
    pub(crate) fn admits(self) -> u64 {
        u64::from(self == Self::TakeAndBorrow)
    }
}

/// A question on its way to the store, or its answer on the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Question {
    /// When the instance started its clock.
    pub(crate) sent: u64,
    pub(crate) wish: Wish,
    pub(crate) answer: Option<Answer>,
}

/// What the store has granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Answer {
    /// What was charged in vain, and will be given back.
    pub(crate) refundable: u64,
    pub(crate) tokens: u64,
    pub(crate) life: u64,
    /// When, on the store's clock.
    pub(crate) at: u64,
}

/// Borrowed tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lease {
    pub(crate) tokens: u64,
    /// The first moment on the instance's own clock at which they may no longer be spent.
    pub(crate) over: u64,
    /// The last moment on the store's clock at which they may be spent.
    pub(crate) last: u64,
    /// They have been given back: only a mistake keeps such a lease.
    pub(crate) given_back: bool,
}

impl Lease {
    pub(crate) fn may_be_spent(&self, now: Timestamp) -> bool {
        self.tokens > 0 && now.0 < self.over
    }
}

/// One who asks. What it does not do, it does not do: it may pause at any moment, for as long as it likes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Instance {
    pub(crate) question: Option<Question>,
    /// In order.
    pub(crate) leases: SmallVec<[Lease; 2]>,
}

/// Tokens on their way back to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Credit {
    pub(crate) tokens: u64,
    pub(crate) back: Back,
    /// How many times it may yet arrive: once, but for mistakes.
    pub(crate) copies: u8,
}

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Back {
    /// What was charged at once, then.
    Spent(u64),
    /// What was lent and could have been spent until then.
    Unspent(u64),
}

impl Back {
    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::Spent(at) => Mode::Refund(Timestamp(at)),
            Self::Unspent(last) => Mode::Return(Timestamp(last)),
        }
    }
}

/// How often each thing may yet happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) questions: u8,
    pub(crate) crashes: u8,
    /// How often somebody else may take all there is.
    pub(crate) others: u8,
}

/// Everything there is. Instances and messages have no names: each list is kept in order, so that states that
/// differ by who is who are the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// An index into the limit's moments.
    pub(crate) moment: usize,
    pub(crate) counter: Counter,
    pub(crate) instances: SmallVec<[Instance; 3]>,
    /// Questions that nobody waits for any more, and that the store has not decided. They may yet arrive.
    pub(crate) adrift: SmallVec<[Wish; 3]>,
    pub(crate) credits: SmallVec<[Credit; 3]>,
    pub(crate) ledger: Ledger,
    pub(crate) left: Left,
}

impl World {
    /// All that is borrowed, by whomever.
    pub(crate) fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.instances.iter().flat_map(|instance| &instance.leases)
    }

    /// All that was asked and not heard.
    pub(crate) fn questions(&self) -> impl Iterator<Item = &Question> {
        self.instances.iter().filter_map(|instance| instance.question.as_ref())
    }

    /// Everything in its order.
    pub(crate) fn sort(&mut self) {
        for instance in &mut self.instances {
            instance.leases.retain(|lease| lease.tokens > 0);
            instance.leases.sort_unstable();
        }
        self.instances.sort_unstable();
        self.adrift.sort_unstable();
        self.credits.retain(|credit| credit.copies > 0);
        self.credits.sort_unstable();
    }
}
