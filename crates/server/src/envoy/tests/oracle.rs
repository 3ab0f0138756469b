//! The index against the order as the format defines it, looked for one by one.

use proptest::prelude::*;

use super::*;

/// A descriptor as it is written; its place in the tree is its limit.
#[derive(Clone, Debug)]
struct Written {
    key: &'static str,
    value: &'static str,
    below: Vec<Written>,
}

const KEYS: [&str; 5] = ["a", "ab", "a*", "*", "b"];
const VALUES: [&str; 9] = ["", "x", "xy", "x*", "*y", "x*y", "*", "xx*", "*x*y*"];
const SENT_KEYS: [&str; 5] = ["a", "ab", "b", "*", "c"];
const SENT_VALUES: [&str; 9] = ["", "x", "xy", "xxy", "y", "x*", "yx", "z", "xyxy"];

fn level(depth: u32) -> BoxedStrategy<Vec<Written>> {
    let below = if depth == 0 { Just(Vec::new()).boxed() } else { level(depth - 1) };
    let one = (prop::sample::select(&KEYS[..]), prop::sample::select(&VALUES[..]), below);
    let one = one.prop_map(|(key, value, below)| Written { key, value, below });
    let distinct = |mut list: Vec<Written>| {
        let mut seen = std::collections::HashSet::new();
        list.retain(|descriptor| seen.insert((descriptor.key, descriptor.value)));
        list
    };
    prop::collection::vec(one, 0..8).prop_map(distinct).boxed()
}

fn yaml(list: &[Written], number: &mut u32) -> String {
    let descriptor = |descriptor: &Written| {
        *number += 1;
        let Written { key, value, below } = descriptor;
        let limit = format!("rate_limit: {{ unit: day, requests_per_unit: {number} }}");
        let below = yaml(below, number);
        format!("{{ key: \"{key}\", value: \"{value}\", {limit}, descriptors: {below} }}")
    };
    format!("[{}]", list.iter().map(descriptor).collect::<Vec<_>>().join(", "))
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        Some((byte, rest)) => text.first() == Some(byte) && glob(rest, &text[1..]),
    }
}

fn choose<'l>(list: &'l [Written], entry: Entry<'_>) -> Option<&'l Written> {
    let exact = |one: &&Written| {
        one.key == entry.key && one.value.as_bytes() == entry.value && !entry.value.is_empty()
    };
    let wild = |one: &&Written| {
        let value = one.value.is_empty() || glob(one.value.as_bytes(), entry.value);
        let star = one.key.contains('*') || one.value.contains('*');
        star && glob(one.key.as_bytes(), entry.key.as_bytes()) && value
    };
    let alone = |one: &&Written| one.key == entry.key && one.value.is_empty();
    list.iter().find(exact).or_else(|| list.iter().find(wild)).or_else(|| list.iter().find(alone))
}

/// The number that [`yaml`] gave to a descriptor: how many stand before it, one more.
fn number(list: &[Written], wanted: &Written, number: &mut u32) -> Option<u32> {
    list.iter().find_map(|one| {
        *number += 1;
        if std::ptr::eq(one, wanted) { Some(*number) } else { self::number(&one.below, wanted, number) }
    })
}

fn expected(top: &[Written], descriptor: &[Entry<'_>]) -> Option<u32> {
    let mut list = top;
    let mut chosen = None;
    for &entry in descriptor {
        let one = choose(list, entry)?;
        (chosen, list) = (Some(one), &one.below);
    }
    number(top, chosen?, &mut 0)
}

proptest! {
    #[test]
    fn the_index_finds_what_looking_one_by_one_finds(
        top in level(1),
        sent in prop::collection::vec(
            prop::collection::vec((prop::sample::select(&SENT_KEYS[..]), prop::sample::select(&SENT_VALUES[..])), 1..3),
            20,
        ),
    ) {
        let text = format!("{{ domain: d, descriptors: {} }}", yaml(&top, &mut 0));
        let rules = rules(&text);
        let domain = rules.domain("d").unwrap();
        for descriptor in &sent {
            let descriptor: Vec<_> = descriptor.iter().map(|&(key, value)| Entry { key, value: value.as_bytes() }).collect();
            let found = domain.find(&descriptor).map(|found| match found.rule.allowance {
                Allowance::Limited(limit) => limit.requests,
                Allowance::Unlimited => 0,
            });
            prop_assert_eq!(found, expected(&top, &descriptor), "{:?} in {}", descriptor, text);
        }
    }
}
