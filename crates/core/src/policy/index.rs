//! Finds candidates among many policies at a cost that follows the request, not their number.
//!
//! Each policy is posted in **one** place where every request that it matches must look:
//!
//! - under the values of all attributes it names exactly, hashed together. Policies that name the same
//!   attributes form a *shape* with one table; a request asks each shape once ("tuple space search", V.
//!   Srinivasan, S. Suri, G. Varghese, SIGCOMM 1999). A shape hangs on the attribute that the fewest
//!   policies name, and is asked only by requests that have it;
//! - or under what the values of one of its conditions begin with (of address blocks, their first bits), if that
//!   is rarer (or there is nothing exact);
//! - or under nothing, if it asks for nothing at all.
//!
//! What is found is a candidate and still has to be held against the request, so a hash that collides
//! costs time and nothing else. The cost is linear only in policies that the same request finds: many with
//! the same exact values, or many whose patterns begin alike (all that begin with `*` do).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

use smallvec::SmallVec;

use super::attributes::Attributes;
use super::axis::Axis;
use super::condition::{Condition, Landmarks};
use super::definition::Policy;
use super::pattern::{Landmark, Pattern};

/// Fixed keys: what is hashed into a table is written by the operator, so nobody can flood it.
type Table<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// Lists are multiplied out up to this many posts of one policy; beyond, the longest list is only checked.
const MOST_POSTS: usize = 256;

pub(super) type Candidates = SmallVec<[u32; 16]>;

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    always: Vec<u32>,
    anchors: Table<Box<str>, Anchor>,
}

/// What hangs on one attribute.
#[derive(Clone, Debug, Default)]
struct Anchor {
    shapes: Vec<Shape>,
    landmarks: Landmarks,
}

/// The policies that name the same attributes exactly.
#[derive(Clone, Debug)]
struct Shape {
    attributes: Vec<Box<str>>,
    table: Table<u64, Vec<u32>>,
}

impl Index {
    pub(super) fn new(policies: &[Policy]) -> Self {
        let census = Census::new(policies);
        let mut index = Self::default();
        let anything = Pattern::new("*");
        let mut landmarks: Table<&str, Vec<(&Pattern, u32)>> = Table::default();
        for (policy, number) in policies.iter().zip(0..) {
            match census.place(policy) {
                Place::Exact(tuples) => index.post(&census, &tuples, number),
                Place::Landmark(condition) => {
                    let posts = landmarks.entry(condition.attribute()).or_default();
                    posts.extend(condition.any_of().iter().map(|pattern| (pattern, number)));
                }
                Place::Present(attribute) => {
                    landmarks.entry(attribute).or_default().push((&anything, number));
                }
                Place::Always => index.always.push(number),
            }
        }
        for (attribute, posts) in landmarks {
            index.anchors.entry(attribute.into()).or_default().landmarks = Landmarks::new(posts.into_iter());
        }
        index
    }

    fn post(&mut self, census: &Census<'_>, tuples: &Tuples<'_>, policy: u32) {
        let Some(anchor) = census.rarest(tuples.attributes.iter().copied()) else { return };
        let shapes = &mut self.anchors.entry(anchor.into()).or_default().shapes;
        let same =
            |shape: &Shape| shape.attributes.iter().map(|name| &**name).eq(tuples.attributes.iter().copied());
        let at = shapes.iter().position(same).unwrap_or_else(|| {
            let attributes = tuples.attributes.iter().map(|&name| name.into()).collect();
            shapes.push(Shape { attributes, table: Table::default() });
            shapes.len() - 1
        });
        for &hash in &tuples.hashes {
            let posted = shapes[at].table.entry(hash).or_default();
            if posted.last() != Some(&policy) {
                posted.push(policy);
            }
        }
    }

    /// Every policy that could match, in no order, possibly twice.
    pub(super) fn candidates(&self, attributes: &Attributes<'_>) -> Candidates {
        let mut found = Candidates::from_slice(&self.always);
        for (name, value) in attributes.iter() {
            let Some(anchor) = self.anchors.get(name) else { continue };
            for shape in &anchor.shapes {
                if let Some(policies) = shape.hash(attributes).and_then(|hash| shape.table.get(&hash)) {
                    found.extend_from_slice(policies);
                }
            }
            anchor.landmarks.of(value, |policies| found.extend_from_slice(policies));
        }
        found
    }
}

impl Shape {
    fn hash(&self, attributes: &Attributes<'_>) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        for name in &self.attributes {
            feed(&mut hasher, attributes.get(name)?);
        }
        Some(hasher.finish())
    }
}

