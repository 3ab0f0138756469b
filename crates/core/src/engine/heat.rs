//! How much is asked for lately, by name: a small table that forgets.

use super::demand::halves;
use crate::time::{Micros, Moment};

/// Remembers recent demand. Two names that meet in one place take turns there, so what is read is never more
/// than was noted; a demand that is not seen costs store calls, nothing else.
#[derive(Debug)]
pub(super) struct Heat(Box<[Spot]>);

#[derive(Clone, Copy, Debug, Default)]
struct Spot {
    tag: u64,
    since: Moment,
    tokens: u64,
}

impl Heat {
    const SPOTS: usize = 256;
    /// The past is halved whenever it is longer than this.
    const MEMORY: Micros = Micros::from_millis(100);
    /// From so many tokens on, a name is hot,
    const HOT: u64 = 16;
    /// if they were asked for over so long: a burst that is over at once leaves nothing borrowed behind, which
    /// others would have to do without.
    const LASTING: Micros = Micros::from_millis(50);

    pub(super) fn new() -> Self {
        Self(vec![Spot::default(); Self::SPOTS].into_boxed_slice())
    }

    /// Notes that `tokens` were asked for.
    pub(super) fn note(&mut self, name: u128, tokens: u64, now: Moment) {
        let (spot, tag) = self.spot(name);
        let passed = now.since(spot.since);
        if spot.tag != tag || passed > Micros(Self::MEMORY.0 * 4) {
            *spot = Spot { tag, since: now, tokens };
            return;
        }
        if passed > Self::MEMORY {
            spot.tokens /= 2;
            spot.since = spot.since + Micros(passed.0 / 2);
        }
        spot.tokens = spot.tokens.saturating_add(tokens);
    }

    /// How many tokens will be asked for within `life` if demand goes on as it is. Zero unless the name is hot.
    pub(super) fn appetite(&mut self, name: u128, life: Micros, now: Moment) -> u64 {
        let (spot, tag) = self.spot(name);
        let passed = now.since(spot.since);
        let lasting = (Self::LASTING..=Micros(Self::MEMORY.0 * 4)).contains(&passed);
        if spot.tag != tag || spot.tokens < Self::HOT || !lasting {
            return 0;
        }
        let rate = u128::from(spot.tokens) * u128::from(life.0) / u128::from(passed.0);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    fn spot(&mut self, name: u128) -> (&mut Spot, u64) {
        let [high, tag] = halves(name);
        let place = usize::try_from(high % Self::SPOTS as u64).unwrap_or(0); // below SPOTS, so it fits
        (&mut self.0[place], tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Micros = Micros::from_millis(50);

    #[test]
    fn only_what_is_asked_for_often_is_hot_and_for_as_long_as_that_lasts() {
        let mut heat = Heat::new();
        for step in 0..15 {
            heat.note(7, 1, Moment(step * 4_000));
            assert_eq!(heat.appetite(7, LIFE, Moment(step * 4_000)), 0);
        }
        heat.note(7, 1, Moment(60_000));
        assert_eq!(heat.appetite(7, LIFE, Moment(60_000)), 13, "16 in 60 ms are 13 in 50 ms");
        assert_eq!(heat.appetite(7, LIFE, Moment(1_000_000)), 0);
        assert_eq!(heat.appetite(8, LIFE, Moment(60_000)), 0);
    }

    #[test]
    fn a_burst_is_no_reason_to_borrow() {
        let mut heat = Heat::new();
        for step in 0..1_000 {
            heat.note(7, 1, Moment(step * 40));
            assert_eq!(heat.appetite(7, LIFE, Moment(step * 40)), 0);
        }
    }

    #[test]
    fn a_steady_demand_is_known_however_long_it_lasts() {
        let mut heat = Heat::new();
        for step in 0..10_000 {
            heat.note(7, 10, Moment(step * 1_000));
        }
        let appetite = heat.appetite(7, LIFE, Moment(10_000_000));
        assert!((490..=520).contains(&appetite), "{appetite} instead of 500");
    }
}
