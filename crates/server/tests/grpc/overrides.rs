//! Limits that come with the request.

use drl_proto::RateLimitUnit;
use drl_proto::descriptor::RateLimitDescriptor;
use drl_proto::response::rate_limit::Unit;
use drl_proto::response::{Code, RateLimit};
use tonic::Code as Rpc;

use crate::ask::{descriptor, limited, request};
use crate::running::{Client, Running};

const POLICIES: &str = "policies:
  - { name: per-client, per: [client], limit: 3/hour, algorithm: fixed_window }
  - { name: shadow, per: [client], limit: 1/hour, mode: shadow }";

/// How many pass before one does not.
async fn admitted(client: &Client, one: RateLimitDescriptor) -> u32 {
    let mut admitted = 0;
    while client.admits(request([one.clone()])).await {
        admitted += 1;
        assert!(admitted <= 20, "it limits nothing");
    }
    admitted
}

#[tokio::test]
async fn an_override_holds_instead_of_the_policies() {
    let server = Running::start(POLICIES).await;
    let client = server.client().await;
    let alice = [("client", "alice")];
    let response = client.ask(request([limited(&alice, 5, RateLimitUnit::Day)])).await;
    let limit = RateLimit { name: "override".to_owned(), requests_per_unit: 5, unit: Unit::Day.into() };
    assert_eq!(response.statuses[0].current_limit, Some(limit));
    assert_eq!(response.statuses[0].limit_remaining, 4);
    assert_eq!(admitted(&client, limited(&alice, 5, RateLimitUnit::Day)).await, 4);
    assert_eq!(admitted(&client, descriptor(&alice)).await, 3, "the policy was not charged");
    assert_eq!(admitted(&client, limited(&[("client", "bob")], 5, RateLimitUnit::Day)).await, 5);
}

#[tokio::test]
async fn lists_come_before_overrides_and_have_no_limit_to_tell() {
    let lists = format!(
        "{POLICIES}
  - {{ name: staff, action: allow, match: {{ client: alice }} }}
  - {{ name: abusers, action: deny, match: {{ client: mallory }} }}"
    );
    let server = Running::with_legacy_fields(&lists).await;
    let client = server.client().await;
    let asked = |client| limited(&[("client", client)], 1, RateLimitUnit::Day);
    for _ in 0..3 {
        let response = client.ask(request([asked("alice")])).await;
        assert_eq!((response.overall_code(), response.statuses[0].code()), (Code::Ok, Code::Ok));
        assert_eq!(response.statuses[0].current_limit, None);
        let denied = client.ask(request([asked("mallory"), asked("bob")])).await;
        assert_eq!(denied.overall_code(), Code::OverLimit);
        let told: Vec<_> =
            denied.statuses.iter().map(|one| (one.code(), one.current_limit.clone())).collect();
        assert_eq!(told, [(Code::OverLimit, None), (Code::Ok, None)]);
        assert_eq!(denied.response_headers_to_add, [], "it is told no limit, and not to come back");
    }
    assert_eq!(admitted(&client, asked("bob")).await, 1, "nothing was charged");
}

/// FIELD 9: there, the process dies of it.
#[tokio::test]
async fn an_override_without_a_unit_is_refused_and_the_server_lives() {
    let server = Running::start(POLICIES).await;
    let client = server.client().await;
    let mut odd = limited(&[("client", "a")], 5, RateLimitUnit::Unknown);
    let refused = client.call(request([descriptor(&[("x", "y")]), odd.clone()])).await.unwrap_err();
    assert_eq!(refused.code(), Rpc::InvalidArgument);
    assert_eq!(refused.message(), "descriptors[1].limit.unit: is not set");
    odd.limit.as_mut().unwrap().unit = 77;
    let refused = client.call(request([odd])).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Rpc::InvalidArgument, "descriptors[0].limit.unit: 77 is no unit")
    );
    assert!(client.admits(request([descriptor(&[("client", "a")])])).await);
}

/// FIELD 10: there, ("a", "b_c") and ("a_b", "c") share a counter.
#[tokio::test]
async fn no_two_lists_of_attributes_share_an_override() {
    let server = Running::start(POLICIES).await;
    let client = server.client().await;
    let lists: [&[(&str, &str)]; 12] = [
        &[("a", "b_c")],
        &[("a_b", "c")],
        &[("a", "b"), ("c", "")],
        &[("a", "b"), ("b", "c")],
        &[("a1:b", "b"), ("c", "")],
        &[("a", "b,c")],
        &[("a", "b"), ("a", "c")],
        &[("a", "b"), ("a~", "2c")],
        &[("a", "")],
        &[("1:a", "")],
        &[("11:a", "")],
        &[("a", "|0}"), ("b", "{")],
    ];
    for list in lists {
        assert_eq!(admitted(&client, limited(list, 2, RateLimitUnit::Year)).await, 2, "{list:?}");
    }
    let turned = limited(&[("b", "c"), ("a", "b")], 2, RateLimitUnit::Year);
    assert_eq!(admitted(&client, turned).await, 0, "the order of entries is none of the counter's");
}

/// FIELD 11: there, a changed unit inherits the old count.
#[tokio::test]
async fn another_unit_counts_apart_and_another_limit_does_not() {
    let server = Running::start(POLICIES).await;
    let client = server.client().await;
    let one = |limit, unit| limited(&[("k", "v")], limit, unit);
    assert_eq!(admitted(&client, one(3, RateLimitUnit::Year)).await, 3);
    assert_eq!(admitted(&client, one(3, RateLimitUnit::Month)).await, 3);
    assert_eq!(admitted(&client, one(5, RateLimitUnit::Year)).await, 2, "three of five were used");
    assert_eq!(admitted(&client, one(2, RateLimitUnit::Year)).await, 0);
}

#[tokio::test]
async fn a_limit_of_none_admits_nothing() {
    let server = Running::start(POLICIES).await;
    let client = server.client().await;
    let none = limited(&[("k", "v")], 0, RateLimitUnit::Second);
    let response = client.ask(request([descriptor(&[("client", "a")]), none.clone()])).await;
    assert_eq!(response.overall_code(), Code::OverLimit);
    let [policy, none_left] = response.statuses.as_slice() else { panic!("{response:?}") };
    assert_eq!((policy.code(), policy.limit_remaining), (Code::Ok, 3), "and charges nothing");
    assert_eq!((none_left.code(), none_left.limit_remaining), (Code::OverLimit, 0));
    assert_eq!(none_left.current_limit.as_ref().unwrap().requests_per_unit, 0);
    let look = RateLimitDescriptor { hits_addend: Some(0), ..none };
    assert!(client.admits(request([look])).await, "looking costs nothing");
}

#[tokio::test]
async fn two_overrides_of_one_counter_never_exceed_the_smaller() {
    let server = Running::start(POLICIES).await;
    let client = server.client().await;
    let one = |limit| limited(&[("k", "v")], limit, RateLimitUnit::Year);
    let mut admitted = 0;
    while client.admits(request([one(10), one(4)])).await {
        admitted += 2;
        assert!(admitted <= 4, "over the limit");
    }
    assert_eq!(admitted, 4);
    let left = RateLimitDescriptor { hits_addend: Some(0), ..one(10) };
    assert_eq!(client.ask(request([left])).await.statuses[0].limit_remaining, 6);
}
