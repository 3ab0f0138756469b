mod corpus;
mod matching;
mod metrics;
mod oracle;
mod reading;
mod replacing;

use super::*;

/// The rules of one file, which must be fine.
fn rules(text: &str) -> Descriptors {
    Descriptors::parse(&[Text { name: "r.yaml", text }], SameDomain::Refuse).unwrap()
}

/// What is wrong with one file.
fn problems(text: &str) -> Vec<String> {
    match Descriptors::parse(&[Text { name: "r.yaml", text }], SameDomain::Refuse) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(ToString::to_string).collect(),
    }
}

/// `key=value key=value`, as a request says it.
fn entries(text: &str) -> Vec<Entry<'_>> {
    let pairs = text.split(' ').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(key, value)| Entry { key, value: value.as_bytes() }).collect()
}

impl Descriptors {
    /// What the only domain has for a descriptor.
    fn find<'a>(&'a self, descriptor: &'a str) -> Option<Found<'a>> {
        self.domains().next().unwrap().find(&entries(descriptor))
    }

    /// How many a descriptor's rule allows, in the unit that it has.
    fn requests(&self, descriptor: &str) -> Option<u32> {
        match self.find(descriptor)?.rule.allowance {
            Allowance::Limited(limit) => Some(limit.requests),
            Allowance::Unlimited => Some(u32::MAX),
        }
    }
}

impl Found<'_> {
    fn values(&self) -> Vec<String> {
        self.partition().iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }
}
