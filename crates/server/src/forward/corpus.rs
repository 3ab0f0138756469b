//! The fuzzer's corpus of forwarded requests on the stable toolchain: each as it is, and mutations from a seed.

#[path = "../../tests/forward/holds.rs"]
mod holds;

use std::fs;
use std::path::Path;

use holds::holds;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

const MUTATIONS: usize = 20_000;

fn corpus() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/corpus");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn each_seed_is_described() {
    let corpus = corpus();
    assert!(corpus.len() >= 8, "the corpus is not where it should be");
    assert!(corpus.iter().all(|input| holds(input) > 0));
}

#[test]
fn so_are_their_mutations() {
    let (corpus, mut random) = (corpus(), SmallRng::seed_from_u64(1));
    for _ in 0..MUTATIONS {
        let mut input = corpus.choose(&mut random).unwrap().clone();
        for _ in 0..random.random_range(1..5) {
            mutate(&mut input, &corpus, &mut random);
        }
        holds(&input);
    }
}

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut SmallRng) {
    let at = random.random_range(0..=input.len());
    let other = corpus.choose(random).unwrap();
    match random.random_range(0..5) {
        0 => input.insert(at, *b"%:,;=&?[]. \t\n\xff0".choose(random).unwrap()),
        1 => input.truncate(at),
        2 => input.splice(at..at, other.iter().copied()).for_each(drop),
        _ if at == input.len() => input.push(random.random()),
        3 => input[at] ^= 1 << random.random_range(0..8),
        _ => drop(input.remove(at)),
    }
}
