//! One counter's state in 24 bytes, its expiry included.
//!
//! The core's [`State`] takes 80, and the moment it expires another 8. Packing is lossless: what does not
//! fit (rates of one token in 142 years, buckets that lend, or whose rate was changed) is boxed.

use drl_core::algorithm::{BucketState, FixedWindowState, Lent, LogState, Rate, SlidingWindowState};
use drl_core::check::{Ask, Slot};
use drl_core::{Admission, Mode, Rule, State, Timestamp, Verdict, decide};

/// What a slot holds.
#[derive(Debug, Default)]
pub(super) enum Packed {
    /// Nobody's slot.
    #[default]
    Vacant,
    /// Somebody's slot, whose boxed state is out for a decision. It is back before the lock is released.
    Lent,
    FixedWindow(FixedWindowState),
    SlidingWindow {
        end: u64,
        previous: u32,
        current: u32,
        /// How long after `end` it expires: 48 bits, the lower 16 apart.
        linger_high: u32,
        linger_low: u16,
    },
    Bucket {
        full_at: u64,
        /// The length of `capacity` in bits (6 bits), so many bits of it, and `every`: a full bucket stays within 52
        /// bits, so together they have 54 at the most.
        capacity_and_every: u64,
        /// `part` (26 bits), and the lower 6 bits of `per`.
        part_and_per: u32,
        per_middle: u16,
        per_high: u8,
    },
    SlidingLog {
        expires: Timestamp,
        log: Box<LogState>,
    },
    Other {
        expires: Timestamp,
        state: Box<State>,
    },
}

// How a bucket is laid out. Upper bits are those that are left when the lower ones are shifted away.
const LENGTH_BITS: u32 = 6;
const PART_BITS: u32 = 26;
/// Behind those of `part`, and in the middle.
const PER_LOW_BITS: u32 = 32 - PART_BITS;
const PER_MIDDLE_BITS: u32 = 16;

/// The lowest bits.
const fn low(number: u64, bits: u32) -> u64 {
    number & ((1 << bits) - 1)
}

/// The number, if it has no more bits than that.
fn within(number: u64, bits: u32) -> Option<u64> {
    (number >> bits == 0).then_some(number)
}

impl Packed {
    /// Packs the state of a counter of `rule`.
    pub(super) fn pack(state: State, rule: &Rule) -> Self {
        let packed = match &state {
            State::Empty => Some(Self::Vacant),
            State::FixedWindow(state) => Some(Self::FixedWindow(*state)),
            State::SlidingWindow(inner) => Self::pack_sliding_window(inner, rule.expires(&state)),
            State::Bucket(state) => Self::pack_bucket(state),
            State::SlidingLog(_) => None,
        };
        packed.unwrap_or_else(|| Self::pack_boxed(state, rule))
    }

    #[cold]
    fn pack_boxed(state: State, rule: &Rule) -> Self {
        let expires = rule.expires(&state);
        match state {
            State::SlidingLog(log) => Self::SlidingLog { expires, log },
            state => Self::Other { expires, state: Box::new(state) },
        }
    }

    fn pack_sliding_window(state: &SlidingWindowState, expires: Timestamp) -> Option<Self> {
        let linger = expires.0.checked_sub(state.end)?;
        Some(Self::SlidingWindow {
            end: state.end,
            previous: u32::try_from(state.previous).ok()?,
            current: u32::try_from(state.current).ok()?,
            linger_high: u32::try_from(linger >> 16).ok()?,
            linger_low: u16::try_from(linger & 0xFFFF).ok()?,
        })
    }

