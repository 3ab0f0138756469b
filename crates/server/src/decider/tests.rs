use std::sync::Arc;

use distributed_rate_limiter::engine::EngineOptions;
use distributed_rate_limiter::{Algorithm, Quota};
use drl_core::Timestamp;
use drl_core::policy::{Attributes, Names};
use drl_store::{ManualClock, MemoryStore};
use drl_testkit::ReservedPort;

use super::*;
use crate::envoy::{Descriptors, Keeping, SameDomain, Text};

/// A decider on a clock that stands still: at the beginning of a window of every unit up to a day.
struct Bench {
    decider: Decider,
    clock: Arc<ManualClock>,
}

fn descriptors(text: &str) -> Descriptors {
    Descriptors::parse(&[Text { name: "r.yaml", text }], SameDomain::Refuse).unwrap()
}

fn decider(engine: Engine, config: &Config) -> Decider {
    Decider::new(engine, config, Arc::default(), Arc::default()).unwrap()
}

fn entries(descriptor: &str) -> impl Iterator<Item = (&str, &[u8])> {
    let pairs = descriptor.split(' ').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(key, value)| (key, value.as_bytes()))
}

/// Descriptors such as `key=value key=value`.
struct Asked<'d> {
    descriptors: &'d [&'d str],
    names: Vec<Names>,
}

impl<'d> Asked<'d> {
    fn new(descriptors: &'d [&'d str]) -> Self {
        let names = descriptors.iter().map(|descriptor| Names::new(entries(descriptor).map(|(key, _)| key)));
        Self { descriptors, names: names.collect() }
    }

    /// A request of the domain `d`, each part at that cost.
    fn request(&self, cost: u64) -> Request<'_> {
        let part = |(descriptor, names): (&&'d str, _)| {
            let attributes = Attributes::of_entries(entries(descriptor), names).unwrap();
            Part { attributes, cost, quota: None }
        };
        let parts = self.descriptors.iter().zip(&self.names).map(part).collect();
        Request { domain: "d", parts, intent: Intent::Check }
    }
}

impl Bench {
    fn new(config: &Config) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(20_000 * 86_400 * 1_000_000)));
        let store = Arc::new(MemoryStore::builder().clock(Arc::clone(&clock)).build());
        let decider = decider(Engine::with_store(store, "test"), config);
        Self { decider, clock }
    }

    fn rules(text: &str) -> Self {
        Self::new(&Config::of_descriptors(descriptors(text)))
    }

    async fn ask(&self, descriptors: &[&str], cost: u64) -> Answer {
        self.decider.decide(&Asked::new(descriptors).request(cost)).await.unwrap()
    }

    async fn allows(&self, descriptors: &[&str]) -> bool {
        self.ask(descriptors, 1).await.outcome == Outcome::Allowed
    }

    /// How much a descriptor's rule has left.
    async fn left(&self, descriptor: &str) -> u64 {
        self.ask(&[descriptor], 0).await.words[0].remaining
    }
}

const PLAIN: &str = "
domain: d
descriptors:
  - { key: user, rate_limit: { unit: hour, requests_per_unit: 3 } }
  - { key: all, rate_limit: { unit: hour, requests_per_unit: 100 } }
";

/// FIELD 7: `envoyproxy/ratelimit` charges all descriptors of a request that one of them denies.
#[tokio::test]
async fn a_denied_request_charges_none_of_its_descriptors() {
    let bench = Bench::rules(PLAIN);
    for _ in 0..10 {
        bench.allows(&["user=alice", "all=1"]).await;
    }
    assert_eq!(bench.left("all=1").await, 97);
    let denied = bench.ask(&["all=1", "user=alice"], 1).await;
    assert_eq!((denied.outcome, denied.words.len()), (Outcome::Denied(OnLimited::Reject), 2));
    assert_eq!(denied.decisive().unwrap().part, 1, "the answer says whose fault it is");
    assert_eq!(denied.retry, Retry::After(Micros::from_secs(3_600)));
}

