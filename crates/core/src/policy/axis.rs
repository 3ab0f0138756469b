//! What a policy counts apart.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use smallvec::SmallVec;

use super::address;
use super::attributes::Attributes;
use super::error::PolicyError;

/// An attribute whose values have an allowance each: as they are, or as the addresses they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    attribute: String,
    /// For addresses, how many bits of an IPv6 address tell one client from another.
    ipv6_prefix: Option<u8>,
}

impl Axis {
    /// What an IPv6 address counts by unless said otherwise: the network that one customer gets (RFC 6177).
    pub const IPV6_PREFIX: u8 = 64;

    /// Values that are addresses count as such: however they are written, and all IPv6 addresses with the same
    /// first bits together. Other values count as they are.
    ///
    /// # Errors
    /// If there are not between 1 and 128 bits.
    pub fn address(attribute: impl Into<String>, ipv6_prefix: u64) -> Result<Self, PolicyError> {
        match u8::try_from(ipv6_prefix) {
            Ok(bits @ 1..=128) => Ok(Self { attribute: attribute.into(), ipv6_prefix: Some(bits) }),
            _ => Err(PolicyError::Ipv6Prefix(ipv6_prefix)),
        }
    }

    /// The attribute's name.
    #[must_use]
    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// For addresses, how many bits of an IPv6 address count.
    #[must_use]
    pub fn ipv6_prefix(&self) -> Option<u8> {
        self.ipv6_prefix
    }

    /// A value as it is counted, if that is not how it is written.
    pub(super) fn spelling(&self, value: &[u8]) -> Option<String> {
        address::spelling(value, self.ipv6_prefix?)
    }

    pub(super) fn value<'s, 'a: 's>(
        &self,
        attributes: &Attributes<'a>,
        spellings: &'s Spellings,
    ) -> Option<&'s [u8]> {
        let written = attributes.get(&self.attribute)?;
        let spelled = self.ipv6_prefix.and_then(|prefix| spellings.get(&self.attribute, prefix));
        Some(spelled.map_or(written, str::as_bytes))
    }
}

impl From<String> for Axis {
    fn from(attribute: String) -> Self {
        Self { attribute, ipv6_prefix: None }
    }
}

impl From<&str> for Axis {
    fn from(attribute: &str) -> Self {
        attribute.to_owned().into()
    }
}

/// The addresses of a request in the spellings that its domain's policies count by: worked out once, and borrowed
/// by every [`Partition`](super::Partition).
#[derive(Clone, Debug, Default)]
pub struct Spellings(SmallVec<[Spelling; 1]>);

#[derive(Clone, Debug)]
struct Spelling {
    attribute: Box<str>,
    ipv6_prefix: u8,
    text: String,
}

impl Spellings {
    fn get(&self, attribute: &str, ipv6_prefix: u8) -> Option<&str> {
        let meant = |one: &&Spelling| one.ipv6_prefix == ipv6_prefix && *one.attribute == *attribute;
        self.0.iter().find(meant).map(|one| one.text.as_str())
    }
}

/// The attributes that policies count as addresses, and by how many bits: found by a request's attributes, so that
/// the number of policies costs nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses(HashMap<Box<str>, Vec<u8>, BuildHasherDefault<DefaultHasher>>);

impl Addresses {
    pub(super) fn new<'a>(axes: impl Iterator<Item = &'a Axis>) -> Self {
        let mut addresses = Self::default();
        for axis in axes {
            let Some(bits) = axis.ipv6_prefix else { continue };
            let known = addresses.0.entry(axis.attribute.as_str().into()).or_default();
            if !known.contains(&bits) {
                known.push(bits);
            }
        }
        addresses
    }

    pub(super) fn spellings(&self, attributes: &Attributes<'_>) -> Spellings {
        let mut spellings = Spellings::default();
        if self.0.is_empty() {
            return spellings;
        }
        for (name, value) in attributes.iter() {
            for &ipv6_prefix in self.0.get(name).into_iter().flatten() {
                let spelling = address::spelling(value, ipv6_prefix);
                spellings.0.extend(spelling.map(|text| Spelling {
                    attribute: name.into(),
                    ipv6_prefix,
                    text,
                }));
            }
        }
        spellings
    }
}