fn feed(hasher: &mut DefaultHasher, value: &[u8]) {
    hasher.write_usize(value.len());
    hasher.write(value);
}

/// The exact values of a policy: one hash for each combination.
struct Tuples<'a> {
    attributes: Vec<&'a str>,
    hashes: Vec<u64>,
}

impl<'a> Tuples<'a> {
    fn new(policy: &'a Policy) -> Option<Self> {
        let exact = |condition: &&Condition| condition.any_of().iter().all(Pattern::is_exact);
        let mut conditions: Vec<&Condition> = policy.conditions().iter().filter(exact).collect();
        conditions.sort_unstable_by_key(|condition| (condition.any_of().len(), condition.attribute()));
        let mut posts = 1;
        conditions.retain(|condition| {
            posts *= condition.any_of().len();
            posts <= MOST_POSTS
        });
        conditions.sort_unstable_by_key(|condition| condition.attribute());
        let mut hashers = vec![DefaultHasher::new()];
        for condition in &conditions {
            let extend = |hasher: &DefaultHasher| {
                let hasher = hasher.clone();
                condition.any_of().iter().map(move |pattern| {
                    let mut hasher = hasher.clone();
                    if let Landmark::Text(value) = pattern.landmark() {
                        feed(&mut hasher, value);
                    }
                    hasher
                })
            };
            hashers = hashers.iter().flat_map(extend).collect();
        }
        (!conditions.is_empty()).then(|| Self {
            attributes: conditions.iter().map(|condition| condition.attribute()).collect(),
            hashes: hashers.iter().map(DefaultHasher::finish).collect(),
        })
    }
}

/// Where a policy is posted.
enum Place<'a> {
    Exact(Tuples<'a>),
    Landmark(&'a Condition),
    Present(&'a str),
    Always,
}

/// How often everything is named, so that each policy can be posted where the fewest others are.
#[derive(Default)]
struct Census<'a> {
    attributes: Table<&'a str, usize>,
    tuples: Table<(Vec<&'a str>, u64), usize>,
    landmarks: Table<(&'a str, Landmark<'a>), usize>,
}

impl<'a> Census<'a> {
    fn new(policies: &'a [Policy]) -> Self {
        let mut census = Self::default();
        for policy in policies {
            for attribute in required(policy) {
                *census.attributes.entry(attribute).or_default() += 1;
            }
            if let Some(tuples) = Tuples::new(policy) {
                for hash in tuples.hashes {
                    *census.tuples.entry((tuples.attributes.clone(), hash)).or_default() += 1;
                }
            }
            for condition in policy.conditions() {
                for pattern in condition.any_of() {
                    *census.landmarks.entry((condition.attribute(), pattern.landmark())).or_default() += 1;
                }
            }
        }
        census
    }

    fn place(&self, policy: &'a Policy) -> Place<'a> {
        let crowd = |condition: &&Condition| -> usize {
            let at =
                |pattern: &Pattern| self.landmarks.get(&(condition.attribute(), pattern.landmark())).copied();
            condition.any_of().iter().filter_map(at).sum()
        };
        let telling = |condition: &&Condition| {
            condition.any_of().iter().all(|pattern| pattern.landmark() != Landmark::Text(b""))
        };
        let landmark = policy.conditions().iter().filter(telling).min_by_key(crowd);
        match (Tuples::new(policy), landmark) {
            (Some(tuples), Some(landmark)) if self.crowd(&tuples) > crowd(&landmark) => {
                Place::Landmark(landmark)
            }
            (Some(tuples), _) => Place::Exact(tuples),
            (None, Some(landmark)) => Place::Landmark(landmark),
            (None, None) => self.rarest(required(policy)).map_or(Place::Always, Place::Present),
        }
    }

    fn crowd(&self, tuples: &Tuples<'a>) -> usize {
        let key = |&hash: &u64| (tuples.attributes.clone(), hash);
        tuples.hashes.iter().filter_map(|hash| self.tuples.get(&key(hash))).sum()
    }

    /// The attribute that the fewest policies name.
    fn rarest<'b>(&self, attributes: impl Iterator<Item = &'b str>) -> Option<&'b str> {
        attributes.min_by_key(|&attribute| (self.attributes.get(attribute).copied(), attribute))
    }
}

/// The attributes without which nothing matches.
fn required(policy: &Policy) -> impl Iterator<Item = &str> {
    let conditions = policy.conditions().iter().map(Condition::attribute);
    conditions.chain(policy.axes().iter().map(Axis::attribute))
}
