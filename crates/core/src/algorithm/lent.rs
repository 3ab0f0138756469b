//! What a bucket has lent and not got back: how much of what is in use a refund must leave.
//!
//! **Why that is exact.** Let a token refill in the time `e`, let `T` be the moment the bucket is full again, and
//! `V` what `T` would be if only that had been charged which was really spent, and never refunded. The promise is
//! that `V` is at most a full refill ahead whenever something is spent. Call a lease's *credit* at `t` the time in
//! which its unspent tokens refill, less the time since its life ended. (A charge that is refunded one day is a lease
//! whose life ends at once.) Two things hold at every moment `t`:
//!
//! 1. `max(V, t)` and all credits together are at most `max(T, t)`;
//! 2. for each lease whose life ends at `d`, not before `t`: `d + e × tokens <= T`, counting the unspent tokens of
//!    all leases that end at `d` or later.
//!
//! - *A spend* moves its time from a credit to `V`, *a charge* moves both sides of 1 alike.
//! - *Lending* charges `k` tokens on top of a `T` that is at least `d`. It adds `k e` to both sides of 1, and at most
//!   that to the left of 2. Of the new lease 2 says `d + e (k + tokens) <= T + k e`: true where it ends last, and
//!   otherwise because 2 held of the next one to end.
//! - *Time* moves the left of 1 only while `V` is past and nothing has credit whose life is over, for that would
//!   shrink as fast as time passes. Then the left is `t` and the tokens of living leases, which 2 bounds when the next
//!   of them ends.
//! - *A refund* of `k` tokens lowers a credit by at least `k e` less the time since that life ended, and `T` by no
//!   more: 1 holds. It never lowers `T` below [`until`](Lent::until)` + e × `[`out`](Lent::out), which no left side of
//!   2 exceeds.
//!
//! So `V` is never beyond `T`, which is at most a full refill ahead when something is charged and moves on with
//! charges alone.

use crate::time::Timestamp;

/// Tokens out in leases, in two generations.
///
/// Instances spend without a word, so tokens can't be counted out one by one. Whatever was lent up to some moment
/// is the older generation. It is forgotten as a whole when the last of it can't be spent any more; then the
/// newer one becomes the older. So what is out is never counted too low, and what was spent counts
/// for two lives of a lease at the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lent {
    /// The last moment at which something lent may be spent; in the past, or zero, if nothing is lent.
    pub until: u64,
    /// The last moment at which something of the older generation may be spent.
    pub older_until: u64,
    /// Tokens of the older generation.
    pub older: u64,
    /// Tokens lent since.
    pub newer: u64,
}

impl Lent {
    /// As it stands at `now`: forgets a generation that is over.
    #[must_use]
    pub(super) fn at(self, now: Timestamp) -> Self {
        match self {
            Self { until, .. } if until < now.0 => Self::default(),
            Self { until, older_until, newer, .. } if older_until < now.0 => {
                Self { until, older_until: until, older: newer, newer: 0 }
            }
            lent => lent,
        }
    }

    /// The most tokens that can still be spent.
    pub(super) fn out(&self) -> u64 {
        self.older.saturating_add(self.newer)
    }

    /// Tokens go out, to be spent by `last`.
    pub(super) fn lend(&mut self, tokens: u64, last: Timestamp) {
        self.newer = self.newer.saturating_add(tokens);
        self.until = self.until.max(last.0);
    }

    /// Tokens come back that could have been spent up to `last`, which is yet to come: so they are counted.
    /// What ends by `older_until` may be of the newer generation all the same; then that one is counted too
    /// high, for it is forgotten later, and never too low.
    pub(super) fn take_back(&mut self, tokens: u64, last: Timestamp) {
        let generation = if last.0 > self.older_until { &mut self.newer } else { &mut self.older };
        *generation = generation.saturating_sub(tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_forgotten_when_the_last_of_it_is_over_and_no_earlier() {
        let mut lent = Lent::default();
        lent.lend(3, Timestamp(100));
        lent = lent.at(Timestamp(1)); // nothing is of the older generation, so this becomes it
        lent.lend(5, Timestamp(150));
        assert_eq!(lent.at(Timestamp(100)).out(), 8);
        assert_eq!(lent.at(Timestamp(101)).out(), 5);
        assert_eq!(lent.at(Timestamp(150)).out(), 5);
        assert_eq!(lent.at(Timestamp(151)), Lent::default());
    }

    #[test]
    fn what_comes_back_is_taken_from_no_lease_that_is_counted_longer() {
        let mut lent = Lent::default();
        lent.lend(3, Timestamp(100));
        lent = lent.at(Timestamp(1));
        lent.lend(5, Timestamp(150));
        lent.lend(2, Timestamp(80));
        lent.take_back(2, Timestamp(80));
        assert_eq!(lent.out(), 8);
        assert_eq!(lent.at(Timestamp(101)).out(), 7, "at least the 5 that are left");
        lent.take_back(5, Timestamp(150));
        assert_eq!(lent.out(), 3);
    }
}
