use super::*;

fn metric(text: &str, descriptor: &str) -> String {
    rules(text).find(descriptor).unwrap().metric().into_owned()
}

const LIMIT: &str = "rate_limit: { unit: day, requests_per_unit: 1 }";

#[test]
fn a_rule_is_named_after_what_is_written() {
    let text = format!(
        "
domain: d
descriptors:
  - key: a
    value: x*
    descriptors: [{{ key: b, value: exact, descriptors: [{{ key: c, {LIMIT} }}] }}]
"
    );
    assert_eq!(metric(&text, "a=xyz b=exact c=secret"), "d.a_x*.b_exact.c");
}

#[test]
fn value_to_metric_shows_what_is_sent_there() {
    let text = format!(
        "
domain: d
descriptors:
  - key: route
    value_to_metric: true
    descriptors:
      - key: method
        descriptors: [{{ key: subject, {LIMIT} }}]
      - key: action
        value: read*
        value_to_metric: true
        descriptors: [{{ key: subject, {LIMIT} }}]
"
    );
    assert_eq!(metric(&text, "route=api method=GET subject=1"), "d.route_api.method.subject");
    assert_eq!(metric(&text, "route=api action=readfile subject=1"), "d.route_api.action_readfile.subject");
    assert_eq!(metric(&text, "route= method=GET subject=1"), "d.route.method.subject", "nothing was sent");
}

#[test]
fn detailed_metric_shows_everything_and_wins() {
    let text = format!(
        "
domain: d
descriptors:
  - key: a
    descriptors: [{{ key: b, detailed_metric: true, value_to_metric: true, {LIMIT} }}]
  - {{ key: a, value: x, {LIMIT} }}
"
    );
    assert_eq!(metric(&text, "a=1 b=2"), "d.a_1.b_2");
    assert_eq!(metric(&text, "a=x"), "d.a_x");
}

#[test]
fn who_shares_a_threshold_shares_a_name() {
    let text = |leaf: &str| {
        format!(
            "
domain: d
descriptors:
  - key: a
    value: api/*
    share_threshold: true
    value_to_metric: true
    descriptors: [{{ key: b, {leaf} {LIMIT} }}]
"
        )
    };
    assert_eq!(metric(&text(""), "a=api/v1 b=GET"), "d.a_api/*.b");
    assert_eq!(metric(&text("value_to_metric: true,"), "a=api/v1 b=GET"), "d.a_api/*.b_GET");
    assert_eq!(metric(&text("detailed_metric: true,"), "a=api/v1 b=GET"), "d.a_api/*.b_GET");
}

#[test]
fn a_name_is_made_only_where_it_holds_what_was_sent() {
    let text = format!("domain: d\ndescriptors: [{{ key: a, {LIMIT} }}]");
    let rules = rules(&text);
    assert!(matches!(rules.find("a=1").unwrap().metric(), std::borrow::Cow::Borrowed("d.a")));
}
