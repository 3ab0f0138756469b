use drl_core::Micros;

use super::*;

/// A list of descriptors with the limits 1, 2, 3 … a minute, in the order given.
fn numbered(descriptors: &[&str]) -> Descriptors {
    let mut text = "domain: d\ndescriptors:\n".to_owned();
    for (descriptor, number) in descriptors.iter().zip(1..) {
        let limit = format!("rate_limit: {{ unit: minute, requests_per_unit: {number} }}");
        text.push_str(&format!("  - {{ {descriptor}, {limit} }}\n"));
    }
    rules(&text)
}

#[test]
fn the_very_value_comes_first_then_wildcards_in_their_order_then_the_key_alone() {
    let rules = numbered(&[
        "key: path",
        "key: path, value: /a*",
        "key: path, value: /a/b*",
        "key: path, value: /a/b",
        "key: path, value: \"*.png\"",
    ]);
    for (value, number) in
        [("/a/b", 4), ("/a/b/c", 2), ("/a", 2), ("/a.png", 2), ("/b.png", 5), ("/b", 1), ("", 1), ("/A/b", 1)]
    {
        assert_eq!(rules.requests(&format!("path={value}")), Some(number), "{value}");
    }
    assert_eq!(rules.requests("paths=/a/b"), None);
    assert_eq!(rules.requests("PATH=/a/b"), None, "keys are case-sensitive");
}

#[test]
fn what_is_no_text_is_matched_and_counted_like_any_other_value() {
    let rules = numbered(&["key: k", "key: k, value: a*"]);
    let domain = rules.domain("d").unwrap();
    for (value, number) in [(&b"\xff"[..], 0), (b"a\xff", 1), (b"a\xfe", 1)] {
        let found = domain.find(&[Entry { key: "k", value }]).unwrap();
        assert_eq!((found.number, found.partition().as_slice()), (number, &[value][..]));
    }
}

#[test]
fn a_wildcard_stands_for_itself_before_others() {
    let rules = numbered(&["key: k, value: a*", "key: k, value: ab*"]);
    assert_eq!(rules.requests("k=abc"), Some(1));
    assert_eq!(rules.requests("k=ab*"), Some(2), "sent as it is written");
}

#[test]
fn a_wildcard_may_stand_anywhere_and_more_than_once() {
    let rules = numbered(&["key: route, value: /api/*/item/*/edit"]);
    for (value, fits) in [
        ("/api/v1/item/7/edit", true),
        ("/api//item//edit", true),
        ("/api/a/b/item/c/item/d/edit", true),
        ("/api/v1/item/7/edit/", false),
        ("/api/item/edit", false),
        ("/api/v1/item/edit", false),
    ] {
        assert_eq!(rules.find(&format!("route={value}")).is_some(), fits, "{value}");
    }
}

#[test]
fn a_wildcard_in_a_key_matches_keys_and_takes_its_turn_with_those_in_values() {
    let rules = numbered(&["key: x, value: b*", "key: \"*\"", "key: x, value: a*", "key: \"x-*\", value: 1"]);
    assert_eq!(rules.requests("x=bb"), Some(1));
    assert_eq!(rules.requests("x=aa"), Some(2), "written before");
    assert_eq!(rules.requests("x-y=1"), Some(2));
    assert_eq!(rules.requests("anything=at-all"), Some(2));
    let ours = |descriptor| rules.find(descriptor).unwrap().values();
    assert_ne!(ours("y=1"), ours("z=1"), "keys count apart as values do");
    let late = numbered(&["key: \"x-*\", value: 1", "key: x-a"]);
    assert_eq!((late.requests("x-a=1"), late.requests("x-a=2")), (Some(1), Some(2)));
}

const NESTED: &str = "
domain: d
descriptors:
  - key: kind
    value: marketing
    rate_limit: { unit: hour, requests_per_unit: 9 }
    descriptors:
      - key: to
        rate_limit: { unit: day, requests_per_unit: 5 }
      - key: to
        value: everybody
  - key: kind
    descriptors:
      - key: to
        rate_limit: { unit: day, requests_per_unit: 100 }
      - key: from
        rate_limit: { unit: day, requests_per_unit: 7 }
  - key: to
    rate_limit: { unit: day, requests_per_unit: 50 }
";

#[test]
fn a_rule_is_as_deep_as_the_descriptor_is_long() {
    let rules = rules(NESTED);
    for (descriptor, requests) in [
        ("kind=marketing", Some(9)),
        ("kind=marketing to=1", Some(5)),
        ("kind=marketing to=1 x=y", None),
        ("kind=news", None),
        ("kind=news to=1", Some(100)),
        ("to=1", Some(50)),
        ("to=1 kind=marketing", None),
    ] {
        assert_eq!(rules.requests(descriptor), requests, "{descriptor}");
    }
    let domain = rules.domain("d").unwrap();
    assert!(domain.find(&[]).is_none());
    assert!(rules.domain("D").is_none());
}