    #[inline]
    fn pack_bucket(state: &BucketState) -> Option<Self> {
        let BucketState { full_at, part, rate, capacity, since, lent } = *state;
        (since == 0 && lent == Lent::default()).then_some(())?;
        let length = u64::BITS - capacity.leading_zeros();
        let every = within(rate.every, u64::BITS - LENGTH_BITS - length)? << length << LENGTH_BITS;
        let per = rate.per;
        let part_and_per = within(part, PART_BITS)? | low(per, PER_LOW_BITS) << PART_BITS;
        Some(Self::Bucket {
            full_at,
            capacity_and_every: every | capacity << LENGTH_BITS | u64::from(length),
            part_and_per: u32::try_from(part_and_per).ok()?,
            per_middle: u16::try_from(low(per >> PER_LOW_BITS, PER_MIDDLE_BITS)).ok()?,
            per_high: u8::try_from(per >> (PER_LOW_BITS + PER_MIDDLE_BITS)).ok()?,
        })
    }

    /// What a bucket's slot holds.
    #[inline]
    fn bucket(&self) -> Option<BucketState> {
        let Self::Bucket { full_at, capacity_and_every, part_and_per, per_middle, per_high } = *self else {
            return None;
        };
        let length = u32::try_from(low(capacity_and_every, LENGTH_BITS)).unwrap_or(0);
        let rest = capacity_and_every >> LENGTH_BITS;
        let per = u64::from(part_and_per >> PART_BITS)
            | u64::from(per_middle) << PER_LOW_BITS
            | u64::from(per_high) << (PER_LOW_BITS + PER_MIDDLE_BITS);
        Some(BucketState {
            full_at,
            part: low(part_and_per.into(), PART_BITS),
            rate: Rate { per, every: rest >> length },
            capacity: low(rest, length),
            since: 0,
            lent: Lent::default(),
        })
    }

    /// Decides one ask for the counter.
    pub(super) fn decide(&mut self, ask: &Ask<'_>, mode: Mode, now: Timestamp) -> Verdict {
        let mut state = self.lend();
        let slot = Slot { rule: &ask.rule, cost: ask.cost, state: &mut state };
        let verdict = decide(&mut [slot], mode, now);
        *self = Self::pack(state, &ask.rule);
        verdict
    }

    /// The same for a taking ask, in short. What most slots hold is decided on where it is, or in registers:
    /// a [`State`] that may have a box in it has to be kept in memory, and dropped.
    #[inline]
    pub(super) fn admit(&mut self, ask: &Ask<'_>, now: Timestamp) -> Admission {
        match (&ask.rule, &mut *self) {
            _ if ask.cost == 0 => {}
            (Rule::FixedWindow(rule), Self::FixedWindow(state)) => return rule.admit(state, ask.cost, now),
            (Rule::Bucket(rule), packed) => {
                if let Some(mut state) = packed.bucket() {
                    let admission = rule.admit(&mut state, ask.cost, now);
                    let boxed = || Self::pack_boxed(State::Bucket(state), &ask.rule);
                    *packed = Self::pack_bucket(&state).unwrap_or_else(boxed);
                    return admission;
                }
            }
            _ => {}
        }
        self.admit_any(ask, now)
    }

    #[inline(never)] // large, and rare
    fn admit_any(&mut self, ask: &Ask<'_>, now: Timestamp) -> Admission {
        let mut state = self.lend();
        let admission = ask.rule.admit(&mut state, ask.cost, now);
        *self = Self::pack(state, &ask.rule);
        admission
    }

    /// The state, to decide on and pack again. A boxed one leaves its slot [`Packed::Lent`].
    #[inline]
    pub(super) fn lend(&mut self) -> State {
        match *self {
            Self::Vacant | Self::Lent => State::Empty,
            Self::FixedWindow(state) => State::FixedWindow(state),
            Self::SlidingWindow { end, previous, current, .. } => State::SlidingWindow(SlidingWindowState {
                end,
                previous: previous.into(),
                current: current.into(),
            }),
            Self::Bucket { .. } => self.bucket().map(State::Bucket).unwrap_or_default(),
            Self::SlidingLog { .. } | Self::Other { .. } => match std::mem::replace(self, Self::Lent) {
                Self::SlidingLog { log, .. } => State::SlidingLog(log),
                Self::Other { state, .. } => *state,
                _ => State::Empty,
            },
        }
    }