#[tokio::test]
async fn what_a_denied_request_would_have_counted_is_charged_where_that_is_wanted() {
    let counted = descriptors(PLAIN).kept(Keeping { denied: Denied::WhatFits, ..Keeping::default() });
    let bench = Bench::new(&Config::of_descriptors(counted));
    for _ in 0..10 {
        bench.allows(&["user=alice", "all=1"]).await;
    }
    assert_eq!(bench.left("all=1").await, 90, "seven denied requests are counted as well");
    assert_eq!(bench.left("user=bob").await, 3);
    assert!(bench.ask(&["user=bob"], 4).await.outcome != Outcome::Allowed);
    assert_eq!(bench.left("user=bob").await, 0, "too much at once takes what there is");
    assert!(bench.allows(&["user=carol"]).await);
}

/// FIELD 8: with its option to stop counting when over, a shadow rule there switches off the other rules.
#[tokio::test]
async fn a_shadow_rule_that_is_over_never_changes_a_verdict() {
    for denied in [Denied::Nothing, Denied::WhatFits] {
        let rules = descriptors(
            "
domain: d
descriptors:
  - { key: tried, shadow_mode: true, rate_limit: { unit: hour, requests_per_unit: 1 } }
  - { key: user, rate_limit: { unit: hour, requests_per_unit: 3 } }
",
        );
        let bench = Bench::new(&Config::of_descriptors(rules.kept(Keeping { denied, ..Keeping::default() })));
        let mut verdicts = Vec::new();
        for round in 0..5 {
            let answer = bench.ask(&["tried=1", "user=alice"], 1).await;
            verdicts.push(answer.outcome == Outcome::Allowed);
            let word = answer.words.iter().find(|word| word.shadow).unwrap();
            assert_eq!(word.allows(), round == 0, "it says what it would have said");
        }
        assert_eq!(verdicts, [true, true, true, false, false]);
        assert!(bench.allows(&["tried=1"]).await);
    }
}

#[tokio::test]
async fn every_rule_can_be_tried_without_denying_anything() {
    let rules = descriptors(PLAIN).kept(Keeping { mode: Mode::Shadow, ..Keeping::default() });
    let bench = Bench::new(&Config::of_descriptors(rules));
    for round in 0..5 {
        let answer = bench.ask(&["user=alice"], 1).await;
        assert_eq!((answer.outcome, answer.words[0].allows()), (Outcome::Allowed, round < 3));
    }
}

/// FIELD 10: there, keys and values are joined by `_` and not escaped.
#[tokio::test]
async fn descriptors_whose_texts_join_alike_do_not_share_a_counter() {
    let bench = Bench::rules(
        "
domain: d
descriptors:
  - { key: a, rate_limit: { unit: hour, requests_per_unit: 1 } }
  - { key: a_b, rate_limit: { unit: hour, requests_per_unit: 1 } }
  - key: x
    descriptors: [{ key: y, rate_limit: { unit: hour, requests_per_unit: 1 } }]
",
    );
    for descriptor in ["a=b_c", "a_b=c", "x=1_y_2 y=3", "x=1 y=2_y_3", "x=1,2 y=3", "x=1 y=2,3"] {
        assert!(bench.allows(&[descriptor]).await, "{descriptor}");
        assert!(!bench.allows(&[descriptor]).await, "{descriptor}");
    }
}

/// FIELD 11: there, the unit is not in the key.
#[tokio::test]
async fn a_changed_limit_keeps_what_was_used_and_a_changed_unit_starts_anew() {
    let rule = |unit: &str, requests: u64| {
        Config::of_descriptors(descriptors(&format!(
            "{{domain: d, descriptors: [{{key: user, rate_limit: {{unit: {unit}, requests_per_unit: {requests}}}}}]}}"
        )))
    };
    let bench = Bench::new(&rule("hour", 10));
    for _ in 0..8 {
        assert!(bench.allows(&["user=alice"]).await);
    }
    bench.decider.replace(&rule("hour", 9)).unwrap();
    assert!(bench.allows(&["user=alice"]).await);
    assert!(!bench.allows(&["user=alice"]).await);
    bench.decider.replace(&rule("day", 9)).unwrap();
    assert_eq!(bench.left("user=alice").await, 9);
    bench.decider.replace(&rule("hour", 20)).unwrap();
    assert_eq!(bench.left("user=alice").await, 11);
}

