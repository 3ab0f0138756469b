//! Files of all kinds, as they are and mutilated: reading ends, with policies or with problems.

use std::fs;
use std::path::Path;

use super::Config;
use super::schema::tests::accepts;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/policies");

fn corpus(kind: &str) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<_> =
        fs::read_dir(Path::new(CORPUS).join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 3);
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

#[test]
fn each_file_is_accepted_or_refused_as_ever() {
    for (name, bytes) in corpus("accepted") {
        let text = String::from_utf8(bytes).unwrap();
        Config::parse(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(accepts(&text), Some(true), "{name}");
    }
    for (name, bytes) in corpus("refused") {
        let error = Config::parse(&name, &String::from_utf8(bytes).unwrap()).expect_err(&name);
        assert!(error.problems().iter().all(|problem| *problem.file == *name));
    }
}

/// What goes wrong here goes wrong again: the numbers are the same each time.
#[test]
fn mutilated_files_are_read_to_an_end() {
    let seeds: Vec<Vec<u8>> =
        ["accepted", "refused"].into_iter().flat_map(corpus).map(|(_, bytes)| bytes).collect();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..4_000 {
        let mut bytes = seeds[dice.below(seeds.len())].clone();
        bytes.truncate(4_096);
        for _ in 0..=dice.below(4) {
            dice.mutilate(&mut bytes, &seeds);
        }
        match Config::parse("m.yaml", &String::from_utf8_lossy(&bytes)) {
            Ok(_) => accepted += 1,
            Err(error) => {
                assert!((1..=1_000).contains(&error.problems().len()), "round {round}");
                refused += 1;
            }
        }
    }
    assert!(accepted > 20 && refused > 1_000, "{accepted} accepted, {refused} refused: mutilate otherwise");
}

/// xorshift64 (G. Marsaglia, 2003).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound.max(1) as u64).unwrap()
    }

    fn mutilate(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        const TELLING: &[u8] = b"{}[]:,-&*!|>'\"#%@` \n\t\0\xff0a";
        let at = self.below(bytes.len() + 1);
        let end = (at + self.below(24)).min(bytes.len());
        match self.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.insert(at, TELLING[self.below(TELLING.len())]),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                let to = (from + self.below(64)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
}
