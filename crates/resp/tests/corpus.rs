//! The fuzzer's corpus on the stable toolchain: each file as it is and in pieces, and mutations of all of them from a
//! seed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::Path;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::support::cut;

const MUTATIONS: usize = 30_000;

fn corpus() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "resp")).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn comes_to_the_same_in_pieces(input: &[u8]) {
    let whole = cut(input, usize::MAX);
    for size in [1, 2, 3, 7, 16] {
        assert_eq!(cut(input, size), whole, "in pieces of {size}: {}", input.escape_ascii());
    }
}

#[test]
fn each_seed_comes_to_the_same_in_pieces() {
    let corpus = corpus();
    assert!(corpus.len() >= 18, "the corpus is not where it should be");
    corpus.iter().for_each(|input| comes_to_the_same_in_pieces(input));
}

#[test]
fn so_do_their_mutations() {
    let (corpus, mut random) = (corpus(), SmallRng::seed_from_u64(1));
    let mut understood = 0;
    for _ in 0..MUTATIONS {
        let mut input = corpus.choose(&mut random).unwrap().clone();
        for _ in 0..random.random_range(1..5) {
            mutate(&mut input, &corpus, &mut random);
        }
        comes_to_the_same_in_pieces(&input);
        understood += usize::from(!cut(&input, usize::MAX).requests.is_empty());
    }
    assert!(understood > MUTATIONS / 4, "only {understood} mutations had a request in them");
}

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut SmallRng) {
    let at = random.random_range(0..=input.len());
    let other = corpus.choose(random).unwrap();
    match random.random_range(0..6) {
        0 => input.insert(at, random.random()),
        1 => input.truncate(at),
        2 => input.splice(at..at, other.iter().copied()).for_each(drop),
        3 => input.extend_from_slice(&other[random.random_range(0..=other.len())..]),
        _ if at == input.len() => input.push(*b"\r\n*$0123456789".choose(random).unwrap()),
        4 => input[at] ^= 1 << random.random_range(0..8),
        _ => drop(input.remove(at)),
    }
}