#[tokio::test]
async fn a_limit_of_zero_denies_and_nothing_else_is_charged() {
    let bench = Bench::rules(
        "
domain: d
descriptors:
  - { key: user, rate_limit: { unit: hour, requests_per_unit: 3 } }
  - { key: user, value: mallory, rate_limit: { unit: hour, requests_per_unit: 0 } }
  - { key: all, rate_limit: { unit: hour, requests_per_unit: 100 } }
  - { key: tried, shadow_mode: true, rate_limit: { unit: hour, requests_per_unit: 0 } }
",
    );
    let answer = bench.ask(&["all=1", "user=mallory"], 1).await;
    assert_eq!((answer.outcome, answer.retry), (Outcome::Denied(OnLimited::Reject), Retry::Never));
    let word = answer.decisive().unwrap();
    assert_eq!((word.part, word.limit, word.remaining), (1, 0, 0));
    assert_eq!(bench.left("all=1").await, 100);
    assert_eq!(bench.ask(&["user=mallory"], 0).await.outcome, Outcome::Allowed, "nothing is asked for");
    assert!(bench.allows(&["tried=1", "all=1"]).await);
}

/// A client that is to have nothing does not get it because the store is down.
#[tokio::test]
async fn a_limit_of_zero_denies_without_a_store() {
    let port = ReservedPort::new();
    let url = format!("redis://127.0.0.1:{}", port.number());
    let engine = Engine::connect(&url, EngineOptions::default()).await.unwrap();
    let text = format!(
        "{PLAIN}  - {{ key: user, value: mallory, rate_limit: {{ unit: day, requests_per_unit: 0 }} }}"
    );
    let decider = decider(engine, &Config::of_descriptors(descriptors(&text)));
    let ask = async |user: &str| {
        let answer = decider.decide(&Asked::new(&["all=1", user]).request(1)).await;
        answer.map(|answer| answer.outcome).ok()
    };
    assert_eq!(ask("user=alice").await, None);
    assert_eq!(ask("user=mallory").await, Some(Outcome::Denied(OnLimited::Reject)));
}

#[tokio::test]
async fn what_is_unlimited_passes_and_is_told_apart_from_what_no_rule_is_for() {
    let bench = Bench::rules(
        "
domain: d
descriptors:
  - { key: user, value: root, rate_limit: { unlimited: true } }
  - { key: user, rate_limit: { unit: hour, requests_per_unit: 1 } }
",
    );
    for _ in 0..3 {
        let answer = bench.ask(&["other=1", "user=root"], 1).await;
        assert_eq!(
            (answer.outcome, &answer.unlimited[..], answer.words.len()),
            (Outcome::Allowed, &[1][..], 0)
        );
    }
    bench.allows(&["user=x"]).await;
    assert!(!bench.allows(&["user=root", "user=x"]).await);
}

#[tokio::test]
async fn a_rule_that_is_replaced_is_not_charged() {
    let bench = Bench::rules(
        "
domain: d
descriptors:
  - { key: group, rate_limit: { name: by-group, unit: hour, requests_per_unit: 2 } }
  - { key: path, rate_limit: { replaces: [{ name: by-group }], unit: hour, requests_per_unit: 5 } }
",
    );
    for _ in 0..5 {
        assert!(bench.allows(&["group=read", "path=/a"]).await);
    }
    assert!(!bench.allows(&["group=read", "path=/a"]).await);
    assert_eq!(bench.left("group=read").await, 2);
}

const QUOTAS: &str = "
domain: d
descriptors:
  - { key: model, value: small, quota_mode: true, rate_limit: { unit: hour, requests_per_unit: 2 } }
  - { key: model, value: large, quota_mode: true, rate_limit: { unit: hour, requests_per_unit: 4 } }
  - { key: model, value: none, quota_mode: true, rate_limit: { unit: hour, requests_per_unit: 0 } }
  - { key: user, rate_limit: { unit: hour, requests_per_unit: 100 } }
";

#[tokio::test]
async fn quotas_deny_once_all_of_them_are_used_up() {
    let bench = Bench::rules(QUOTAS);
    let mut verdicts = Vec::new();
    for _ in 0..6 {
        verdicts.push(bench.allows(&["model=small", "model=large", "user=alice"]).await);
    }
    assert_eq!(verdicts, [true, true, true, true, false, false]);
    assert_eq!(bench.left("user=alice").await, 96, "what was charged for a denied request came back");
    let denied = bench.ask(&["user=alice", "model=none", "model=small"], 1).await;
    let decisive = denied.decisive().unwrap();
    assert_eq!(
        (decisive.part, denied.retry),
        (2, Retry::After(Micros::from_secs(3_600))),
        "the first to have room"
    );
    assert!(!bench.allows(&["model=none"]).await);
}

