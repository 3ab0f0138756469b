//! The architecture rules that clippy and cargo-deny cannot see.

mod layers;
mod msrv;
mod purity;
mod sizes;

use anyhow::{Result, bail};

use crate::step;
use crate::workspace::Workspace;

/// Prints every violation, then fails if there was one.
pub(crate) fn check() -> Result<()> {
    let workspace = Workspace::load()?;
    let mut violations = layers::violations(&workspace);
    violations.extend(purity::violations(&workspace));
    violations.extend(msrv::violations(&workspace));
    violations.extend(sizes::violations(&step::root())?);
    for violation in &violations {
        println!("rule broken: {violation}");
    }
    match violations.len() {
        0 => Ok(()),
        broken => bail!("{broken} architecture rules are broken"),
    }
}

#[cfg(test)]
mod fixture {
    use serde_json::json;

    use crate::workspace::Workspace;

    /// Who depends on whom: `("a", "b", None)` is a normal dependency of `a` on `b`. Every package named is
    /// a member of the workspace.
    pub(super) fn workspace(edges: &[(&str, &str, Option<&str>)]) -> Workspace {
        let mut names: Vec<&str> = edges.iter().flat_map(|&(from, to, _)| [from, to]).collect();
        names.sort_unstable();
        names.dedup();
        let packages: Vec<_> = names
            .iter()
            .map(|&name| {
                let used = edges.iter().filter(|edge| edge.0 == name);
                let dependencies: Vec<_> =
                    used.map(|(_, to, kind)| json!({ "name": to, "kind": kind })).collect();
                json!({ "id": name, "name": name, "version": "0.1.0", "dependencies": dependencies })
            })
            .collect();
        let nodes: Vec<_> = names
            .iter()
            .map(|&name| {
                let used = edges.iter().filter(|edge| edge.0 == name);
                let deps: Vec<_> =
                    used.map(|(_, to, kind)| json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] })).collect();
                json!({ "id": name, "deps": deps })
            })
            .collect();
        let all = json!({
            "packages": packages,
            "workspace_members": names,
            "target_directory": "/target",
            "resolve": { "nodes": nodes },
        });
        Workspace::parse(all.to_string().as_bytes()).unwrap()
    }
}
