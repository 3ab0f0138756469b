//! `cargo xtask fuzz`: coverage-guided fuzzing of what strangers send and operators write.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::step::{execute, root, step};

/// What is fuzzed, and the inputs to start from: those that `cargo test` replays.
struct Target {
    name: &'static str,
    seeds: &'static [&'static str],
}

const TARGETS: [Target; 4] = [
    Target { name: "resp", seeds: &["crates/resp/corpus"] },
    Target {
        name: "policies",
        seeds: &["crates/server/tests/policies/accepted", "crates/server/tests/policies/refused"],
    },
    Target {
        name: "descriptors",
        seeds: &["crates/server/tests/envoy/corpus/accepted", "crates/server/tests/envoy/corpus/refused"],
    },
    Target { name: "forward", seeds: &["crates/server/tests/forward/corpus"] },
];

/// A minute for each target, unless told otherwise.
const SECONDS: u32 = 60;

#[derive(Debug)]
struct Wanted {
    target: Option<String>,
    seconds: u32,
}

impl Wanted {
    fn new(arguments: &[String]) -> Result<Self> {
        let mut wanted = Self { target: None, seconds: SECONDS };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let value = arguments.next().with_context(|| format!("`{argument}` needs a value"))?;
            match argument.as_str() {
                "--target" => wanted.target = Some(value.clone()),
                "--seconds" => {
                    wanted.seconds = value.parse().with_context(|| format!("`{value}` seconds"))?;
                }
                other => bail!("unknown argument `{other}`: --target NAME, --seconds N"),
            }
        }
        Ok(wanted)
    }

    fn targets(&self) -> Result<Vec<Target>> {
        let wanted = |target: &Target| self.target.as_ref().is_none_or(|wanted| wanted == target.name);
        let targets: Vec<Target> = TARGETS.into_iter().filter(wanted).collect();
        if targets.is_empty() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            bail!("there is no such target; there are {}", names.join(", "));
        }
        Ok(targets)
    }
}

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let wanted = Wanted::new(arguments)?;
    let targets = wanted.targets()?;
    for (program, arguments, hint) in [
        ("rustup", &["run", "nightly", "rustc", "--version"][..], "rustup toolchain install nightly"),
        ("cargo", &["fuzz", "--version"], "cargo install cargo-fuzz"),
    ] {
        if !answers(program, arguments) {
            bail!(
                "fuzzing needs a nightly toolchain and cargo-fuzz; `{program} {}` fails here: `{hint}`. \
                 `cargo test` replays and mutates the same inputs without either",
                arguments.join(" ")
            );
        }
    }
    for target in targets {
        step(target.name, || fuzz(&target, wanted.seconds))?;
    }
    Ok(())
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let command = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.env_remove("RUSTUP_TOOLCHAIN").status().is_ok_and(|status| status.success())
}

/// What is found is written under `fuzz/artifacts`, what is new under `fuzz/corpus`: the seeds stay as they are.
fn fuzz(target: &Target, seconds: u32) -> Result<()> {
    let found: PathBuf = Path::new("fuzz/corpus").join(target.name);
    std::fs::create_dir_all(root().join(&found))?;
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz", "run", "--sanitizer", "none", target.name]);
    command.arg(&found).args(target.seeds);
    command.args(["--", &format!("-max_total_time={seconds}"), "-timeout=10", "-rss_limit_mb=4096"]);
    // Of the toolchain that runs this program.
    for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    execute(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_built_and_has_seeds() {
        let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        for Target { name, seeds } in TARGETS {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            assert!(root().join(format!("fuzz/fuzz_targets/{name}.rs")).exists(), "{name}");
            for seeds in seeds {
                assert!(std::fs::read_dir(root().join(seeds)).unwrap().count() > 2, "{seeds}");
            }
        }
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    }

    #[test]
    fn what_is_asked_for_is_checked() {
        let asked = |words: &str| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            Wanted::new(&words).and_then(|wanted| Ok((wanted.targets()?.len(), wanted.seconds)))
        };
        assert_eq!(asked("").unwrap(), (TARGETS.len(), SECONDS));
        assert_eq!(asked("--target resp --seconds 5").unwrap(), (1, 5));
        for wrong in ["--target x", "--seconds x", "--target", "--other 1"] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }
}
