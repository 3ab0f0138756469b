//! Raw JSON becomes a checked request.

use std::fmt;

use drl_core::policy::{Attributes, Policies};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::status::Refusal;
use crate::decider::{Intent, Request};

/// A place in the body; lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(in crate::http) struct At {
    line: usize,
    column: usize,
}

/// The body of `/v1/check` and `/v1/peek`, its types right.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"attributes\":{\"client\":\"alice\"}}")]
pub(in crate::http) struct Body {
    domain: Option<String>,
    attributes: Pairs,
    cost: Option<u64>,
}

impl Body {
    pub(in crate::http) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(bytes).map_err(|error| malformed(&error))
    }

    /// The request that it asks about.
    pub(in crate::http) fn request(&self, intent: Intent) -> Result<Request<'_>, Problem> {
        let cost = self.cost.unwrap_or(1);
        Asked { domain: self.domain.as_deref(), attributes: &self.attributes, cost }.request(intent)
    }
}

/// The body of `/v1/refund`.
#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"attributes\":{\"client\":\"alice\"},\"cost\":1}"
)]
pub(in crate::http) struct Refund {
    domain: Option<String>,
    attributes: Pairs,
    cost: Option<u64>,
    /// How long ago it was charged.
    age_ms: Option<u64>,
}

impl Refund {
    pub(in crate::http) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(bytes).map_err(|error| malformed(&error))
    }

    pub(in crate::http) fn age_ms(&self) -> u64 {
        self.age_ms.unwrap_or(0)
    }

    /// What is to be given back.
    pub(in crate::http) fn what(&self) -> Asked<'_> {
        Asked { domain: self.domain.as_deref(), attributes: &self.attributes, cost: self.cost.unwrap_or(1) }
    }
}

/// The body of `/v1/reset`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"attributes\":{\"client\":\"alice\"}}")]
pub(in crate::http) struct Reset {
    domain: Option<String>,
    attributes: Pairs,
    /// Only this policy's counters.
    policy: Option<String>,
}

impl Reset {
    pub(in crate::http) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(bytes).map_err(|error| malformed(&error))
    }

    pub(in crate::http) fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// Whose counters.
    pub(in crate::http) fn what(&self) -> Asked<'_> {
        Asked { domain: self.domain.as_deref(), attributes: &self.attributes, cost: 0 }
    }
}

/// What every body says, whatever is to be done about it.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Asked<'b> {
    domain: Option<&'b str>,
    attributes: &'b Pairs,
    cost: u64,
}

impl<'b> Asked<'b> {
    pub(in crate::http) fn request(self, intent: Intent) -> Result<Request<'b>, Problem> {
        let pairs = self.attributes.0.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let attributes =
            Attributes::new(pairs).map_err(|error| Problem::new(Refusal::Malformed, error.to_string()))?;
        let domain = self.domain.unwrap_or(Policies::DEFAULT_DOMAIN);
        Ok(Request::new(domain, attributes, self.cost).with(intent))
    }
}

/// What serde_json says ends with the place, which has members of its own.
pub(in crate::http) fn malformed(error: &serde_json::Error) -> Problem {
    let at = At { line: error.line().max(1), column: error.column().max(1) };
    let text = error.to_string();
    let message = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    let detail = format!("line {}, column {}: {message}", at.line, at.column);
    Problem::new(Refusal::Malformed, detail).at(at)
}

/// Names and values in the order written. Whole numbers and booleans stand for their own spelling; a
/// fraction has several, so it is refused like everything else.
#[derive(Debug)]
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes such as {\"client\":\"alice\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some((name, Text(value))) = map.next_entry()? {
            if pairs.len() == Attributes::MOST {
                return Err(A::Error::custom(drl_core::policy::AttributesError::TooMany));
            }
            pairs.push((name, value));
        }
        Ok(Pairs(pairs))
    }
}

struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a whole number or a boolean")
    }

    fn visit_str<E>(self, value: &str) -> Result<Text, E> {
        Ok(Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Text, E> {
        Ok(Text(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }
}
