//! "Did you mean": the known word that takes the fewest changes.

/// `; did you mean …?`, or nothing if no word is near.
pub(crate) fn among<'a>(written: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    let near = |word: &&str| distance(written, word);
    let close = |word: &&str| near(word) <= 1 + word.chars().count() / 4;
    let best = words.into_iter().filter(close).min_by_key(near);
    best.map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}

/// Insertions, deletions, replacements and swapped neighbours (optimal string alignment). Long words are
/// nobody's typing errors; not comparing them bounds the work.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.chars().collect());
    if a.len() > LONGEST || a.is_empty() {
        return usize::MAX;
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        let words = ["limit", "burst", "on_store_failure", "shards"];
        for (written, hint) in [
            ("limt", "; did you mean `limit`?"),
            ("Burst", "; did you mean `burst`?"),
            ("on-store-failure", "; did you mean `on_store_failure`?"),
            ("shrads", "; did you mean `shards`?"),
            ("window", ""),
            ("", ""),
        ] {
            assert_eq!(among(written, words), hint, "{written}");
        }
        assert_eq!(among(&"x".repeat(1 << 20), words), "");
    }
}