#[tokio::test]
async fn what_is_denied_by_another_rule_uses_up_no_quota() {
    let bench = Bench::rules(QUOTAS);
    assert!(bench.ask(&["user=alice", "model=large"], 101).await.outcome != Outcome::Allowed);
    assert_eq!(bench.left("model=large").await, 4);
}

/// `QUOTA_MODE` of the service: its rules, and limits that come with requests, are quotas.
#[tokio::test]
async fn all_rules_can_be_taken_for_quotas() {
    let rules = descriptors(
        "
domain: d
descriptors:
  - { key: small, rate_limit: { unit: hour, requests_per_unit: 1 } }
  - { key: large, rate_limit: { unit: hour, requests_per_unit: 3 } }
  - { key: free, rate_limit: { unlimited: true } }
  - { key: tried, shadow_mode: true, rate_limit: { unit: hour, requests_per_unit: 1 } }
",
    );
    let rules = rules.kept(Keeping { mode: Mode::Quota, ..Keeping::default() });
    let bench = Bench::new(&Config::of_descriptors(rules));
    let mut verdicts = Vec::new();
    for _ in 0..4 {
        verdicts.push(bench.allows(&["small=a", "large=a"]).await);
    }
    assert_eq!(verdicts, [true, true, true, false]);
    let denied = bench.ask(&["small=a", "large=a"], 1).await;
    assert_eq!(denied.outcome, Outcome::Denied(OnLimited::Reject));
    assert!(bench.allows(&["small=a", "large=a", "other=a"]).await, "what nothing limits has room");
    assert!(bench.allows(&["small=a", "large=a", "tried=a"]).await, "nor does a shadow limit");
    assert!(!bench.allows(&["small=a", "large=a", "free=a"]).await, "what is unlimited is no quota");
    assert!(bench.allows(&["free=a"]).await);

    let asked = Asked::new(&["small=a", "own=b"]);
    let mut request = asked.request(1);
    request.parts[1].quota = Some(Quota::new(2, Micros::from_secs(3_600)).algorithm(Algorithm::FixedWindow));
    let mut verdicts = Vec::new();
    for _ in 0..3 {
        verdicts.push(bench.decider.decide(&request).await.unwrap().outcome == Outcome::Allowed);
    }
    assert_eq!(verdicts, [true, true, false]);
}

#[tokio::test]
async fn who_brings_a_limit_along_is_held_to_that_and_to_no_rule() {
    let bench = Bench::rules(PLAIN);
    let asked = Asked::new(&["user=alice"]);
    let mut request = asked.request(1);
    request.parts[0].quota = Some(Quota::new(5, Micros::from_secs(3_600)).algorithm(Algorithm::FixedWindow));
    for left in (0..5).rev() {
        let answer = bench.decider.decide(&request).await.unwrap();
        assert_eq!((answer.outcome, answer.words[0].remaining), (Outcome::Allowed, left));
    }
    assert_eq!(bench.decider.decide(&request).await.unwrap().outcome, Outcome::Denied(OnLimited::Reject));
    assert_eq!(bench.left("user=alice").await, 3);
}

/// Lists come before everything that counts, wherever it is written.
#[tokio::test]
async fn who_is_on_an_allow_list_is_counted_by_no_rule_and_not_refused_by_a_limit_of_zero() {
    let policies = "{domain: d, policies: [{name: staff, action: allow, match: {user: [root, mallory]}}, {name: abusers, action: deny, match: {user: eve}}]}";
    let rules = format!(
        "{PLAIN}  - {{ key: user, value: mallory, rate_limit: {{ unit: day, requests_per_unit: 0 }} }}"
    );
    let bench = Bench::new(&Config::parse("p.yaml", policies).unwrap().with_descriptors(descriptors(&rules)));
    for _ in 0..5 {
        assert!(bench.allows(&["user=root"]).await);
        assert!(bench.allows(&["user=mallory"]).await);
    }
    assert!(!bench.allows(&["all=1", "user=eve"]).await);
    assert_eq!(bench.left("all=1").await, 100);
}

