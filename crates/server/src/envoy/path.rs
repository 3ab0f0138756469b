//! The names of rules and of their counters.

use super::descriptor::Descriptor;

/// Where a descriptor stands, as metrics and as counters name it.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// `shop.path_/cart*.user`: for people. Two rules may be called the same.
    pub(super) shown: String,
    /// `/shop/path/user`: no two lists of keys have the same. No policy's counters have such a name: theirs
    /// begin with their domain, which is not empty.
    pub(super) counter: String,
}

impl Path {
    pub(super) fn new(domain: &str) -> Self {
        let mut counter = String::new();
        step(&mut counter, domain);
        Self { shown: domain.to_owned(), counter }
    }

    pub(super) fn below(&self, descriptor: &Descriptor) -> Self {
        let Self { mut shown, mut counter } = self.clone();
        extend(&mut shown, &descriptor.key, descriptor.value.as_deref().unwrap_or_default());
        step(&mut counter, &descriptor.key);
        Self { shown, counter }
    }
}

/// Appends an entry to a name for people.
pub(super) fn extend(name: &mut String, key: &str, value: &str) {
    name.push('.');
    name.push_str(key);
    if !value.is_empty() {
        name.push('_');
        name.push_str(value);
    }
}

/// Appends a text so that where it ends is seen whatever it holds.
fn step(name: &mut String, text: &str) {
    name.push('/');
    name.push_str(&text.replace('%', "%25").replace('/', "%2F"));
}
