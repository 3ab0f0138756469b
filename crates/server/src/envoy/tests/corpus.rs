//! Files as people write them, replayed as they are and with bytes changed.

#[path = "../../../tests/envoy/holds.rs"]
mod holds;

use std::fs;
use std::path::{Path, PathBuf};

use holds::{holds, parse};

use super::*;

/// So many changed copies of each file. More are tried with `DRL_FUZZ_ROUNDS`.
const ROUNDS: u64 = 200;

fn corpus(kind: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/envoy/corpus").join(kind);
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn what_people_write_is_accepted() {
    for path in corpus("accepted") {
        let text = fs::read_to_string(&path).unwrap();
        let rules = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(rules.domains().count() == 1, "{}", path.display());
    }
}

/// Each file says in its first line how many problems it has.
#[test]
fn what_is_wrong_is_refused() {
    for path in corpus("refused") {
        let text = fs::read_to_string(&path).unwrap();
        let wanted: usize = text.lines().next().unwrap().trim_start_matches("# problems: ").parse().unwrap();
        let error = parse(&text).expect_err(&path.display().to_string());
        assert_eq!(error.problems().len(), wanted, "{}: {error}", path.display());
    }
}

#[test]
fn no_text_makes_it_panic() {
    let rounds =
        std::env::var("DRL_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let texts: Vec<String> = ["accepted", "refused"]
        .into_iter()
        .flat_map(corpus)
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for text in &texts {
        for _ in 0..rounds {
            holds(&changed(text, &texts, &mut dice));
        }
    }
}

#[test]
fn deep_files_are_refused_or_read_but_never_overflow_the_stack() {
    for depth in [10, 100, 1_000, 100_000] {
        let nested = "{key: a, descriptors: [".repeat(depth) + &"]}".repeat(depth);
        holds(&format!("domain: d\ndescriptors: [{nested}]"));
        holds(&format!(
            "domain: d\ndescriptors: [{{key: a, metadata: {}}}]",
            "{a: ".repeat(depth) + &"}".repeat(depth)
        ));
    }
}

/// A look at each rule for each rule would take minutes.
#[test]
fn large_files_are_read_in_a_moment() {
    const RULES: usize = 20_000;
    let file = |value: &dyn Fn(usize) -> String| {
        let rule = |at| {
            format!("{{key: k, value: {}, rate_limit: {{unit: hour, requests_per_unit: {at}}}}}", value(at))
        };
        let rules: Vec<String> = (0..RULES).map(rule).collect();
        format!("domain: d\ndescriptors: [{}]", rules.join(",\n"))
    };
    // Of all wildcards that fit, the first one written holds: `v1*`.
    for (wildcard, requests) in [("", 19_999), ("*", 1)] {
        let rules = rules(&file(&|at| format!("v{at}{wildcard}")));
        assert_eq!(rules.domains().next().unwrap().rules().len(), RULES);
        assert_eq!(rules.requests("k=v19999"), Some(requests));
    }
    let wrong = problems(&file(&|at| format!("v{}", at / 2)));
    assert!(
        wrong.len() >= 1_000 && wrong[0].contains("`d.k_v0` is there already, at r.yaml:2"),
        "{}",
        wrong[0]
    );
}

/// A few changes at random places: cut, doubled, swapped, replaced by a byte or by a piece of another file.
fn changed(text: &str, others: &[String], dice: &mut Dice) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=dice.below(3) {
        let from = dice.below(bytes.len() + 1);
        let to = (from + dice.below(24)).min(bytes.len());
        let piece = bytes[from..to].to_vec();
        let new = match dice.below(5) {
            0 => Vec::new(),
            1 => piece.repeat(2),
            2 => piece.into_iter().rev().collect(),
            3 => vec![b" \n:-{}[]&*#'\"!|>%@,?~\t0_\\"[dice.below(25)]],
            _ => {
                let other = others[dice.below(others.len())].as_bytes();
                let start = dice.below(other.len());
                other[start..(start + dice.below(60)).min(other.len())].to_vec()
            }
        };
        bytes.splice(from..to, new);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// SplitMix64: the same changes in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).unwrap()
    }
}
