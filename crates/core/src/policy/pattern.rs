//! Exact values, `*` wildcards and address blocks.

use super::address::Block;

/// What a value is held against.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// The text between the wildcards; one piece alone is an exact value.
    Text(Box<[Box<[u8]>]>),
    Block(Block),
}

/// Where a value that fits can be found again: it begins with this text or, as an address, with this path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Landmark<'a> {
    Text(&'a [u8]),
    Path(&'a [u8]),
}

impl Pattern {
    /// `*` stands for any run of bytes, also for none and across slashes; everything else stands for itself.
    /// Every text is a pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Kind::Text(text.split('*').map(|piece| piece.as_bytes().into()).collect()))
    }

    /// Whether one value fits and no other.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(&self.0, Kind::Text(pieces) if pieces.len() == 1)
    }

    /// What every value that fits begins with; for an exact pattern, the value.
    pub(super) fn landmark(&self) -> Landmark<'_> {
        match &self.0 {
            Kind::Text(pieces) => Landmark::Text(pieces.first().map_or(&[], |piece| piece)),
            Kind::Block(block) => Landmark::Path(block.path()),
        }
    }

    /// The text that every value that fits begins with; nothing, if it is no text that they have in common.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        match self.landmark() {
            Landmark::Text(text) => text,
            Landmark::Path(_) => &[],
        }
    }

    /// Whether the value fits.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        match &self.0 {
            Kind::Text(pieces) => fits(pieces, value),
            Kind::Block(block) => block.contains(value),
        }
    }
}

impl From<Block> for Pattern {
    fn from(block: Block) -> Self {
        Self(Kind::Block(block))
    }
}

fn fits(pieces: &[Box<[u8]>], value: &[u8]) -> bool {
    let (first, middle, last) = match pieces {
        [] => return false,
        [exact] => return **exact == *value,
        [first, middle @ .., last] => (first, middle, last),
    };
    let Some(rest) = value.strip_prefix(&**first) else { return false };
    let Some(mut rest) = rest.strip_suffix(&**last) else { return false };
    // The leftmost place for each piece leaves the most room for the next.
    for piece in middle.iter().filter(|piece| !piece.is_empty()) {
        match rest.windows(piece.len()).position(|window| window == &**piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_bytes() {
        for (pattern, fits, fails) in [
            ("alice", &["alice"][..], &["", "alic", "alicee", "Alice"][..]),
            ("*", &["", "x", "a/b\0c"], &[]),
            ("/search/*", &["/search/", "/search/a/b"], &["/search", "x/search/"]),
            ("*.json", &[".json", "a.json"], &["json", ".jsonx"]),
            ("a*b", &["ab", "axb", "abb"], &["a", "b", "ba", "abx"]),
            ("a*bc*d", &["abcd", "a-bc-bc-d"], &["abd", "acbd", "abcdx"]),
            ("aa*aa", &["aaaa", "aabaa"], &["aaa", "aa"]),
            ("a**b", &["ab", "a*b"], &["a"]),
            ("", &[""], &["x"]),
        ] {
            let compiled = Pattern::new(pattern);
            for value in fits {
                assert!(compiled.matches(value.as_bytes()), "{pattern} should fit {value}");
            }
            for value in fails {
                assert!(!compiled.matches(value.as_bytes()), "{pattern} should not fit {value}");
            }
        }
    }
}
