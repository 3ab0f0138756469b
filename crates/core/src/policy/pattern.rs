//! Exact values and `*` wildcards.

use super::attributes::Attributes;
use super::error::PolicyError;

/// What a value is held against. `*` stands for any run of bytes, also for none and across slashes;
/// everything else stands for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// The text between the wildcards; one piece alone is an exact value.
    pieces: Box<[Box<[u8]>]>,
}

impl Pattern {
    /// Every text is a pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { pieces: text.split('*').map(|piece| piece.as_bytes().into()).collect() }
    }

    /// Whether there is no wildcard in it.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.pieces.len() == 1
    }

    /// What every value that fits begins with: for an exact pattern, the value.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        self.pieces.first().map_or(&[], |piece| piece)
    }

    /// Whether the value fits.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        let [first, middle @ .., last] = &*self.pieces else { return self.prefix() == value };
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
}

/// One line of `match`: an attribute that must be there, with a value that fits one of the patterns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    attribute: String,
    any_of: Box<[Pattern]>,
}

impl Condition {
    /// `attribute` must fit one of the patterns.
    ///
    /// # Errors
    /// If there is no pattern (nothing could ever match) or no attribute's name.
    pub fn new(attribute: &str, patterns: impl IntoIterator<Item = Pattern>) -> Result<Self, PolicyError> {
        let any_of: Box<[Pattern]> = patterns.into_iter().collect();
        match () {
            () if attribute.is_empty() => Err(PolicyError::NamelessAttribute),
            () if any_of.is_empty() => Err(PolicyError::EmptyCondition(attribute.to_owned())),
            () => Ok(Self { attribute: attribute.to_owned(), any_of }),
        }
    }

    /// The attribute's name.
    #[must_use]
    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// The patterns of which one must fit.
    #[must_use]
    pub fn any_of(&self) -> &[Pattern] {
        &self.any_of
    }

    /// Whether the attribute is there and fits.
    #[must_use]
    pub fn matches(&self, attributes: &Attributes<'_>) -> bool {
        let fits = |value| self.any_of.iter().any(|pattern| pattern.matches(value));
        attributes.get(&self.attribute).is_some_and(fits)
    }
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
