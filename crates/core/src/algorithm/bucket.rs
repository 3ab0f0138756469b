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
    /// The most that could be in use, in tokens: the capacity it was last charged under.
    pub capacity: u64,
    /// When it began to drain at this rate, if it held something before.
    pub since: u64,
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

    fn is_faster_than(self, other: Self) -> bool {
        u128::from(self.per) * u128::from(other.every) > u128::from(other.per) * u128::from(self.every)
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

    /// The rule by which a [carried](Self::carry) state is decided: this one, or its capacity at the rate of the
    /// state, where that has to stay. It is a full bucket in 52 bits in either case.
    #[inline]
    fn over(&self, state: &BucketState, now: Timestamp) -> Self {
        if state.rate == self.rate || ahead(state, now) == 0 {
            return *self;
        }
        let capacity = self.capacity.min(MAX_UNITS / state.rate.every.max(1));
        Self { rate: state.rate, capacity, queue: self.queue }
    }

    /// Carries the state over to this moment and this rule.
    ///
    /// **To this moment**: down to what was a full bucket when it was charged. Only a clock that has stepped back
    /// can leave it above that. Without this a denial, which charges nothing, would meet the same state again when
    /// the clock has moved on, and the key would stay locked until the clock has caught up.
    ///
    /// **To this rule**: what was used stays used, so a raised limit acts at once and a lowered one forgives
    /// nothing. In two cases the state keeps its rate for the time being, and is decided [by that](Self::over):
    ///
    /// - Where more is in use than this bucket holds, it drains to its brim at the rate it was charged at. To cut it
    ///   down to the brim would give away a burst to whoever asks under a small capacity and then a large one; and
    ///   at a much lower rate it would be locked for much longer than a refill of either.
    /// - Where something is lent and this rate is faster, it would drain before the lease it belongs to is spent.
    ///   That is over within [`LONGEST_LEASE`], since nothing more is lent meanwhile.
    #[inline]
    pub(super) fn carry(&self, state: &mut BucketState, now: Timestamp) {
        let ahead = ahead(state, now);
        if ahead == 0 {
            return;
        }
        let most = state.capacity * state.rate.every;
        if ahead > most {
            let drained = Self { rate: state.rate, ..*self };
            drained.set(state, most, now);
            state.lent.until = state.lent.until.min((now + LONGEST_LEASE).0);
        }
        if state.rate != self.rate {
            self.take_over(state, now);
        }
    }

    #[inline(never)] // rare
    fn take_over(&self, state: &mut BucketState, now: Timestamp) {
        let fits = ahead(state, now) <= self.capacity.saturating_mul(state.rate.every);
        let is_lent = state.lent.at(now).out() > 0;
        if fits && !(is_lent && self.rate.is_faster_than(state.rate)) {
            let used = self.converted(state, now);
            self.set(state, used, now);
            (state.rate, state.capacity, state.since) = (self.rate, self.capacity, now.0);
        }
    }

    /// The units in use, in those of this rate. A fraction of a token is carried over in [`FRACTIONS`], rounded up.
    fn converted(&self, state: &BucketState, now: Timestamp) -> u64 {
        let (ahead, every) = (ahead(state, now), state.rate.every.max(1));
        let fractions = (u128::from(ahead % every) * u128::from(FRACTIONS)).div_ceil(u128::from(every));
        let fractions = u64::try_from(fractions).unwrap_or(FRACTIONS);
        // Multiplied in two parts, as a store must that has 53 bits.
        let (high, low) = (self.rate.every / FRACTIONS, self.rate.every % FRACTIONS);
        self.units(ahead / every) + fractions * high + (fractions * low).div_ceil(FRACTIONS)
    }

    /// From now on `used` units are in use.
    #[inline]
    fn set(&self, state: &mut BucketState, used: u64, now: Timestamp) {
        (state.full_at, state.part) = (now.0 + used / self.rate.per, used % self.rate.per);
    }

    /// `used` units are in use and charged under this rule.
    #[inline]
    fn fill(&self, state: &mut BucketState, used: u64, now: Timestamp) {
        if state.rate != self.rate {
            state.since = if *state == BucketState::default() { 0 } else { now.0 };
            state.rate = self.rate;
        }
        state.capacity = self.capacity;
        self.set(state, used, now);
    }

    /// A cost of at least 1. Where the state keeps a slower rate because something is lent, it is told to come again
    /// when that is over: then it may drain faster.
    #[inline]
    pub(super) fn fit(&self, state: &BucketState, cost: u64, now: Timestamp) -> Retry {
        let rule = self.over(state, now);
        let brim = rule.units(rule.capacity.saturating_sub(cost));
        match ahead(state, now).saturating_sub(brim) {
            0 => Retry::Now,
            excess => {
                let wait = excess.div_ceil(rule.rate.per);
                let is_kept = self.rate.is_faster_than(rule.rate) && state.lent.at(now).out() > 0;
                let most = if is_kept { state.lent.until + 1 - now.0 } else { wait };
                Retry::After(Micros(wait.min(most)))
            }
        }
    }

    /// [`Rule::admit`](super::Rule::admit) of a cost of at least 1. What is in use is worked out once, instead of
    /// four times.
    #[inline]
    pub fn admit(&self, state: &mut BucketState, cost: u64, now: Timestamp) -> Admission {
        self.carry(state, now);
        let rule = self.over(state, now);
        let (mut used, most) = (ahead(state, now), rule.full());
        let allowed = cost <= rule.capacity && used + rule.units(cost) <= most;
        if allowed {
            used += rule.units(cost);
            rule.fill(state, used, now);
        }
        Admission { allowed, exhausted: used + rule.units(1) > most }
    }

    #[inline]
    pub(super) fn charge(&self, state: &mut BucketState, cost: u64, now: Timestamp) {
        let rule = self.over(state, now);
        rule.fill(state, ahead(state, now) + rule.units(cost), now);
    }

    /// The bucket is never fuller after a refund than if there had been no charge. While it refilled, the
    /// charge may have been all there was to refill; then that much of it has come back already. So what a
    /// refund gives back is the cost less what has been refilled since, and nothing of a charge from before the
    /// rate changed. What comes back of a lease counts from
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
        let used = ahead(state, now);
        if used == 0 || at.0 < state.since {
            return;
        }
        let rule = self.over(state, now);
        let refilled = now.since(at).0.saturating_mul(rule.rate.per);
        let back = rule.units(cost.min(state.capacity)).saturating_sub(refilled);
        let back = back.min(used.saturating_sub(rule.stood_on(&lent, now)));
        if back > 0 {
            rule.set(state, used - back, now);
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
        ahead(state, now).max(self.hold().0 * self.rate.per)
    }

    /// For as long as what is in use takes to drain, at the most. Nothing while the state keeps another rate.
    pub(super) fn lendable(&self, state: &BucketState, now: Timestamp) -> Leased {
        if self.queue || self.over(state, now).rate != self.rate {
            return Leased::default();
        }
        let held = self.held(state, now);
        let life = (held / self.rate.per).min(self.longest_lease().0);
        Leased { tokens: self.full().saturating_sub(held) / self.rate.every, life: Micros(life) }
    }

    pub(super) fn lend(&self, state: &mut BucketState, leased: Leased, now: Timestamp) {
        self.fill(state, self.held(state, now) + self.units(leased.tokens), now);
        state.lent = state.lent.at(now);
        state.lent.lend(leased.tokens, leased.last(now));
    }

    pub(super) fn status(&self, state: &BucketState, now: Timestamp) -> Status {
        let (rule, used) = (self.over(state, now), ahead(state, now));
        Status {
            remaining: rule.full().saturating_sub(used) / rule.rate.every,
            reset_after: Micros(used.div_ceil(rule.rate.per)),
        }
    }

    pub(super) fn delay(&self, state: &BucketState, now: Timestamp) -> Micros {
        let rule = self.over(state, now);
        if self.queue { Micros(ahead(state, now).div_ceil(rule.rate.per)) } else { Micros::ZERO }
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
    fn a_smaller_burst_gives_nothing_away_to_a_larger_one() {
        let [small, large] = [1, 10].map(|burst| bucket(1, Micros::SECOND, burst));
        let mut state = BucketState::default();
        large.charge(&mut state, 10, Timestamp(0));
        assert!(!small.admit(&mut state, 1, Timestamp(0)).allowed);
        small.refund(&mut state, Charge { cost: 1, at: Timestamp(0) }, Timestamp(0));
        assert_eq!(large.status(&state, Timestamp(0)).remaining, 1);
        assert_eq!(small.fit(&state, 1, Timestamp(0)), Retry::After(Micros::from_secs(9)));
    }

    #[test]
    fn what_is_above_a_lowered_burst_drains_at_its_own_rate() {
        let (old, new) = (bucket(1_000, Micros::SECOND, 1_000), bucket(1, Micros::SECOND, 10));
        let mut state = BucketState::default();
        old.charge(&mut state, 1_000, Timestamp(0));
        new.carry(&mut state, Timestamp(0));
        assert_eq!(new.fit(&state, 1, Timestamp(0)), Retry::After(Micros::from_millis(991)));
        assert!(new.admit(&mut state, 1, Timestamp(991_000)).allowed);
        assert_eq!(new.fit(&state, 1, Timestamp(991_000)), Retry::After(Micros::SECOND));
    }

    #[test]
    fn a_faster_rate_waits_until_what_is_lent_is_over() {
        let (slow, fast) = (bucket(10, Micros::SECOND, 10), bucket(1_000, Micros::SECOND, 10));
        let mut state = BucketState::default();
        slow.charge(&mut state, 6, Timestamp(0));
        let life = Micros::from_millis(50);
        slow.lend(&mut state, Leased { tokens: 4, life }, Timestamp(0));
        fast.carry(&mut state, Timestamp(0));
        assert_eq!(fast.fit(&state, 1, Timestamp(0)), Retry::After(life));
        assert_eq!(fast.lendable(&state, Timestamp(0)), Leased::default());
        assert!(!fast.admit(&mut state, 1, Timestamp(49_999)).allowed);
        fast.carry(&mut state, Timestamp(50_000));
        assert_eq!(fast.fit(&state, 1, Timestamp(50_000)), Retry::After(Micros(500)));
    }

    #[test]
    fn nothing_comes_back_from_before_the_rate_changed() {
        let (slow, fast) = (bucket(1, Micros::SECOND, 10), bucket(10, Micros::SECOND, 10));
        let mut state = BucketState::default();
        slow.charge(&mut state, 10, Timestamp(0));
        assert!(!fast.admit(&mut state, 10, Timestamp(0)).allowed); // from here on it drains at this rate
        assert!(slow.admit(&mut state, 10, Timestamp(1_000_000)).allowed);
        slow.refund(&mut state, Charge { cost: 10, at: Timestamp(0) }, Timestamp(1_000_000));
        assert_eq!(slow.status(&state, Timestamp(1_000_000)).remaining, 0);
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
