use std::hint::black_box;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::Quota;

const NAMES: [&str; 5] = ["client", "endpoint", "method", "region", "tier"];

/// Few letters, so that values, patterns and prefixes meet often.
fn values() -> impl Strategy<Value = String> {
    "[ab/]{0,4}"
}

fn condition() -> impl Strategy<Value = (&'static str, Vec<String>)> {
    (select(&NAMES[..]), vec(prop_oneof![values(), "[ab*/]{0,5}"], 1..4))
}

fn policy(name: String) -> impl Strategy<Value = Policy> {
    (vec(condition(), 0..4), vec(select(&NAMES[..]), 0..3)).prop_map(move |(conditions, per)| {
        let mut policy = Policy::new(&name, Quota::per_second(1)).unwrap();
        for (attribute, patterns) in conditions {
            let patterns = patterns.iter().map(|pattern| Pattern::new(pattern));
            let condition = Condition::new(attribute, patterns).unwrap();
            policy = policy.clone().matching(condition).unwrap_or(policy);
        }
        for attribute in per {
            policy = policy.clone().per([attribute]).unwrap_or(policy);
        }
        policy
    })
}

fn policies() -> impl Strategy<Value = Policies> {
    (0_usize..30)
        .prop_flat_map(|count| (0..count).map(|number| policy(format!("p{number}"))).collect::<Vec<_>>())
        .prop_map(|list| Policies::new("default", list).unwrap())
}

proptest! {
    #[test]
    fn the_index_finds_what_trying_each_policy_finds(
        policies in policies(),
        requests in vec(vec((select(&NAMES[..]), values()), 0..6), 1..20),
    ) {
        for request in requests {
            let mut pairs: Vec<(&str, &[u8])> = Vec::new();
            for (name, value) in &request {
                if pairs.iter().all(|(other, _)| other != name) {
                    pairs.push((name, value.as_bytes()));
                }
            }
            let attributes = Attributes::new(pairs).unwrap();
            let tried: Vec<usize> =
                (0..policies.list().len()).filter(|&at| policies.list()[at].matches(&attributes)).collect();
            prop_assert_eq!(policies.matching(&attributes).to_vec(), tried);
        }
    }
}

/// Candidates per request stay few, whatever 10,000 policies have in common.
#[test]
fn the_work_does_not_grow_with_the_number_of_policies() {
    type Shape = fn(usize) -> Vec<(String, String)>;
    let shapes: [(&str, Shape); 5] = [
        ("one exact value", |n| vec![("endpoint".into(), format!("/e{n}"))]),
        ("a grid of two", |n| {
            vec![("a".into(), format!("{}", n % 100)), ("b".into(), format!("{}", n / 100))]
        }),
        ("a name of its own beside a common value", |n| {
            vec![("method".into(), "GET".into()), (format!("x{n}"), "1".into())]
        }),
        ("a prefix beside a common value", |n| {
            vec![("method".into(), "GET".into()), ("endpoint".into(), format!("/e{n}/*"))]
        }),
        ("a wildcard beside a rare value", |n| {
            vec![("method".into(), "*".into()), ("client".into(), format!("c{n}"))]
        }),
    ];
    for (title, conditions) in shapes {
        let list: Vec<Policy> = (0..10_000)
            .map(|number| {
                let policy = Policy::new(&format!("p{number}"), Quota::per_second(1)).unwrap();
                conditions(number).iter().fold(policy, |policy, (name, value)| {
                    policy.matching(Condition::new(name, [Pattern::new(value)]).unwrap()).unwrap()
                })
            })
            .collect();
        let policies = Policies::new("default", list).unwrap();
        for number in [0, 4_711, 9_999] {
            let request = conditions(number);
            let pairs: Vec<(String, String)> =
                request.iter().map(|(name, value)| (name.clone(), value.replace('*', "z"))).collect();
            let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            let attributes = Attributes::new(pairs).unwrap();
            assert_eq!(policies.matching(&attributes).as_slice(), [number], "{title}");
            let candidates = policies.index.candidates(&attributes).len();
            assert!(candidates <= 8, "{title}: {candidates} candidates");
        }
    }
}

