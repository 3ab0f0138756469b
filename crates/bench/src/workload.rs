//! Who asks, and how often.

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

/// How often each client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popularity {
    /// Each as often as any other.
    Uniform,
    /// The k-th most frequent one k^0.99 times more rarely than the first (as YCSB has it).
    Zipf,
}

impl Popularity {
    const EXPONENT: f64 = 0.99;

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "Zipf 0.99",
        }
    }

    /// `length` requests of `clients` clients, in the order they arrive. Each is a string of its own, one
    /// behind the other in memory: a request comes with its client's name, which is in the cache then.
    pub(crate) fn requests(self, clients: usize, length: usize, seed: u64) -> Vec<String> {
        let mut random = SmallRng::seed_from_u64(seed);
        match self {
            Self::Uniform => (0..length).map(|_| client(random.random_range(0..clients))).collect(),
            Self::Zipf => {
                let mut sum = 0.0;
                let weight = |rank: usize| (rank as f64).powf(-Self::EXPONENT);
                let sums: Vec<f64> = (1..=clients)
                    .map(|rank| {
                        sum += weight(rank);
                        sum
                    })
                    .collect();
                let rank = |at: f64| sums.partition_point(|&sum| sum < at).min(clients - 1);
                (0..length).map(|_| client(rank(random.random_range(0.0..sum)))).collect()
            }
        }
    }
}

/// A client's name, as long as such names are.
pub(crate) fn client(number: usize) -> String {
    format!("client-{number:08}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn share_of_the_first(popularity: Popularity) -> f64 {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for request in popularity.requests(1_000, 100_000, 1) {
            *counts.entry(request).or_default() += 1;
        }
        counts[&client(0)] as f64 / 100_000.0
    }

    #[test]
    fn the_first_of_a_thousand_asks_as_often_as_the_law_says() {
        let harmonic: f64 = (1..=1_000).map(|rank| f64::from(rank).powf(-0.99)).sum();
        assert!((share_of_the_first(Popularity::Zipf) - 1.0 / harmonic).abs() < 0.01);
        assert!((share_of_the_first(Popularity::Uniform) - 0.001).abs() < 0.001);
    }
}
