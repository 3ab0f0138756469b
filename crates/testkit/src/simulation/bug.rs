//! Mistakes made on purpose: if the simulator did not find them, its silence would mean nothing.

use std::fmt;
use std::str::FromStr;

/// One deliberate mistake of the simulated driver, connection or store. The engine itself stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A lease's life is counted from the reply, not from before the question.
    LeaseFromReply,
    /// A bucket that is full or nearly so lends without holding what refills meanwhile.
    RefillWhileLeased,
    /// What comes back counts as charged now, so it is credited after its window.
    CreditAfterWindow,
    /// A denied check charges the limits that had room.
    ChargeOnDenial,
    /// Every shard is held to the largest part.
    ShardsRoundedUp,
    /// A call that has timed out is sent again.
    RetryAfterTimeout,
    /// Tokens are lent without being charged.
    LendForFree,
    /// What was not spent is given back twice.
    ReturnTwice,
    /// The part of a caller that has gone away is dropped.
    KeepWhatNobodyWants,
    /// After a failed call, what the next flights wanted to give back is dropped.
    DropWhenStranded,
    /// The instance's clock stands still while it is paused.
    ClockStopsInPause,
    /// A limit on another node denies, and what was reserved before stays charged.
    NoUndo,
    /// The store drops a counter that still counts.
    ForgetTooEarly,
    /// The connection delivers a question twice.
    DeliverTwice,
    /// Those who wait are served last come, first served.
    ServeBackwards,
    /// A remembered denial starts anew with every request that it answers.
    DenyForever,
    /// Those who wait are forgotten when a call fails.
    ForgetTheLine,
}

impl Bug {
    /// Every one of them.
    pub const ALL: [Self; 17] = [
        Self::LeaseFromReply,
        Self::RefillWhileLeased,
        Self::CreditAfterWindow,
        Self::ChargeOnDenial,
        Self::ShardsRoundedUp,
        Self::RetryAfterTimeout,
        Self::LendForFree,
        Self::ReturnTwice,
        Self::KeepWhatNobodyWants,
        Self::DropWhenStranded,
        Self::ClockStopsInPause,
        Self::NoUndo,
        Self::ForgetTooEarly,
        Self::DeliverTwice,
        Self::ServeBackwards,
        Self::DenyForever,
        Self::ForgetTheLine,
    ];
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for Bug {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|bug| bug.to_string().eq_ignore_ascii_case(name)).ok_or_else(|| {
            let names: Vec<String> = Self::ALL.iter().map(ToString::to_string).collect();
            format!("there is no bug `{name}`; there are {}", names.join(", "))
        })
    }
}