/// Not a promise but a look: `cargo test --release -p drl-core --lib -- --ignored --nocapture the_cost`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn the_cost_of_a_match_among_10_000() {
    let list = (0..10_000).map(|number| {
        let endpoint = Condition::new("endpoint", [Pattern::new(&format!("/e{number}"))]).unwrap();
        let policy = Policy::new(&format!("p{number}"), Quota::per_second(1)).unwrap();
        policy.matching(endpoint).unwrap().per(["client"]).unwrap()
    });
    let policies = Policies::new("default", list.collect()).unwrap();
    let pairs = [("client", &b"alice"[..]), ("endpoint", b"/e4711"), ("method", b"GET")];
    let attributes = Attributes::new(pairs).unwrap();
    let started = std::time::Instant::now();
    for _ in 0..1_000_000 {
        black_box(policies.matching(black_box(&attributes)));
    }
    println!("{:?} per match", started.elapsed() / 1_000_000);
}

#[test]
fn a_request_without_the_counted_attribute_does_not_match() {
    let policy = Policy::new("per-client", Quota::per_minute(100)).unwrap().per(["client"]).unwrap();
    let policies = Policies::new("default", vec![policy]).unwrap();
    let request = |name| Attributes::new([(name, &b"alice"[..])]).unwrap();
    assert_eq!(policies.matching(&request("client")).as_slice(), [0]);
    assert_eq!(policies.matching(&request("Client")).as_slice(), [0; 0]);
}

#[test]
fn a_tier_has_its_own_quota_and_an_unknown_tier_has_none() {
    let policy = Policy::new("p", Quota::per_minute(100)).unwrap();
    let policy =
        policy.tier("free", Quota::per_minute(60)).unwrap().tier("pro", Quota::per_minute(600)).unwrap();
    for (tier, limit) in [("free", 60), ("pro", 600), ("gold", 100), ("", 100)] {
        let attributes = Attributes::new([("tier", tier.as_bytes())]).unwrap();
        assert_eq!(policy.quotas()[policy.quota_for(&attributes)].limit(), limit, "{tier}");
    }
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let policy = || Policy::new("p", Quota::per_minute(1)).unwrap();
    let endpoint = || Condition::new("endpoint", [Pattern::new("/")]).unwrap();
    assert!(matches!(Policy::new("a b", Quota::per_minute(1)), Err(PolicyError::Name(_))));
    assert!(matches!(Policy::new("p", Quota::per_minute(0)), Err(PolicyError::Quota(_))));
    assert!(matches!(policy().tier("free", Quota::per_minute(0)), Err(PolicyError::Quota(_))));
    assert!(matches!(policy().per(["a", "a"]), Err(PolicyError::DuplicateAttribute(_))));
    assert!(matches!(
        policy().matching(endpoint()).unwrap().matching(endpoint()),
        Err(PolicyError::DuplicateAttribute(_))
    ));
    assert!(matches!(Condition::new("endpoint", []), Err(PolicyError::EmptyCondition(_))));
    assert!(matches!(policy().shards(crate::shard::Shards::Fixed(0)), Err(PolicyError::Shards(0))));
    assert!(matches!(policy().on_limited(OnLimited::Status(200)), Err(PolicyError::Status(200))));
    assert!(matches!(
        policy().on_limited(OnLimited::Wait(std::time::Duration::ZERO)),
        Err(PolicyError::Wait(_))
    ));
    assert!(matches!(
        Policies::new("default", vec![policy(), policy()]),
        Err(PolicyError::DuplicateName(name)) if name == "p"
    ));
    assert!(matches!(Policies::new("a/b", vec![]), Err(PolicyError::Domain(_))));
}

#[test]
fn attributes_are_bounded_and_named_once() {
    let names: Vec<String> = (0..=Attributes::MOST).map(|number| format!("a{number}")).collect();
    let pairs = names.iter().map(|name| (name.as_str(), &b""[..]));
    assert_eq!(Attributes::new(pairs), Err(AttributesError::TooMany));
    let twice = [("client", &b"a"[..]), ("client", b"b")];
    assert_eq!(Attributes::new(twice), Err(AttributesError::Duplicate("client".to_owned())));
}
