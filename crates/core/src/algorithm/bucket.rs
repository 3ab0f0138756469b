//! Token bucket, leaky bucket as meter, leaky bucket as queue: one arithmetic, the generic cell rate
//! algorithm (GCRA; ITU-T I.371, annex A).
//!
//! The state is one moment: when the bucket will be full again (the *theoretical arrival time*). Its
//! distance from `now` is what is used. A request of cost `c` moves it by `c` emission intervals, and fits
//! if it then lies at most `capacity` intervals ahead. From this follows the promise, for every interval
//! of length `|I|`: `admitted(I) ≤ capacity + rate × |I|`.
//!
//! **Rates.** A [`Rate`] is a fraction of integers: `per` tokens every `every` microseconds. The
//! arithmetic counts in units of `1 / every` of a token: a token is `every` units, and each microsecond
//! gives back `per` units. The arrival time is kept as whole microseconds plus units (`part`), so nothing
//! is ever rounded while counting. A rate that would leave 52 bits is approximated once, when the limit
//! is made, downwards and by less than a millionth.

use super::lent::Lent;
use super::{Charge, LONGEST_LEASE, Status};
use crate::admission::Admission;
use crate::decision::{Leased, Retry};
use crate::quota::QuotaError;
use crate::time::{Micros, Timestamp};

/// Everything the arithmetic holds stays below this many units, so that sums stay exact in a Lua number.
const MAX_UNITS: u64 = 1 << 52;
/// Bounds `per`, and with it `part`.
const MAX_PER: u64 = 1 << 26;
/// The fractions of a token in which a level is carried over to another rate.
const FRACTIONS: u64 = 1 << 20;
/// Ten million a second: up to here every rate is kept to a millionth.
const MAX_PER_MICROSECOND: u128 = 10;
/// An approximated `every` is at least this, which keeps the relative error below 1e-6.
const MIN_EVERY: u64 = 1_000_000;

/// A rate: `per` tokens every `every` microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Tokens.
    pub per: u64,
    /// Microseconds.
    pub every: u64,
}

/// A checked bucket limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    rate: Rate,
    capacity: u64,
    queue: bool,
}

/// When the bucket will be full again, in the units of the rate it was last charged under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketState {
    /// Whole microseconds.
    pub full_at: u64,
    /// Units beyond `full_at`, below `rate.per`.
    pub part: u64,
    /// The rate that gives `part` its meaning.
    pub rate: Rate,
    /// What is lent of it.
    pub lent: Lent,
}

