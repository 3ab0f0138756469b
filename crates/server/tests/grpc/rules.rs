//! Rules in the format of envoyproxy/ratelimit behind the gRPC front.

use drl_proto::RateLimitUnit;
use drl_proto::response::rate_limit::Unit;
use drl_proto::response::{Code, RateLimit};

use crate::ask::{costing, descriptor, limited, request};
use crate::running::Running;

const RULES: &str = "
domain: default
descriptors:
  - { key: client, rate_limit: { unit: month, requests_per_unit: 3 } }
  - { key: client, value: root, rate_limit: { unlimited: true } }
  - { key: client, value: mallory, rate_limit: { unit: year, requests_per_unit: 0 } }
  - key: generic_key
    value: slow
    descriptors:
      - key: generic_key
        value: search_*
        descriptors: [{ key: generic_key, rate_limit: { unit: week, requests_per_unit: 1 } }]
";

#[tokio::test]
async fn each_descriptor_is_told_what_its_rule_says() {
    let client = Running::with_rules(RULES).await;
    let client = client.client().await;
    let named = |name: &'static str| descriptor(&[("client", name)]);
    let answer = client.ask(request([named("alice"), named("root"), descriptor(&[("other", "x")])])).await;
    assert_eq!(answer.overall_code(), Code::Ok);
    let [alice, root, other] = answer.statuses.as_slice() else { panic!("{answer:?}") };
    let limit = RateLimit { name: "default.client".into(), requests_per_unit: 3, unit: Unit::Month.into() };
    assert_eq!((alice.current_limit.clone(), alice.limit_remaining), (Some(limit), 2));
    assert_eq!((root.current_limit.clone(), root.limit_remaining), (None, u32::MAX));
    assert_eq!((other.current_limit.clone(), other.limit_remaining), (None, 0));

    let answer = client.ask(request([named("alice"), named("mallory")])).await;
    assert_eq!(answer.overall_code(), Code::OverLimit);
    let mallory = &answer.statuses[1];
    let limit = mallory.current_limit.clone().unwrap();
    assert_eq!((limit.name.as_str(), limit.unit()), ("default.client_mallory", Unit::Year));
    assert_eq!((mallory.code(), answer.statuses[0].code()), (Code::OverLimit, Code::Ok));
    let left = client.ask(request([costing(&[("client", "alice")], 0)])).await;
    assert_eq!(left.statuses[0].limit_remaining, 2, "a denied request charges nothing");
}

/// Envoy repeats keys, and rules follow them in their order.
#[tokio::test]
async fn a_key_that_comes_again_is_the_next_level() {
    let server = Running::with_rules(RULES).await;
    let client = server.client().await;
    let ask = async |values: [&str; 3]| {
        client.admits(request([descriptor(&values.map(|value| ("generic_key", value)))])).await
    };
    assert!(ask(["slow", "search_a", "x"]).await);
    assert!(!ask(["slow", "search_a", "x"]).await);
    assert!(ask(["slow", "search_b", "x"]).await, "each value has its own counter");
    assert!(ask(["search_a", "slow", "x"]).await, "another order is another descriptor");
    assert!(ask(["search_a", "slow", "x"]).await);
}

#[tokio::test]
async fn a_limit_that_comes_with_a_descriptor_is_in_place_of_its_rule() {
    let server = Running::with_rules(RULES).await;
    let client = server.client().await;
    let own = || request([limited(&[("client", "mallory")], 2, RateLimitUnit::Hour)]);
    let verdicts = [client.admits(own()).await, client.admits(own()).await, client.admits(own()).await];
    assert_eq!(verdicts, [true, true, false]);
}
