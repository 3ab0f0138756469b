use super::*;

const RULES: &str = "
domain: d
descriptors:
  - key: group
    rate_limit: { name: by-group, unit: second, requests_per_unit: 5 }
  - key: endpoint
    rate_limit: { name: by-endpoint, replaces: [{ name: by-group }, { name: elsewhere }], unit: second, requests_per_unit: 10 }
  - key: vip
    rate_limit: { replaces: [{ name: by-endpoint }], unlimited: true }
  - key: free
    rate_limit: { name: free, unlimited: true }
  - key: stern
    rate_limit: { replaces: [{ name: free }], unit: day, requests_per_unit: 0 }
  - key: other
    rate_limit: { unit: second, requests_per_unit: 1 }
";

/// The paths of the rules that hold, `-` for a descriptor that none limits.
fn holding(descriptors: &[&str]) -> Vec<String> {
    let rules = rules(RULES);
    let mut found: Vec<_> = descriptors.iter().map(|descriptor| rules.find(descriptor)).collect();
    leave_out_replaced(&mut found);
    found.iter().map(|found| found.as_ref().map_or("-".into(), |found| found.rule.path.to_string())).collect()
}

#[test]
fn a_rule_that_is_replaced_neither_decides_nor_is_charged() {
    assert_eq!(holding(&["group=read"]), ["d.group"]);
    assert_eq!(holding(&["endpoint=/a"]), ["d.endpoint"]);
    assert_eq!(holding(&["group=read", "endpoint=/a", "other=1"]), ["-", "d.endpoint", "d.other"]);
    assert_eq!(holding(&["endpoint=/a", "group=read"]), ["d.endpoint", "-"], "in any order");
    assert_eq!(holding(&["nothing=here", "group=read"]), ["-", "d.group"]);
}

#[test]
fn a_rule_that_is_replaced_still_replaces() {
    assert_eq!(holding(&["group=read", "endpoint=/a", "vip=1"]), ["-", "-", "d.vip"]);
}

#[test]
fn what_is_unlimited_cannot_be_replaced() {
    assert_eq!(holding(&["free=1", "stern=1"]), ["d.free", "d.stern"]);
}