impl Rate {
    /// The rate `tokens / window` for a bucket of `capacity`: exact where 52 bits hold it, otherwise the
    /// nearest slower one, off by less than a millionth.
    pub(crate) fn new(tokens: u64, window: Micros, capacity: u64) -> Result<Self, QuotaError> {
        let divisor = gcd(tokens, window.0);
        let exact = Self { per: tokens / divisor, every: window.0 / divisor };
        if exact.per <= MAX_PER && exact.every <= MAX_UNITS / capacity {
            return Ok(exact);
        }
        // The finest fraction that fits: `every` as large as the capacity allows.
        let finest = u128::from(MAX_UNITS / capacity - 1) * u128::from(tokens) / u128::from(window.0);
        let per = u64::try_from(finest).unwrap_or(u64::MAX).min(MAX_PER);
        if per == 0 {
            return Err(QuotaError::RefillTooSlow);
        }
        let every = (u128::from(window.0) * u128::from(per)).div_ceil(u128::from(tokens));
        match u64::try_from(every) {
            Ok(every) if every >= MIN_EVERY => Ok(Self { per, every }),
            _ if u128::from(tokens) > u128::from(window.0) * MAX_PER_MICROSECOND => {
                Err(QuotaError::RateTooHigh)
            }
            _ => Err(QuotaError::RefillTooSlow),
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Bucket {
    pub(crate) fn new(rate: Rate, capacity: u64, queue: bool) -> Self {
        Self { rate, capacity, queue }
    }

    /// The most admitted at once: the burst of a token bucket, one more than what may wait in a queue.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// How fast it refills.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Whether an admitted request waits for its turn (leaky bucket as queue).
    #[must_use]
    pub fn is_queue(&self) -> bool {
        self.queue
    }

    /// The same rate cut into `shards` equal parts, with a burst of `capacity`.
    pub(crate) fn part(&self, shards: u64, capacity: u64) -> Result<Self, QuotaError> {
        let rate = Rate::new(self.rate.per, Micros(self.rate.every.saturating_mul(shards)), capacity)?;
        Ok(Self { rate, capacity, ..*self })
    }

    /// What `tokens` are in units.
    #[inline]
    fn units(&self, tokens: u64) -> u64 {
        tokens * self.rate.every
    }

    #[inline]
    fn full(&self) -> u64 {
        self.units(self.capacity)
    }

    /// The units in use at `now`, at most a full bucket: more could not have been stored by now.
    ///
    /// Under a changed rate what was used stays used: a raised limit acts at once, a lowered one forgives
    /// nothing. A fraction of a token is carried over in [`FRACTIONS`], rounded up.
    #[inline]
    fn used(&self, state: &BucketState, now: Timestamp) -> u64 {
        let ahead = ahead(state, now);
        if state.rate == self.rate || ahead == 0 {
            return ahead.min(self.full());
        }
        let every = state.rate.every.max(1);
        let tokens = ahead / every;
        if tokens >= self.capacity {
            return self.full();
        }
        let fractions = (u128::from(ahead % every) * u128::from(FRACTIONS)).div_ceil(u128::from(every));
        let fractions = u64::try_from(fractions).unwrap_or(FRACTIONS);
        // Multiplied in two parts, as a store must that has 53 bits.
        let (high, low) = (self.rate.every / FRACTIONS, self.rate.every % FRACTIONS);
        self.units(tokens) + fractions * high + (fractions * low).div_ceil(FRACTIONS)
    }

    /// Carries the state over to this rule and this moment: into the units of a changed rate, and down to
    /// a full bucket, above which only a clock that has stepped back or a lowered burst can leave it.
    /// Without this a denial, which charges nothing, would meet the same state again when the clock has
    /// moved on, and the key would stay locked until the clock has caught up.
    #[inline]
    pub(super) fn carry(&self, state: &mut BucketState, now: Timestamp) {
        let ahead = ahead(state, now);
        if ahead > 0 && (state.rate != self.rate || ahead > self.full()) {
            self.set(state, self.used(state, now), now);
            state.lent.until = state.lent.until.min((now + LONGEST_LEASE).0);
        }
    }

    /// From now on `used` units are in use.
    #[inline]
    fn set(&self, state: &mut BucketState, used: u64, now: Timestamp) {
        let (full_at, part) = (now.0 + used / self.rate.per, used % self.rate.per);
        *state = BucketState { full_at, part, rate: self.rate, lent: state.lent };
    }

    #[inline]
    pub(super) fn fit(&self, state: &BucketState, cost: u64, now: Timestamp) -> Retry {
        let wanted = self.used(state, now) + self.units(cost);
        match wanted.saturating_sub(self.full()) {
            0 => Retry::Now,
            excess => Retry::After(Micros(excess.div_ceil(self.rate.per))),
        }
    }

    /// [`Rule::admit`](super::Rule::admit) of a cost of at least 1. What is in use is worked out once, instead of
    /// four times.
    #[inline]
    pub fn admit(&self, state: &mut BucketState, cost: u64, now: Timestamp) -> Admission {
        self.carry(state, now);
        let (mut used, most) = (self.used(state, now), self.full());
        let allowed = cost <= self.capacity && used + self.units(cost) <= most;
        if allowed {
            used += self.units(cost);
            self.set(state, used, now);
        }
        Admission { allowed, exhausted: used + self.units(1) > most }
    }

    #[inline]
    pub(super) fn charge(&self, state: &mut BucketState, cost: u64, now: Timestamp) {
        self.set(state, self.used(state, now) + self.units(cost), now);
    }

    /// The bucket is never fuller after a refund than if there had been no charge. While it refilled, the
    /// charge may have been all there was to refill; then that much of it has come back already. So what a
    /// refund gives back is the cost less what has been refilled since. What comes back of a lease counts from
    /// the end of its life, because that much was in use when it was lent. What other leases stand on
    /// [stays in use](super::lent).
    ///
    /// A queue takes no turn back: those behind it have been told their times.
    pub(super) fn refund(&self, state: &mut BucketState, charge: Charge, now: Timestamp) {
        if self.queue {
            return;
        }
        let Charge { cost, at } = charge;
        let mut lent = state.lent.at(now);
        if at > now && lent.out() > 0 {
            lent.take_back(cost, at); // nothing but a lease ends later than now
            state.lent = lent;
        }
        let used = self.used(state, now);
        let refilled = now.since(at).0.saturating_mul(self.rate.per);
        let back = self.units(cost.min(self.capacity)).saturating_sub(refilled);
        let back = back.min(used.saturating_sub(self.stood_on(&lent, now)));
        if back > 0 {
            self.set(state, used - back, now);
        }
    }

    /// The units in use that leases stand on: all that is out, on top of what drains until the last of it can be
    /// spent.
    fn stood_on(&self, lent: &Lent, now: Timestamp) -> u64 {
        match lent.out() {
            0 => 0,
            out => {
                let drains = Timestamp(lent.until).since(now).0.saturating_mul(self.rate.per);
                drains.saturating_add(out.saturating_mul(self.rate.every))
            }
        }
    }

    /// While tokens are lent, at least this much time's refill counts as in use: without it a full bucket,
    /// which stops refilling, could lend nothing. A hundredth of a full refill, so that is all the burst that
    /// lending can cost, and only where the bucket was nearly full.
    #[must_use]
    pub fn hold(&self) -> Micros {
        Micros((self.full() / self.rate.per / 100).min(LONGEST_LEASE.0))
    }

    /// A twentieth of a full refill: what was spent of leases counts as [lent](Lent) for two of their lives, and
    /// a return makes room only above that.
    pub(super) fn longest_lease(&self) -> Micros {
        Micros((self.full() / self.rate.per / 20).min(LONGEST_LEASE.0))
    }

    /// The units in use when tokens are lent.
    fn held(&self, state: &BucketState, now: Timestamp) -> u64 {
        self.used(state, now).max(self.hold().0 * self.rate.per)
    }

    /// For as long as what is in use takes to drain, at the most.
    pub(super) fn lendable(&self, state: &BucketState, now: Timestamp) -> Leased {
        if self.queue {
            return Leased::default();
        }
        let held = self.held(state, now);
        let life = (held / self.rate.per).min(self.longest_lease().0);
        Leased { tokens: (self.full() - held) / self.rate.every, life: Micros(life) }
    }

    pub(super) fn lend(&self, state: &mut BucketState, leased: Leased, now: Timestamp) {
        self.set(state, self.held(state, now) + self.units(leased.tokens), now);
        state.lent = state.lent.at(now);
        state.lent.lend(leased.tokens, leased.last(now));
    }

    pub(super) fn status(&self, state: &BucketState, now: Timestamp) -> Status {
        let used = self.used(state, now);
        Status {
            remaining: (self.full() - used) / self.rate.every,
            reset_after: Micros(used.div_ceil(self.rate.per)),
        }
    }

    pub(super) fn delay(&self, state: &BucketState, now: Timestamp) -> Micros {
        if self.queue { Micros(self.used(state, now).div_ceil(self.rate.per)) } else { Micros::ZERO }
    }

    #[expect(clippy::unused_self, reason = "the same shape as every other algorithm")]
    #[inline]
    pub(super) fn expires(&self, state: &BucketState) -> Timestamp {
        Timestamp(state.full_at + u64::from(state.part > 0))
    }
}

/// The units between `now` and the moment the bucket is full again, saturating.
#[inline]
fn ahead(state: &BucketState, now: Timestamp) -> u64 {
    match state.full_at.checked_sub(now.0) {
        Some(whole) => whole.saturating_mul(state.rate.per).saturating_add(state.part),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(tokens: u64, window: Micros, capacity: u64) -> Bucket {
        Bucket::new(Rate::new(tokens, window, capacity).unwrap(), capacity, false)
    }

    #[test]
    fn common_rates_are_exact() {
        let rate = |tokens, window| Rate::new(tokens, window, tokens).unwrap();
        assert_eq!(rate(100, Micros::from_secs(60)), Rate { per: 1, every: 600_000 });
        assert_eq!(rate(7, Micros::SECOND), Rate { per: 7, every: 1_000_000 });
        assert_eq!(rate(10_000_000, Micros::SECOND), Rate { per: 10, every: 1 });
        assert_eq!(rate(1, Micros::from_secs(30 * 86_400)), Rate { per: 1, every: 2_592_000_000_000 });
    }

    #[test]
    fn an_awkward_rate_is_approximated_downwards_by_less_than_a_millionth() {
        for (tokens, window, capacity) in [
            (999_983, Micros::from_secs(30 * 86_400), 999_983),
            (9_999_991, Micros::SECOND, 1 << 32),
            (4_294_967_291, Micros::from_secs(86_400), 4_294_967_291),
        ] {
            let rate = Rate::new(tokens, window, capacity).unwrap();
            let (kept, asked) =
                (u128::from(rate.per) * u128::from(window.0), u128::from(tokens) * u128::from(rate.every));
            assert!(kept <= asked, "{rate:?} is faster than {tokens} per {window}");
            assert!((asked - kept) * 1_000_000 <= asked, "{rate:?} is too slow for {tokens} per {window}");
        }
    }

    #[test]
    fn nothing_is_rounded_while_counting() {
        let bucket = bucket(3, Micros(10), 2);
        let mut state = BucketState::default();
        bucket.charge(&mut state, 2, Timestamp(100));
        assert_eq!(bucket.fit(&state, 1, Timestamp(100)), Retry::After(Micros(4)));
        bucket.charge(&mut state, 1, Timestamp(104));
        assert_eq!(bucket.fit(&state, 1, Timestamp(104)), Retry::After(Micros(3)));
        bucket.charge(&mut state, 1, Timestamp(107));
        assert_eq!(bucket.fit(&state, 1, Timestamp(107)), Retry::After(Micros(3)));
    }

    #[test]
    fn idling_never_earns_more_than_the_burst() {
        let bucket = bucket(1, Micros::SECOND, 5);
        let mut state = BucketState::default();
        bucket.charge(&mut state, 1, Timestamp(1_000_000));
        let later = Timestamp(4_000_000);
        assert_eq!(bucket.status(&state, later).remaining, 5);
        bucket.charge(&mut state, 5, later);
        assert!(!bucket.fit(&state, 1, later).is_now());
    }

    #[test]
    fn a_lowered_limit_forgives_nothing_and_a_raised_one_acts_at_once() {
        let (old, new) = (bucket(100, Micros::from_secs(60), 100), bucket(50, Micros::from_secs(60), 50));
        let mut state = BucketState::default();
        old.charge(&mut state, 40, Timestamp(0));
        assert_eq!(new.status(&state, Timestamp(0)).remaining, 10);
        new.charge(&mut state, 10, Timestamp(0));
        assert_eq!(old.status(&state, Timestamp(0)).remaining, 50);
    }

    #[test]
    fn a_clock_that_steps_back_locks_for_one_refill_at_most() {
        let bucket = bucket(1, Micros::SECOND, 5);
        let mut state = BucketState::default();
        bucket.charge(&mut state, 5, Timestamp(1_000_000_000));
        bucket.carry(&mut state, Timestamp(0));
        assert_eq!(bucket.fit(&state, 1, Timestamp(0)), Retry::After(Micros::SECOND));
        assert_eq!(bucket.status(&state, Timestamp(0)).reset_after, Micros::from_secs(5));
        assert_eq!(bucket.fit(&state, 1, Timestamp(1_000_000)), Retry::Now);
    }

    #[test]
    fn a_queue_spaces_what_it_admits() {
        let queue = Bucket { queue: true, ..bucket(10, Micros::SECOND, 4) };
        let mut state = BucketState::default();
        for turn in 0..4 {
            assert_eq!(queue.delay(&state, Timestamp(7)), Micros(turn * 100_000));
            queue.charge(&mut state, 1, Timestamp(7));
        }
        assert_eq!(queue.fit(&state, 1, Timestamp(7)), Retry::After(Micros(100_000)));
    }
}
