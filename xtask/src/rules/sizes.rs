//! Files stay small enough to be read at one sitting.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

const DIRECTORIES: [&str; 3] = ["crates", "examples", "xtask"];

pub(super) fn violations(root: &Path) -> Result<Vec<String>> {
    let mut violations = Vec::new();
    let mut open: Vec<_> =
        DIRECTORIES.iter().map(|name| root.join(name)).filter(|path| path.exists()).collect();
    while let Some(directory) = open.pop() {
        let entries = fs::read_dir(&directory).with_context(|| directory.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                let name = path.strip_prefix(root).unwrap_or(&path).display();
                violations.extend(excess(&path, &text).map(|excess| format!("{name} has {excess}")));
            }
        }
    }
    violations.sort_unstable();
    Ok(violations)
}

/// `lib.rs` is the map and the exports, `main.rs` the whole program at a glance.
fn excess(path: &Path, text: &str) -> Option<String> {
    let most = match path.file_name()?.to_str()? {
        "lib.rs" => 80,
        "main.rs" => 60,
        _ => 800,
    };
    let lines = text.lines().count();
    (lines > most).then(|| format!("{lines} lines, more than {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_file_has_its_bound() {
        for (name, most) in [("lib.rs", 80), ("main.rs", 60), ("quota.rs", 800)] {
            let path = Path::new("src").join(name);
            assert_eq!(excess(&path, &"\n".repeat(most)), None);
            let found = excess(&path, &"\n".repeat(most + 1)).unwrap();
            assert_eq!(found, format!("{} lines, more than {most}", most + 1));
        }
    }
}
