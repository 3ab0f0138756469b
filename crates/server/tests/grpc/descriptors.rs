//! What descriptors are told.

use drl_proto::RateLimitRequest;
use drl_proto::response::rate_limit::Unit;
use drl_proto::response::{Code, RateLimit};

use crate::ask::{costing, descriptor, request};
use crate::running::Running;

const POLICIES: &str = "policies:
  - { name: per-client, per: [client], limit: 3/hour, algorithm: fixed_window }
  - { name: per-path, match: { path: /scarce }, per: [path], limit: 1/day, algorithm: fixed_window }
  - { name: odd, per: [odd], limit: 5/15s, algorithm: fixed_window }";

#[tokio::test]
async fn a_descriptor_is_held_to_its_policies_and_told_what_is_left() {
    let server = Running::with_legacy_fields(POLICIES).await;
    let client = server.client().await;
    let alice = || request([descriptor(&[("client", "alice")]), descriptor(&[("other", "x")])]);
    for left in [2, 1, 0] {
        let response = client.ask(alice()).await;
        assert_eq!(response.overall_code(), Code::Ok);
        let [limited, free] = response.statuses.as_slice() else { panic!("{response:?}") };
        assert_eq!((limited.code(), limited.limit_remaining), (Code::Ok, left));
        let limit =
            RateLimit { name: "per-client".to_owned(), requests_per_unit: 3, unit: Unit::Hour.into() };
        assert_eq!(limited.current_limit.as_ref(), Some(&limit));
        let reset = limited.duration_until_reset.unwrap();
        assert!((1..=3_600).contains(&reset.seconds) && reset.nanos == 0, "{reset:?}");
        assert_eq!((free.code(), &free.current_limit), (Code::Ok, &None), "it meets no policy");
    }
    let denied = client.ask(alice()).await;
    assert_eq!(denied.overall_code(), Code::OverLimit);
    let codes: Vec<Code> = denied.statuses.iter().map(drl_proto::response::DescriptorStatus::code).collect();
    assert_eq!(codes, [Code::OverLimit, Code::Ok]);
    let header = |name: &str| {
        let of_name = denied.response_headers_to_add.iter().find(|header| header.key == name);
        of_name.unwrap_or_else(|| panic!("no {name}: {denied:?}")).value.clone()
    };
    assert_eq!(header("ratelimit-policy"), "\"per-client\";q=3;w=3600");
    assert!(header("ratelimit").starts_with("\"per-client\";r=0;t="), "{denied:?}");
    assert!((1..=3_600).contains(&header("retry-after").parse().unwrap()));
    assert_eq!((header("x-ratelimit-limit"), header("x-ratelimit-remaining")), ("3".into(), "0".into()));
    assert!(client.admits(RateLimitRequest { domain: "unknown".to_owned(), ..alice() }).await);
}

#[tokio::test]
async fn a_window_that_the_protocol_cannot_say_has_no_unit() {
    let server = Running::start(POLICIES).await;
    let response = server.client().await.ask(request([descriptor(&[("odd", "x")])])).await;
    let limit = response.statuses[0].current_limit.clone().unwrap();
    assert_eq!((limit.requests_per_unit, limit.unit()), (5, Unit::Unknown));
}

/// FIELD 7: there, what matches beside a limit that is reached is charged all the same.
#[tokio::test]
async fn a_denied_request_charges_none_of_its_descriptors() {
    let server = Running::start(POLICIES).await;
    let client = server.client().await;
    let scarce = || descriptor(&[("path", "/scarce")]);
    assert!(client.admits(request([scarce()])).await);
    for _ in 0..5 {
        let denied = client.ask(request([descriptor(&[("client", "bob")]), scarce()])).await;
        let told: Vec<_> = denied.statuses.iter().map(|one| (one.code(), one.limit_remaining)).collect();
        assert_eq!(told, [(Code::Ok, 3), (Code::OverLimit, 0)]);
    }
    let mut admitted = 0;
    while client.admits(request([descriptor(&[("client", "bob")])])).await {
        admitted += 1;
    }
    assert_eq!(admitted, 3);
}

