//! What must not happen.

use std::fmt;

/// A promise that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub kind: Kind,
    /// At which counter, if it is one's.
    pub(super) place: Option<usize>,
    /// When, in true time.
    pub at: u64,
    /// How.
    pub message: String,
}

/// What was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No interval admits more than the algorithm allows.
    OverTheLimit,
    /// Every limit of a request is charged, or none.
    AllOrNothing,
    /// A decision changes a counter by what it says, a denial not at all.
    WrongCharge,
    /// Nothing is spent of a lease after its time, nor more than it holds.
    BadSpend,
    /// What was charged was admitted, is borrowed, came back, or is known to be lost.
    Unaccounted,
    /// First come, first served.
    OutOfOrder,
    /// Who waits long enough is served.
    Starved,
    /// A denial is not remembered for longer than it may be.
    StaleDenial,
    /// Every request is answered.
    Unanswered,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {} µs: {}", self.kind, self.at, self.message)
    }
}