#[test]
fn what_was_chosen_is_followed_even_if_nothing_fits_below() {
    let rules = rules(NESTED);
    assert_eq!(rules.requests("kind=news from=1"), Some(7));
    assert_eq!(rules.requests("kind=marketing from=1"), None, "the key alone is not tried again");
    assert_eq!(rules.requests("kind=marketing to=everybody"), None, "without a limit: let pass");
}

/// `envoyproxy/ratelimit` joins keys and values with `_` and does not escape: there, these share a counter.
#[test]
fn no_two_descriptors_share_a_counter_because_their_texts_join_alike() {
    let rules = numbered(&["key: a", "key: a_b", "key: a, value: b_c", "key: \"a/b\"", "key: a%2Fb"]);
    let place = |descriptor| {
        let found = rules.find(descriptor).unwrap();
        (found.rule.counter.to_string(), found.values())
    };
    assert_eq!(rules.requests("a=b_c"), Some(3));
    assert_eq!(rules.requests("a_b=c"), Some(2), "no value was split off its key");
    assert_ne!(place("a=b_c"), place("a_b=c"));
    assert_ne!(place("a/b=c").0, place("a%2Fb=c").0);

    let nested = super::rules(
        "{domain: d, descriptors: [
           {key: a, descriptors: [{key: b, rate_limit: {unit: day, requests_per_unit: 1}}]},
           {key: a/b, rate_limit: {unit: day, requests_per_unit: 1}}]}",
    );
    let counters: Vec<_> = nested.domain("d").unwrap().rules().iter().map(|rule| &*rule.counter).collect();
    assert_eq!(counters, ["/d/a/b", "/d/a%2Fb"]);
    let values = |descriptor| nested.find(descriptor).unwrap().values();
    assert_ne!(values("a=x_b_y b=z"), values("a=x b=y_b_z"));
}

#[test]
fn a_value_with_a_rule_of_its_own_keeps_what_was_used_under_the_key_alone() {
    let before = numbered(&["key: client"]);
    let after = numbered(&["key: client", "key: client, value: big"]);
    let counter = |rules: &Descriptors| {
        let found = rules.find("client=big").unwrap();
        (found.rule.counter.to_string(), found.values())
    };
    assert_eq!(counter(&before), counter(&after));
    assert_eq!((before.requests("client=big"), after.requests("client=big")), (Some(1), Some(2)));
}

#[test]
fn share_threshold_is_one_counter_for_all_that_a_wildcard_matches() {
    let rules = rules(
        "
domain: d
descriptors:
  - { key: file, value: shared/*, share_threshold: true, rate_limit: &ten { unit: hour, requests_per_unit: 10 } }
  - { key: file, value: own/*, rate_limit: *ten }
  - key: file
    value: top/*
    share_threshold: true
    descriptors:
      - { key: user, rate_limit: *ten }
",
    );
    let values = |descriptor| rules.find(descriptor).unwrap().values();
    assert_eq!(values("file=shared/a"), values("file=shared/b"));
    assert_eq!(values("file=shared/a"), values("file=shared/*"));
    assert_ne!(values("file=own/a"), values("file=own/b"));
    assert_eq!(values("file=top/a user=x"), values("file=top/b user=x"));
    assert_ne!(values("file=top/a user=x"), values("file=top/a user=y"));
}

/// `envoyproxy/ratelimit` has no unit in its keys: there, a changed unit inherits the old count.
#[test]
fn the_unit_is_in_the_key() {
    let identity = |unit| Limit { requests: 5, unit }.quota().unwrap().identity();
    let mut all = Unit::ALL.map(identity).to_vec();
    all.dedup();
    assert_eq!(all.len(), Unit::ALL.len());
}

#[test]
fn every_unit_is_a_window_that_can_be_kept() {
    const DAY: u64 = 86_400;
    let seconds = [1, 60, 3_600, DAY, 7 * DAY, 30 * DAY, 365 * DAY];
    for (unit, seconds) in Unit::ALL.into_iter().zip(seconds) {
        assert_eq!(unit.window(), Micros::from_secs(seconds));
        for requests in [1, u32::MAX] {
            let quota = Limit { requests, unit }.quota().unwrap();
            assert!(quota.rule().is_ok(), "{requests} a {}", unit.as_str());
            assert_eq!((quota.limit(), quota.is_spread()), (requests.into(), false));
        }
        assert_eq!(Limit { requests: 0, unit }.quota(), None, "a limit of zero needs no counter");
    }
}
