//! The core decides and does nothing else, the codec reads and writes buffers: no runtime, no socket, no client, not even through others.

use crate::workspace::Workspace;

const PURE: [&str; 2] = ["drl-core", "drl-resp"];

/// A crate is meant by its name or by what its name begins with.
const IMPURE: [&str; 11] = [
    "async",
    "crossbeam",
    "futures",
    "hyper",
    "mio",
    "parking_lot",
    "redis",
    "reqwest",
    "smol",
    "socket2",
    "tokio",
];

pub(super) fn violations(workspace: &Workspace) -> Vec<String> {
    let pure = workspace.members().filter(|member| PURE.contains(&member.name.as_str()));
    let impure = |name: &str| IMPURE.iter().any(|word| name == *word || is_part_of(name, word));
    pure.flat_map(|member| {
        let built = workspace.built_with(member).into_iter().filter(|used| impure(&used.name));
        built.map(move |used| format!("{} is pure, but is built with {}", member.name, used.name))
    })
    .collect()
}

/// `tokio-util` is part of tokio's family, `tokiology` is not.
fn is_part_of(name: &str, family: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| rest.starts_with(['-', '_']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fixture::workspace;

    #[test]
    fn an_impure_crate_is_found_behind_a_harmless_one() {
        let found = violations(&workspace(&[
            ("drl-core", "harmless", None),
            ("harmless", "tokio-util", Some("build")),
        ]));
        assert_eq!(found, ["drl-core is pure, but is built with tokio-util"]);
    }

    #[test]
    fn tests_may_use_what_they_like() {
        let workspace = workspace(&[
            ("drl-core", "tokio", Some("dev")),
            ("drl-core", "tokiology", None),
            ("drl", "redis", None),
        ]);
        assert_eq!(violations(&workspace), Vec::<String>::new());
    }
}
