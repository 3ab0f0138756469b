//! What a request says about itself.

use std::fmt;

use smallvec::SmallVec;

/// The attributes of one request: names and values, each name once. A value is any byte string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    pairs: SmallVec<[(&'a str, &'a [u8]); 8]>,
    /// Of entries whose keys come again.
    names: Option<&'a Names>,
}

/// Names for the entries of a descriptor, which may have the same key: the second `key` is the attribute `key~2`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<Named>);

/// An entry whose key has come before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    at: usize,
    name: Box<str>,
}

impl Names {
    /// Names the entries that have these keys. With more keys than [`Attributes::MOST`] the entries are refused
    /// anyway.
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k str>) -> Self {
        let keys: SmallVec<[&str; 8]> = keys.into_iter().take(Attributes::MOST).collect();
        let named = keys.iter().enumerate().filter_map(|(at, key)| {
            let earlier = keys.get(..at)?.iter().filter(|earlier| *earlier == key).count();
            (earlier > 0).then(|| Named { at, name: format!("{key}~{}", earlier + 1).into() })
        });
        Self(named.collect())
    }

    /// The key that was given such a name.
    fn key(name: &str) -> &str {
        name.rsplit_once('~').map_or(name, |(key, _)| key)
    }

    fn of(&self, at: usize) -> Option<&str> {
        let found = self.0.binary_search_by_key(&at, |named| named.at).ok()?;
        self.0.get(found).map(|named| &*named.name)
    }
}

impl<'a> Attributes<'a> {
    /// The most attributes a request may have: what bounds the cost of matching it.
    pub const MOST: usize = 64;

    /// Attributes, checked.
    ///
    /// # Errors
    /// If a name comes twice (which of the two would count?), or there are more than [`Attributes::MOST`].
    pub fn new(pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, AttributesError> {
        let mut attributes = Self::default();
        for (name, value) in pairs {
            if attributes.get(name).is_some() {
                return Err(AttributesError::Duplicate(name.to_owned()));
            }
            if attributes.pairs.len() == Self::MOST {
                return Err(AttributesError::TooMany);
            }
            attributes.pairs.push((name, value));
        }
        Ok(attributes)
    }

    /// The entries of a descriptor, in their order, and the names that tell those of the same key apart.
    ///
    /// # Errors
    /// As [`Attributes::new`], where names are the same.
    pub fn of_entries(
        entries: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        names: &'a Names,
    ) -> Result<Self, AttributesError> {
        let named = |(at, (key, value))| (names.of(at).unwrap_or(key), value);
        let attributes = Self::new(entries.into_iter().enumerate().map(named))?;
        Ok(Self { names: (!names.0.is_empty()).then_some(names), ..attributes })
    }

    /// The same, with this attribute unless there is one of that name, or none is given, or there is no room.
    #[must_use]
    pub fn with_default<'b>(&self, name: &'b str, value: Option<&'b [u8]>) -> Attributes<'b>
    where
        'a: 'b,
    {
        let mut all: SmallVec<[(&'b str, &'b [u8]); 8]> =
            self.pairs.iter().map(|&(name, value)| (name, value)).collect();
        if let Some(value) = value
            && all.len() < Self::MOST
            && self.get(name).is_none()
        {
            all.push((name, value));
        }
        Attributes { pairs: all, names: None }
    }

    /// The value of an attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.pairs.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| *value)
    }

    /// Every attribute, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.pairs.iter().copied()
    }

    /// The same as entries, under the keys that were sent.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        let sent = |at, name| self.names.and_then(|names| names.of(at)).map_or(name, Names::key);
        self.pairs.iter().enumerate().map(move |(at, &(name, value))| (sent(at, name), value))
    }
}

/// Why a request's attributes are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttributesError {
    /// This attribute comes twice.
    Duplicate(String),
    /// More than [`Attributes::MOST`].
    TooMany,
}

impl fmt::Display for AttributesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(name) => write!(f, "the attribute {name:?} comes twice"),
            Self::TooMany => write!(f, "there are more than {} attributes", Attributes::MOST),
        }
    }
}

impl std::error::Error for AttributesError {}
