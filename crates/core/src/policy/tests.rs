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
    (select(&NAMES[..]), vec(prop_oneof![values(), "[ab*/]{0,5}", blocks()], 1..12))
}

/// Few addresses, some of them spelled in two ways.
fn addresses() -> impl Strategy<Value = String> {
    let few =
        ["10.0.0.1", "::ffff:10.0.0.1", "10.1.0.0", "11.0.0.1", "2001:db8::1", "2001:DB8::2", "2001:db9::"];
    select(few.to_vec()).prop_map(str::to_owned)
}

fn blocks() -> impl Strategy<Value = String> {
    let few =
        ["10.0.0.0/8", "10.0.0.0/16", "10.0.0.1/32", "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::1"];
    select(few.to_vec()).prop_map(str::to_owned)
}

/// An address block if it is one.
fn pattern(text: &str) -> Pattern {
    Block::new(text).map_or_else(|_| Pattern::new(text), Pattern::from)
}

fn policy(name: String) -> impl Strategy<Value = Policy> {
    (vec(condition(), 0..4), vec(select(&NAMES[..]), 0..3)).prop_map(move |(conditions, per)| {
        let mut policy = Policy::new(&name, Quota::per_second(1)).unwrap();
        for (attribute, patterns) in conditions {
            let patterns = patterns.iter().map(|text| pattern(text));
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
        requests in vec(vec((select(&NAMES[..]), prop_oneof![values(), addresses()]), 0..6), 1..20),
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
    let shapes: [(&str, Shape); 6] = [
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
        ("an address block beside a common value", |n| {
            vec![("method".into(), "GET".into()), ("ip".into(), format!("10.{}.{}.0/24", n / 100, n % 100))]
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
                    policy.matching(Condition::new(name, [pattern(value)]).unwrap()).unwrap()
                })
            })
            .collect();
        let policies = Policies::new("default", list).unwrap();
        for number in [0, 4_711, 9_999] {
            let request = conditions(number);
            let pairs: Vec<(String, String)> = request
                .iter()
                .map(|(name, value)| (name.clone(), value.replace('*', "z").replace("0/24", "7")))
                .collect();
            let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            let attributes = Attributes::new(pairs).unwrap();
            assert_eq!(policies.matching(&attributes).as_slice(), [number], "{title}");
            let candidates = policies.index.candidates(&attributes).len();
            assert!(candidates <= 8, "{title}: {candidates} candidates");
        }
    }
}

#[test]
fn a_request_without_the_counted_attribute_does_not_match() {
    let policy = Policy::new("per-client", Quota::per_minute(100)).unwrap().per(["client"]).unwrap();
    let policies = Policies::new("default", vec![policy]).unwrap();
    let request = |name| Attributes::new([(name, &b"alice"[..])]).unwrap();
    assert_eq!(policies.matching(&request("client")).as_slice(), [0]);
    assert_eq!(policies.matching(&request("Client")).as_slice(), [0; 0]);
}

fn limit(policy: &Policy, request: &[(&str, &str)]) -> Option<u64> {
    let pairs = request.iter().map(|(name, value)| (*name, value.as_bytes()));
    let attributes = Attributes::new(pairs).unwrap();
    let policies = Policies::new("default", vec![policy.clone()]).unwrap();
    let spellings = policies.spellings(&attributes);
    let allowance = policy.allowance(&attributes, &spellings)?;
    Some(policy.quotas()[allowance.quota].limit())
}

#[test]
fn a_tier_has_its_own_quota_and_an_unknown_tier_has_none() {
    let policy = Policy::new("p", Quota::per_minute(100)).unwrap();
    let policy =
        policy.tier("free", Quota::per_minute(60)).unwrap().tier("pro", Quota::per_minute(600)).unwrap();
    for (tier, expected) in [("free", 60), ("pro", 600), ("gold", 100), ("", 100)] {
        assert_eq!(limit(&policy, &[("tier", tier)]), Some(expected), "{tier}");
    }
}

#[test]
fn a_clients_own_quota_wins_over_its_tier() {
    let named = |names: [&str; 2]| names.map(|name| (name.to_owned(), Quota::per_minute(7)));
    let policy = Policy::new("p", Quota::per_minute(100)).unwrap().per(["client", "path"]).unwrap();
    // Whatever the order of the steps.
    let policy =
        policy.clients(named(["alice", "bob"])).unwrap().tier("pro", Quota::per_minute(600)).unwrap();
    assert_eq!(policy.quotas().len(), 3, "alike quotas are one limit");
    let request = |client, tier| limit(&policy, &[("path", "bob"), ("client", client), ("tier", tier)]);
    for (client, tier, expected) in
        [("alice", "pro", 7), ("bob", "", 7), ("carol", "pro", 600), ("carol", "", 100)]
    {
        assert_eq!(request(client, tier), Some(expected), "{client} {tier}");
    }
}

#[test]
fn addresses_are_counted_in_one_spelling() {
    let axis = Axis::address("ip", 64).unwrap();
    let policy = Policy::new("p", Quota::per_minute(100)).unwrap().per([axis]).unwrap();
    let own = |name: &str, limit| (name.to_owned(), Quota::per_minute(limit));
    let policy = policy.clients([own("::ffff:192.0.2.1", 7), own("2001:db8::/64", 8)]).unwrap();
    let policies = Policies::new("default", vec![policy]).unwrap();
    let policy = &policies.list()[0];
    for (value, counted, expected) in [
        ("192.0.2.1", "192.0.2.1", 7),
        ("::ffff:192.0.2.1", "192.0.2.1", 7),
        ("2001:db8::1", "2001:db8::/64", 8),
        ("2001:DB8:0:0:1:2:3:4", "2001:db8::/64", 8),
        ("2001:db8:0:1::", "2001:db8:0:1::/64", 100),
        ("unknown", "unknown", 100),
    ] {
        let attributes = Attributes::new([("ip", value.as_bytes())]).unwrap();
        let spellings = policies.spellings(&attributes);
        let allowance = policy.allowance(&attributes, &spellings).unwrap();
        assert_eq!(*allowance.partition, [counted.as_bytes()], "{value}");
        assert_eq!(policy.quotas()[allowance.quota].limit(), expected, "{value}");
    }
}

#[test]
fn a_list_counts_nothing() {
    for (list, action) in
        [(Policy::allow("l").unwrap(), Action::Allow), (Policy::deny("l").unwrap(), Action::Deny)]
    {
        assert_eq!((list.action(), list.quotas().len()), (action, 0));
        assert_eq!(limit(&list, &[("client", "alice")]), None);
        let idle = |key| Err(PolicyError::Idle { key, action });
        assert_eq!(list.clone().per(["client"]), idle("per"));
        assert_eq!(list.clone().tier("free", Quota::per_minute(1)), idle("tiers"));
        assert_eq!(list.clone().clients([]), idle("clients"));
        let wait = OnLimited::Wait(std::time::Duration::from_secs(1));
        assert!(list.on_limited(wait).is_err());
    }
    assert!(Policy::deny("l").unwrap().on_limited(OnLimited::Status(403)).is_ok());
    let idle = PolicyError::Idle { key: "on_limited", action: Action::Allow };
    assert_eq!(Policy::allow("l").unwrap().on_limited(OnLimited::Status(403)), Err(idle));
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let policy = || Policy::new("p", Quota::per_minute(1)).unwrap();
    let endpoint = || Condition::new("endpoint", [Pattern::new("/")]).unwrap();
    assert!(matches!(Policy::new("a b", Quota::per_minute(1)), Err(PolicyError::Name(_))));
    assert!(matches!(Policy::new("p", Quota::per_minute(0)), Err(PolicyError::Quota(_))));
    assert!(matches!(policy().tier("free", Quota::per_minute(0)), Err(PolicyError::Quota(_))));
    assert!(matches!(policy().per(["a", "a"]), Err(PolicyError::DuplicateAttribute(_))));
    let many: Vec<String> = (0..=Attributes::MOST).map(|number| number.to_string()).collect();
    assert_eq!(policy().per(many.clone()), Err(PolicyError::TooManyAttributes));
    let every = |policy: Policy, name: &String| policy.matching(Condition::new(name, [Pattern::new("")])?);
    assert_eq!(many.iter().try_fold(policy(), every), Err(PolicyError::TooManyAttributes));
    let quotas = |quota| [("a".to_owned(), quota), ("a".to_owned(), quota)];
    let minute = Quota::per_minute(1);
    assert_eq!(policy().clients(quotas(minute)), Err(PolicyError::ClientsOfNobody));
    assert_eq!(policy().tiers(quotas(minute)), Err(PolicyError::DuplicateTier("a".to_owned())));
    let per_client = || policy().per(["client"]).unwrap();
    assert_eq!(per_client().clients(quotas(minute)), Err(PolicyError::DuplicateClient("a".to_owned())));
    assert!(matches!(per_client().clients(quotas(Quota::per_minute(0))), Err(PolicyError::Quota(_))));
    assert_eq!(Axis::address("ip", 0), Err(PolicyError::Ipv6Prefix(0)));
    assert_eq!(Axis::address("ip", 129), Err(PolicyError::Ipv6Prefix(129)));
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
fn entries_of_one_key_are_told_apart_by_name_and_stay_as_they_were_sent() {
    let sent = [("k", &b"a"[..]), ("j", b"b"), ("k", b"c"), ("k~x", b"d"), ("k~x", b"e"), ("k", b"f")];
    let names = Names::new(sent.map(|(key, _)| key));
    let attributes = Attributes::of_entries(sent, &names).unwrap();
    assert!(attributes.entries().eq(sent));
    let named: Vec<&str> = attributes.iter().map(|(name, _)| name).collect();
    assert_eq!(named, ["k", "j", "k~2", "k~x", "k~x~2", "k~3"]);
    assert_eq!(attributes.get("k~3"), Some(&b"f"[..]));

    let sent = [("k", &b"a"[..]), ("k", b"b"), ("k~2", b"c")];
    let names = Names::new(sent.map(|(key, _)| key));
    let refused = Attributes::of_entries(sent, &names);
    assert_eq!(refused, Err(AttributesError::Duplicate("k~2".to_owned())));
}

#[test]
fn attributes_are_bounded_and_named_once() {
    let names: Vec<String> = (0..=Attributes::MOST).map(|number| format!("a{number}")).collect();
    let pairs = names.iter().map(|name| (name.as_str(), &b""[..]));
    assert_eq!(Attributes::new(pairs), Err(AttributesError::TooMany));
    let twice = [("client", &b"a"[..]), ("client", b"b")];
    assert_eq!(Attributes::new(twice), Err(AttributesError::Duplicate("client".to_owned())));
}
