//! What holds for every file of rules, whatever is in it. Also what the fuzzer runs.

use drl_server::config::ConfigError;
use drl_server::envoy::{Allowance, Descriptors, SameDomain, Text};

pub(crate) fn parse(text: &str) -> Result<Descriptors, ConfigError> {
    Descriptors::parse(&[Text { name: "fuzz.yaml", text }], SameDomain::Refuse)
}

/// It is refused with places that are in it, or every rule in it can be kept.
pub(crate) fn holds(text: &str) {
    match parse(text) {
        Ok(rules) => {
            for rule in rules.domains().flat_map(|domain| domain.rules()) {
                assert!(rule.path.len() > 1 && rule.counter.starts_with('/'), "{rule:?}");
                if let Allowance::Limited(limit) = rule.allowance {
                    assert!(limit.quota().is_none_or(|quota| quota.rule().is_ok()), "{rule:?}");
                }
            }
        }
        Err(error) => {
            assert!(!error.problems().is_empty());
            let lines = text.split(['\n', '\r']).count() as u64 + 1;
            for problem in error.problems() {
                assert!((1..=lines).contains(&problem.place.line), "{problem}\n{text}");
                assert!(problem.place.column >= 1 && !problem.message.contains('\n'), "{problem}");
            }
        }
    }
}
