//! Nothing that is built with our crates needs a newer Rust than we promise.
//!
//! The promise itself is kept by clippy's `incompatible_msrv` for the standard library and by the resolver,
//! which prefers fitting versions but takes others when there are none; hence this check.

use std::collections::BTreeMap;

use crate::workspace::{Package, Workspace};

pub(super) fn violations(workspace: &Workspace) -> Vec<String> {
    // Sorted, and each dependency named once, however many of ours use it.
    let mut found = BTreeMap::new();
    for member in workspace.members() {
        let Some(ours) = member.rust_version.as_deref() else { continue };
        for used in workspace.built_with(member) {
            if needs_newer(used, ours) {
                found.entry(&used.name).or_insert_with(|| {
                    let wanted = used.rust_version.as_deref().unwrap_or_default();
                    format!(
                        "{} {} needs Rust {wanted}, {} promises {ours}",
                        used.name, used.version, member.name
                    )
                });
            }
        }
    }
    found.into_values().collect()
}

fn needs_newer(package: &Package, ours: &str) -> bool {
    package.rust_version.as_deref().is_some_and(|theirs| numbers(theirs) > numbers(ours))
}

/// `1.89` and `1.89.0` are the same.
fn numbers(version: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> = version.split('.').map(|part| part.parse().unwrap_or(u64::MAX)).collect();
    numbers.resize(3, 0);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fixture::workspace;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(numbers("1.100") > numbers("1.89.1"));
        assert!(numbers("1.89.1") > numbers("1.89"));
        assert_eq!(numbers("1.89"), numbers("1.89.0"));
        assert!(numbers("nonsense") > numbers("1.89"), "what we cannot read does not fit");
    }

    #[test]
    fn a_dependency_that_needs_newer_rust_is_found_unless_only_tests_use_it() {
        let mut workspace =
            workspace(&[("ours", "old", None), ("old", "new", None), ("ours", "newest", Some("dev"))]);
        workspace.workspace_members.retain(|member| member == "ours");
        for package in &mut workspace.packages {
            let version = match package.name.as_str() {
                "ours" => "1.89",
                "old" => "1.60",
                _ => "1.90",
            };
            package.rust_version = Some(version.to_owned());
        }
        assert_eq!(violations(&workspace), ["new 0.1.0 needs Rust 1.90, ours promises 1.89"]);
    }
}
