//! Dependencies between our own crates point one way: from the fronts to the core.

use crate::workspace::{Kind, Package, Workspace};

/// Innermost first; a crate may use those of the lines above its own.
const LAYERS: [&[&str]; 7] = [
    &["drl-core"],
    &["drl-store", "drl-resp", "drl-proto"],
    &["drl-redis"],
    &["distributed-rate-limiter"],
    &["drl-tower"],
    &["drl-server", "drl-load"],
    &["drl"],
];

/// May use anything, and nothing that ships uses them other than in its tests.
const TOOLS: [&str; 4] = ["drl-testkit", "drl-bench", "drl-examples", "xtask"];

pub(super) fn violations(workspace: &Workspace) -> Vec<String> {
    let members: Vec<&Package> = workspace.members().collect();
    let ours = |name: &str| members.iter().any(|member| member.name == name);
    let mut violations = Vec::new();
    for member in &members {
        let name = member.name.as_str();
        if TOOLS.contains(&name) {
            continue;
        }
        let Some(layer) = layer(name) else {
            violations.push(format!("{name} has no layer: give it one in xtask/src/rules/layers.rs"));
            continue;
        };
        for used in member.dependencies.iter().filter(|used| used.kind != Some(Kind::Dev) && ours(&used.name))
        {
            if TOOLS.contains(&used.name.as_str()) {
                violations.push(format!("{name} uses {} outside its tests", used.name));
            } else if self::layer(&used.name).is_some_and(|theirs| theirs >= layer) {
                violations
                    .push(format!("{name} must not depend on {}, which is no layer below it", used.name));
            }
        }
    }
    violations
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fixture::workspace;

    #[test]
    fn dependencies_towards_the_core_are_fine() {
        let workspace = workspace(&[
            ("drl", "drl-server", None),
            ("drl-server", "distributed-rate-limiter", None),
            ("distributed-rate-limiter", "drl-core", None),
            ("drl-core", "drl-testkit", Some("dev")),
            ("drl-testkit", "drl-store", None),
        ]);
        assert_eq!(violations(&workspace), Vec::<String>::new());
    }

    #[test]
    fn dependencies_away_from_the_core_are_not() {
        for kind in [None, Some("build")] {
            let found = violations(&workspace(&[("drl-core", "drl-store", kind)]));
            assert_eq!(found, ["drl-core must not depend on drl-store, which is no layer below it"]);
        }
        assert_eq!(violations(&workspace(&[("drl-store", "drl-resp", None)])).len(), 1, "within a layer");
    }

    #[test]
    fn the_test_kit_does_not_ship() {
        let found = violations(&workspace(&[("drl-server", "drl-testkit", None)]));
        assert_eq!(found, ["drl-server uses drl-testkit outside its tests"]);
    }

    #[test]
    fn a_new_crate_needs_a_layer() {
        let found = violations(&workspace(&[("drl-novelty", "drl-core", None)]));
        assert!(found[0].starts_with("drl-novelty has no layer"), "{found:?}");
    }
}
