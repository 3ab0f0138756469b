//! `drl serve --resp`, and clients that are not ours.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::process::{Serving, drl, text};

const FREE: &str = "127.0.0.1:0";
const ADVICE: &str = "`cargo xtask ci` installs it";

fn serving() -> Serving {
    Serving::start(drl(&["serve", "--http", FREE, "--resp", FREE]))
}

fn port(server: &Serving) -> &str {
    server.ready.split_whitespace().find_map(|word| word.strip_prefix("resp=127.0.0.1:")).unwrap()
}

fn output(command: &mut Command) -> Output {
    let program = command.get_program().to_owned();
    command.output().unwrap_or_else(|error| panic!("{}: {error}; {ADVICE}", program.display()))
}

fn redis_cli(server: &Serving, arguments: &[&str]) -> String {
    let output = output(Command::new("redis-cli").args(["-e", "-p", port(server)]).args(arguments));
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).to_owned()
}

#[test]
fn redis_cli_is_answered_as_by_redis_cell() {
    let server = serving();
    assert_eq!(redis_cli(&server, &["CL.THROTTLE", "user123", "15", "30", "60"]), "0\n16\n15\n-1\n2\n");
    assert_eq!(redis_cli(&server, &["-3", "cl.throttle", "k", "0", "1", "3600"]), "0\n1\n0\n-1\n3600\n");
    assert_eq!(redis_cli(&server, &["-3", "cl.throttle", "k", "0", "1", "3600"]), "1\n1\n0\n3600\n3600\n");
    assert_eq!(redis_cli(&server, &["-n", "0", "PING"]), "PONG\n");
    assert!(redis_cli(&server, &["INFO"]).contains("redis_mode:standalone"));
    let refused = output(Command::new("redis-cli").args(["-e", "-p", port(&server), "GET", "k"]));
    assert!(!refused.status.success());
    assert_eq!(text(&refused.stderr).trim(), "ERR unknown command 'GET', with args beginning with: 'k'");
}

/// Its prompt asks `COMMAND DOCS` what there is to help with.
#[test]
fn redis_cli_knows_our_commands_at_its_prompt() {
    let server = serving();
    for protocol in ["-2", "-3"] {
        let mut command = Command::new("redis-cli");
        command.args([protocol, "-p", port(&server)]).env("FAKETTY", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut cli = command.spawn().unwrap_or_else(|error| panic!("redis-cli: {error}; {ADVICE}"));
        cli.stdin.take().unwrap().write_all(b"help cl.throttle\nPING\n").unwrap();
        let output = cli.wait_with_output().unwrap();
        let said = text(&output.stdout);
        assert!(output.status.success() && text(&output.stderr).is_empty(), "{output:?}");
        assert!(said.contains("key max_burst count period [quantity]"), "{said}");
        assert!(said.contains("PONG"), "{said}");
    }
}

#[test]
fn redis_benchmark_runs_against_it() {
    let server = serving();
    let mut benchmark = Command::new("redis-benchmark");
    benchmark.args(["-p", port(&server), "-P", "16", "-r", "100", "-n", "3200", "-c", "10", "-q"]);
    benchmark.args(["CL.THROTTLE", "key:__rand_int__", "2", "1", "3600"]);
    let output = output(&mut benchmark);
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("requests per second"), "{output:?}");
    assert!(!said.contains("rror") && !text(&output.stderr).contains("Error from server"), "{output:?}");
    let next = redis_cli(&server, &["CL.THROTTLE", "key:000000000001", "2", "1", "3600", "0"]);
    assert!(next.starts_with("0\n3\n0\n-1\n"), "a hundred keys were used up, and this one has {next}");
}

#[test]
fn the_python_client_of_redis_is_served() {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../venv/bin/python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/redis_client.py");
    let arguments = ["serve", "--http", FREE, "--resp", FREE, "--resp-password", "secret"];
    let (open, guarded) = (serving(), Serving::start(drl(&arguments)));
    let output = output(Command::new(python).arg(script).args([port(&open), port(&guarded)]));
    assert!(output.status.success(), "{}", text(&output.stderr));
}
