//! Who asks, and how often.

use std::fmt;
use std::str::FromStr;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use rand_distr::{Distribution as _, Zipf};
use serde::{Deserialize, Serialize};

/// How often each client asks: `uniform`, `zipf`, `zipf:1.2`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Each as often as any other.
    Uniform,
    /// The k-th most frequent one k^exponent times more rarely than the first.
    Zipf(f64),
}

impl Distribution {
    /// What `zipf` alone means, as in the Yahoo cloud serving benchmark.
    const EXPONENT: f64 = 0.99;
    const STEEPEST: f64 = 10.0;
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("zipf:").map(str::parse)) {
            ("uniform", _) => Ok(Self::Uniform),
            ("zipf", _) => Ok(Self::Zipf(Self::EXPONENT)),
            (_, Some(Ok(exponent))) if (0.0..=Self::STEEPEST).contains(&exponent) => Ok(Self::Zipf(exponent)),
            (_, Some(_)) => Err("the exponent is not a number from 0 to 10, as in zipf:1.2".to_owned()),
            _ => Err("neither `uniform` nor `zipf` nor as in zipf:1.2".to_owned()),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf(exponent) => write!(f, "zipf:{exponent}"),
        }
    }
}

/// One caller's sequence of clients, which are numbered by how often they ask.
#[derive(Debug)]
pub(crate) struct Draws {
    random: SmallRng,
    keys: u32,
    zipf: Option<Zipf<f64>>,
}

impl Draws {
    pub(crate) fn new(distribution: Distribution, keys: u32, seed: u64) -> Self {
        let zipf = match distribution {
            Distribution::Uniform => None,
            // Cannot fail: there is at least one key, and the exponent is not negative.
            Distribution::Zipf(exponent) => Zipf::new(f64::from(keys), exponent).ok(),
        };
        Self { random: SmallRng::seed_from_u64(seed), keys, zipf }
    }

    pub(crate) fn next(&mut self) -> u32 {
        match &self.zipf {
            None => self.random.random_range(0..self.keys),
            Some(zipf) => rank(zipf.sample(&mut self.random)).min(self.keys) - 1,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number from 1 to u32::MAX"
)]
fn rank(sample: f64) -> u32 {
    (sample as u32).max(1)
}

/// The names of all clients, one behind the other.
#[derive(Debug)]
pub(crate) struct Names(String);

impl Names {
    const WIDTH: usize = "client-00000000".len();

    /// Those who count.
    pub(crate) fn clients(keys: u32) -> Self {
        Self::new("client", keys)
    }

    /// As many others.
    pub(crate) fn warm_up(keys: u32) -> Self {
        Self::new("warmup", keys)
    }

    fn new(kind: &str, keys: u32) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(keys as usize * Self::WIDTH);
        for key in 0..keys {
            // Writing to a string cannot fail.
            let _ = write!(text, "{kind}-{key:08}");
        }
        Self(text)
    }

    pub(crate) fn of(&self, key: u32) -> &str {
        let start = key as usize * Self::WIDTH;
        &self.0[start..start + Self::WIDTH]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_of_the_first(distribution: &str) -> f64 {
        let mut draws = Draws::new(distribution.parse().unwrap(), 1_000, 7);
        (0..100_000).filter(|_| draws.next() == 0).count() as f64 / 100_000.0
    }

    #[test]
    fn the_first_of_a_thousand_asks_as_often_as_the_law_says() {
        for exponent in [0.5, 0.99, 1.0, 2.0] {
            let harmonic: f64 = (1..=1_000).map(|rank| f64::from(rank).powf(-exponent)).sum();
            let share = share_of_the_first(&format!("zipf:{exponent}"));
            assert!((share - 1.0 / harmonic).abs() < 0.01, "{exponent}: {share}");
        }
        assert!((share_of_the_first("uniform") - 0.001).abs() < 0.001);
    }

    #[test]
    fn every_draw_is_a_client_and_has_a_name() {
        let names = Names::clients(3);
        assert_eq!(names.of(2), "client-00000002");
        for distribution in ["uniform", "zipf:0", "zipf:10"] {
            let mut draws = Draws::new(distribution.parse().unwrap(), 3, 1);
            assert!((0..10_000).all(|_| draws.next() < 3), "{distribution}");
        }
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for text in ["", "zipf:", "zipf:-1", "zipf:nan", "zipf:11", "normal"] {
            assert!(text.parse::<Distribution>().is_err(), "{text}");
        }
    }
}
