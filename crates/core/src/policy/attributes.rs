//! What a request says about itself.

use std::fmt;

use smallvec::SmallVec;

/// The attributes of one request: names and values, each name once. A value is any byte string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes<'a>(SmallVec<[(&'a str, &'a [u8]); 8]>);

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
            if attributes.0.len() == Self::MOST {
                return Err(AttributesError::TooMany);
            }
            attributes.0.push((name, value));
        }
        Ok(attributes)
    }

    /// The same, with this attribute unless there is one of that name, or none is given, or there is no room.
    #[must_use]
    pub fn with_default<'b>(&self, name: &'b str, value: Option<&'b [u8]>) -> Attributes<'b>
    where
        'a: 'b,
    {
        let mut all: SmallVec<[(&'b str, &'b [u8]); 8]> =
            self.0.iter().map(|&(name, value)| (name, value)).collect();
        if let Some(value) = value
            && all.len() < Self::MOST
            && self.get(name).is_none()
        {
            all.push((name, value));
        }
        Attributes(all)
    }

    /// The value of an attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| *value)
    }

    /// Every attribute, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.0.iter().copied()
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
