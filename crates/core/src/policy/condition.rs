//! One line of `match`.

use std::sync::Arc;

use super::address::Path;
use super::attributes::Attributes;
use super::error::PolicyError;
use super::pattern::{Landmark, Pattern};
use super::prefixes::Prefixes;

/// An attribute that must be there, with a value that fits one of the patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    attribute: String,
    any_of: Arc<[Pattern]>,
    /// Finds patterns among many; there if trying each would take longer.
    landmarks: Option<Arc<Landmarks>>,
}

/// Many patterns by what their values begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Landmarks {
    texts: Prefixes,
    paths: Prefixes,
}

impl Condition {
    /// So many patterns are as quickly tried as looked up.
    const FEW: usize = 8;

    /// `attribute` must fit one of the patterns.
    ///
    /// # Errors
    /// If there is no pattern (nothing could ever match) or no attribute's name.
    pub fn new(attribute: &str, patterns: impl IntoIterator<Item = Pattern>) -> Result<Self, PolicyError> {
        let any_of: Arc<[Pattern]> = patterns.into_iter().collect();
        let landmarks = (any_of.len() > Self::FEW).then(|| Arc::new(Landmarks::new(any_of.iter().zip(0..))));
        match () {
            () if attribute.is_empty() => Err(PolicyError::NamelessAttribute),
            () if any_of.is_empty() => Err(PolicyError::EmptyCondition(attribute.to_owned())),
            () => Ok(Self { attribute: attribute.to_owned(), any_of, landmarks }),
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
        let Some(value) = attributes.get(&self.attribute) else { return false };
        match &self.landmarks {
            None => self.any_of.iter().any(|pattern| pattern.matches(value)),
            Some(landmarks) => {
                let pattern = |&at: &u32| self.any_of.get(usize::try_from(at).ok()?);
                let fits = |at: &u32| pattern(at).is_some_and(|pattern| pattern.matches(value));
                let mut found = false;
                landmarks.of(value, |near| found = found || near.iter().any(fits));
                found
            }
        }
    }
}

impl Landmarks {
    /// Posts each number under its pattern's landmark.
    pub(super) fn new<'a>(posts: impl Iterator<Item = (&'a Pattern, u32)>) -> Self {
        let (mut texts, mut paths) = (Vec::new(), Vec::new());
        for (pattern, number) in posts {
            match pattern.landmark() {
                Landmark::Text(text) => texts.push((text, number)),
                Landmark::Path(path) => paths.push((path, number)),
            }
        }
        Self { texts: Prefixes::new(texts), paths: Prefixes::new(paths) }
    }

    /// Calls `found` with the numbers whose patterns the value could fit.
    pub(super) fn of(&self, value: &[u8], mut found: impl FnMut(&[u32])) {
        self.texts.of(value, &mut found);
        if !self.paths.is_empty()
            && let Some(path) = Path::of(value)
        {
            self.paths.of(path.as_bytes(), found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Block;
    use super::*;

    #[test]
    fn a_long_list_fits_what_its_patterns_fit() {
        let mut patterns: Vec<Pattern> =
            (0..50).map(|number| Pattern::new(&format!("10.0.0.{number}"))).collect();
        patterns.extend(["*.example", "api.*", "a*z"].map(Pattern::new));
        patterns.extend(
            ["192.0.2.0/24", "192.0.0.0/16", "2001:db8::/32"].map(|text| Block::new(text).unwrap().into()),
        );
        let condition = Condition::new("from", patterns).unwrap();
        assert!(condition.landmarks.is_some());
        for value in ["10.0.0.7", "10.0.0.49", "10.0.0.50", "10.0.0", "www.example", "api.", "az", "ab", ""]
            .into_iter()
            .chain(["192.0.2.1", "192.0.3.1", "::ffff:192.0.2.1", "193.0.2.1", "2001:db8::1", "2001:db9::1"])
        {
            let tried = condition.any_of().iter().any(|pattern| pattern.matches(value.as_bytes()));
            let attributes = Attributes::new([("from", value.as_bytes())]).unwrap();
            assert_eq!(condition.matches(&attributes), tried, "{value}");
        }
    }
}