/// FIELD 8: there, a shadow rule beside others can switch off their enforcement.
#[tokio::test]
async fn a_shadow_policy_never_changes_a_verdict() {
    let server = Running::start(
        "policies:
  - { name: real, per: [client], limit: 2/hour, algorithm: fixed_window }
  - { name: shadow, per: [client], limit: 1/hour, algorithm: fixed_window, mode: shadow }
  - { name: alone, per: [other], limit: 1/hour, algorithm: fixed_window, mode: shadow }",
    )
    .await;
    let client = server.client().await;
    let both = || request([descriptor(&[("client", "a")]), descriptor(&[("other", "a")])]);
    for expected in [true, true, false, false] {
        let response = client.ask(both()).await;
        assert_eq!(response.overall_code() == Code::Ok, expected);
        let [real, shadow] = response.statuses.as_slice() else { panic!("{response:?}") };
        assert_eq!(real.current_limit.as_ref().unwrap().name, "real");
        assert_eq!((shadow.code(), &shadow.current_limit), (Code::Ok, &None), "it restricts nobody");
        assert!(response.response_headers_to_add.iter().all(|header| !header.value.contains("shadow")));
    }
}

#[tokio::test]
async fn hits_are_those_of_the_descriptor_else_those_of_the_request_else_one() {
    let server =
        Running::start("policies: [{ name: p, per: [client], limit: 100/hour, algorithm: fixed_window }]")
            .await;
    let client = server.client().await;
    let entries = [("client", "a")];
    let left = async |request| client.ask(request).await.statuses[0].limit_remaining;
    let with = |hits_addend, one| RateLimitRequest { hits_addend, ..request([one]) };
    assert_eq!(left(with(0, descriptor(&entries))).await, 99, "a number that is not there is 1");
    assert_eq!(left(with(9, descriptor(&entries))).await, 90);
    assert_eq!(left(with(9, costing(&entries, 40))).await, 50, "the descriptor's own wins");
    assert_eq!(left(with(9, costing(&entries, 0))).await, 50, "0 looks and charges nothing");
    assert!(!client.admits(with(0, costing(&entries, 51))).await, "all or nothing");
    let refused = client.ask(with(0, costing(&entries, u64::MAX))).await;
    assert_eq!((refused.overall_code(), refused.statuses[0].limit_remaining), (Code::OverLimit, 50));
    assert!(client.admits(with(50, descriptor(&entries))).await);
    assert!(!client.admits(with(0, descriptor(&entries))).await);
}

#[tokio::test]
async fn two_descriptors_of_one_counter_are_charged_together() {
    let server = Running::start(POLICIES).await;
    let client = server.client().await;
    let twice = || request([descriptor(&[("client", "c")]), descriptor(&[("client", "c"), ("x", "y")])]);
    assert!(client.admits(twice()).await);
    assert!(!client.admits(twice()).await, "one is left");
    assert!(client.admits(request([descriptor(&[("client", "c")])])).await);
}

/// The tiers of a policy share a counter, which one decision must not charge twice over.
#[tokio::test]
async fn descriptors_of_two_tiers_of_one_client_never_exceed_the_smaller() {
    let server = Running::start(
        "policies:
  - { name: p, per: [client], limit: 4/hour, algorithm: fixed_window, tiers: { pro: 10/hour } }",
    )
    .await;
    let client = server.client().await;
    let pro = descriptor(&[("client", "a"), ("tier", "pro")]);
    let both = || request([pro.clone(), descriptor(&[("client", "a")])]);
    let mut admitted = 0;
    while client.admits(both()).await {
        admitted += 2;
        assert!(admitted <= 4, "over the limit");
    }
    assert_eq!(admitted, 4);
    let left = client.ask(request([costing(&[("client", "a"), ("tier", "pro")], 0)])).await;
    assert_eq!(left.statuses[0].limit_remaining, 6, "each of the four was counted once");
}

#[tokio::test]
async fn a_key_that_comes_again_is_an_attribute_of_its_own() {
    let server = Running::start(
        "policies:
  - { name: both, match: { generic_key: a, generic_key~2: b }, limit: 1/hour, algorithm: fixed_window }",
    )
    .await;
    let client = server.client().await;
    let repeated = |first, second| request([descriptor(&[("generic_key", first), ("generic_key", second)])]);
    assert!(client.admits(repeated("a", "b")).await);
    assert!(!client.admits(repeated("a", "b")).await);
    assert!(client.admits(repeated("b", "a")).await, "the order tells them apart");
}