    /// When it says nothing any more.
    pub(super) fn expires(&self) -> Timestamp {
        match *self {
            Self::Vacant => Timestamp(0),
            Self::Lent => Timestamp(u64::MAX),
            Self::FixedWindow(FixedWindowState { end, .. }) => Timestamp(end),
            Self::SlidingWindow { end, linger_high, linger_low, .. } => {
                Timestamp(end.saturating_add(u64::from(linger_high) << 16 | u64::from(linger_low)))
            }
            Self::Bucket { full_at, part_and_per, .. } => {
                let has_part = low(part_and_per.into(), PART_BITS) > 0;
                Timestamp(full_at.saturating_add(has_part.into()))
            }
            Self::SlidingLog { expires, .. } | Self::Other { expires, .. } => expires,
        }
    }

    pub(super) fn is_vacant(&self) -> bool {
        matches!(self, Self::Vacant)
    }

    /// Whether deciding on it may change how much heap it holds.
    pub(super) fn is_boxed(&self) -> bool {
        matches!(self, Self::SlidingLog { .. } | Self::Other { .. })
    }

    /// The bytes it holds outside its slot.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::SlidingLog { log, .. } => log.bytes(),
            Self::Other { .. } => size_of::<State>(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drl_core::{Algorithm, Micros, Quota};

    fn charged(rule: Rule, cost: u64, now: u64) -> State {
        let mut state = State::Empty;
        rule.charge(&mut state, cost, Timestamp(now));
        state
    }

    #[test]
    fn a_slot_stays_small() {
        assert_eq!(size_of::<Packed>(), 24);
    }

    /// A box takes three times the memory, and makes a decision several times as slow.
    #[test]
    fn a_bucket_of_any_burst_stays_in_its_slot() {
        for (quota, burst) in [
            (Quota::per_second(10_000_000), 1 << 32),
            (Quota::per_second(9_999_991), u64::from(u32::MAX)),
            (Quota::new(1, Micros::from_secs(100)), 40_000_000),
            (Quota::new(1, Quota::MAX_WINDOW), 1),
            (Quota::per_minute(100), 20),
        ] {
            let rule = quota.burst(burst).rule().unwrap();
            let packed = Packed::pack(charged(rule, burst, 1_764_000_000_123_457), &rule);
            assert!(!packed.is_boxed(), "{quota:?} with a burst of {burst}");
        }
    }

    #[test]
    fn packing_loses_nothing_and_knows_the_expiry() {
        let mut quotas: Vec<Quota> = Algorithm::ALL
            .into_iter()
            .flat_map(|algorithm| {
                [Quota::per_minute(7), Quota::per_day(999_983), Quota::new(1, Quota::MAX_WINDOW)]
                    .map(|quota| quota.algorithm(algorithm))
            })
            .collect();
        quotas.push(Quota::per_day(Quota::MAX_LIMIT).algorithm(Algorithm::SlidingWindow));
        quotas.push(Quota::per_day(Quota::MAX_LIMIT));
        quotas.push(Quota::per_second(9_999_991));
        quotas
            .extend([1, 7, 0x1_2345, (1 << 32) - 1, 1 << 32].map(|burst| Quota::per_second(5).burst(burst)));
        for quota in quotas {
            let rule = quota.rule().unwrap();
            for cost in [1, rule.capacity() / 3 + 1, rule.capacity()] {
                let state = charged(rule, cost.min(rule.capacity()), 1_764_000_000_123_457);
                let mut packed = Packed::pack(state.clone(), &rule);
                assert_eq!(packed.expires(), rule.expires(&state), "{quota:?}");
                assert_eq!(packed.lend(), state, "{quota:?}");
            }
        }
    }
}