/// The rules have no field for it: one word is said for all of them.
#[tokio::test]
async fn while_the_store_is_out_of_reach_rules_do_as_they_are_told() {
    let port = ReservedPort::new();
    let url = format!("redis://127.0.0.1:{}", port.number());
    let quotas = QUOTAS.replace("value: none", "value: other");
    for (on_store_failure, outcome) in [
        (OnStoreFailure::Error, None),
        (OnStoreFailure::Open, Some(Outcome::Allowed)),
        (OnStoreFailure::Closed, Some(Outcome::Undecidable)),
        (OnStoreFailure::Local, Some(Outcome::Allowed)),
    ] {
        let engine = Engine::connect(&url, EngineOptions::default()).await.unwrap();
        let rules = descriptors(&quotas).kept(Keeping { on_store_failure, ..Keeping::default() });
        let decider = decider(engine, &Config::of_descriptors(rules));
        for descriptors in [&["user=alice"][..], &["model=small", "model=large"]] {
            let answer = decider.decide(&Asked::new(descriptors).request(1)).await;
            assert_eq!(answer.map(|answer| answer.outcome).ok(), outcome, "{on_store_failure:?}");
        }
        assert_eq!(decider.ready().await.is_ok(), outcome == Some(Outcome::Allowed), "{on_store_failure:?}");
    }
}

#[tokio::test]
async fn the_same_descriptor_twice_counts_twice() {
    let bench = Bench::rules(PLAIN);
    assert!(bench.allows(&["user=a", "user=a"]).await);
    assert_eq!(bench.left("user=a").await, 1);
    assert!(!bench.allows(&["user=a", "user=a"]).await);
    assert_eq!(bench.left("user=a").await, 1);
}

#[tokio::test]
async fn rules_and_policies_of_a_domain_are_decided_together() {
    let policies =
        "{domain: d, policies: [{name: per-user, per: [user], limit: 2/hour, algorithm: fixed_window}]}";
    let config = Config::parse("p.yaml", policies).unwrap().with_descriptors(descriptors(PLAIN));
    let bench = Bench::new(&config);
    assert_eq!(bench.ask(&["user=alice"], 1).await.words.len(), 2);
    assert!(bench.ask(&["user=alice"], 2).await.outcome != Outcome::Allowed);
    assert!(bench.allows(&["user=alice"]).await);
    assert!(!bench.allows(&["user=alice"]).await, "the policy has had enough, the rule has not");
    let left = |words: &[Word]| words.iter().map(|word| word.remaining).collect::<Vec<_>>();
    assert_eq!(left(&bench.ask(&["user=alice"], 0).await.words), [0, 1]);
}

/// A month is 30 days and a year 365, each a window that begins at a multiple of it.
#[tokio::test]
async fn months_and_years_are_windows_of_fixed_length() {
    for (unit, days) in [("week", 7), ("month", 30), ("year", 365)] {
        let bench = Bench::rules(&format!(
            "{{domain: d, descriptors: [{{key: user, rate_limit: {{unit: {unit}, requests_per_unit: 1}}}}]}}"
        ));
        const DAY: u64 = 86_400 * 1_000_000;
        let window = days * DAY;
        let start = 20_000 * DAY / window * window;
        for (at, allowed) in [(window - 1, true), (window, true), (2 * window - 1, false), (2 * window, true)]
        {
            bench.clock.set(Timestamp(start + at));
            assert_eq!(bench.allows(&["user=alice"]).await, allowed, "{unit} at {at}");
        }
    }
}

#[tokio::test]
async fn nested_descriptors_may_have_the_same_key() {
    let bench = Bench::rules(
        "
domain: d
descriptors:
  - key: file
    descriptors: [{ key: file, value: inner, rate_limit: { unit: hour, requests_per_unit: 1 } }]
",
    );
    assert!(bench.allows(&["file=a file=inner"]).await);
    assert!(bench.allows(&["file=b file=inner"]).await);
    assert!(!bench.allows(&["file=a file=inner"]).await);
    assert!(bench.allows(&["file=a file=other"]).await);
    let request = Asked::new(&["file=a file=inner"]);
    assert!(request.request(1).parts[0].attributes.get("file~2").is_some(), "as policies know it");
}
