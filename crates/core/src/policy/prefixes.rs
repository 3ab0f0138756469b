//! All prefixes of a value among many, without trying each.

/// Prefixes and the numbers posted under them (of policies, of rules), sorted. Since a value's prefixes are prefixes of each
/// other, each entry remembers the longest other entry it begins with: all prefixes of a value lie on
/// the chain of the one found by binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefixes {
    /// What each entry begins with: searched without a look at the entries, which are all over the memory.
    heads: Vec<u128>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    prefix: Box<[u8]>,
    parent: Option<usize>,
    numbers: Vec<u32>,
}

impl Prefixes {
    /// An index of numbers, each posted under a prefix.
    #[must_use]
    pub fn new(mut posts: Vec<(&[u8], u32)>) -> Self {
        posts.sort_unstable();
        let mut entries: Vec<Entry> = Vec::new();
        let mut chain: Vec<usize> = Vec::new();
        for (prefix, number) in posts {
            match entries.last_mut() {
                Some(last) if *last.prefix == *prefix => last.numbers.push(number),
                _ => {
                    while chain.last().is_some_and(|&top| !prefix.starts_with(&entries[top].prefix)) {
                        chain.pop();
                    }
                    let parent = chain.last().copied();
                    chain.push(entries.len());
                    entries.push(Entry { prefix: prefix.into(), parent, numbers: vec![number] });
                }
            }
        }
        Self { heads: entries.iter().map(|entry| head(&entry.prefix)).collect(), entries }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Calls `found` with the numbers under each prefix of `value`.
    pub fn of(&self, value: &[u8], mut found: impl FnMut(&[u32])) {
        // The greatest entry up to `value` may be none of its prefixes, but it begins with all of them:
        // whatever sorts between a prefix of `value` and `value` itself begins with that prefix.
        let near = head(value);
        let before = self.heads.partition_point(|&head| head < near);
        let alike = self.heads[before..].partition_point(|&head| head == near);
        let alike = &self.entries[before..before + alike];
        let mut next = (before + alike.partition_point(|entry| *entry.prefix <= *value)).checked_sub(1);
        while let Some(entry) = next.and_then(|at| self.entries.get(at)) {
            if value.starts_with(&entry.prefix) {
                found(&entry.numbers);
            }
            next = entry.parent;
        }
    }
}

/// The first bytes, as a number that sorts as they do. Bytes that are not there sort first, as zeros do.
fn head(bytes: &[u8]) -> u128 {
    let mut head = [0; 16];
    let length = bytes.len().min(head.len());
    head[..length].copy_from_slice(&bytes[..length]);
    u128::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_found_and_nothing_else() {
        const LONG: &str = "/0123456789abcdef/x";
        let texts = [
            "",
            "/",
            "/a",
            "/a/",
            "/a/b",
            "/ab",
            "/b",
            "/a/b/c",
            "/a0",
            "\0",
            "a\0",
            LONG,
            "/0123456789abcdef",
        ];
        let posts = texts.iter().zip(0..).map(|(text, policy)| (text.as_bytes(), policy)).collect();
        let prefixes = Prefixes::new(posts);
        for value in [
            "",
            "/",
            "/a/b/x",
            "/a/b/c",
            "/abc",
            "/a1",
            "x",
            "/a/",
            "\u{ff}",
            "\0\0",
            "a",
            "a\0\0",
            LONG,
            "/0123456789abcdef/",
            "/0123456789abcdef0",
        ] {
            let mut found = Vec::new();
            prefixes
                .of(value.as_bytes(), |policies| found.extend(policies.iter().map(|&at| texts[at as usize])));
            found.sort_unstable();
            let mut expected: Vec<&str> = texts.into_iter().filter(|text| value.starts_with(text)).collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "{value}");
        }
    }
}
