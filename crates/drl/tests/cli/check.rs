//! `drl check`.

use std::fs;

use drl_testkit::ReservedPort;

use crate::process::{Serving, drl, run, text};

fn serve(policies: &str) -> (Serving, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("p.yaml");
    fs::write(&path, policies).unwrap();
    let command = drl(&["serve", "--http", "127.0.0.1:0", "--config", path.to_str().unwrap()]);
    (Serving::start(command), directory)
}

#[test]
fn the_exit_code_is_the_answer() {
    let (server, _directory) = serve("policies: [{ name: p, per: [client], limit: 3/hour }]");
    let check = |arguments: &[&str]| {
        let mut command = vec!["check", "--url", &server.url];
        command.extend(arguments);
        let output = run(&command);
        (output.status.code().unwrap(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    assert_eq!(check(&["client=a"]), (0, "allowed by p: 2 of 3 left\n".to_owned(), String::new()));
    assert_eq!(check(&["client=a", "--cost", "2"]).0, 0);
    let (code, line, _) = check(&["client=a"]);
    assert_eq!(code, 1);
    assert!(line.starts_with("denied by p: 0 of 3 left, retry after "), "{line}");
    let (code, line, _) = check(&["client=b", "--cost", "4"]);
    assert_eq!((code, line.as_str()), (1, "denied by p: 3 of 3 left, and it can never be admitted\n"));
    assert_eq!(check(&["--domain", "other", "client=a"]).1, "allowed: no policy matches\n");

    let (code, json, _) = check(&["client=c", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["remaining"]), (0, &serde_json::json!(2)));
    let (code, json, _) = check(&["client=a", "--json"]);
    assert_eq!((code, json.lines().count()), (1, 1));
}

#[test]
fn without_an_answer_the_exit_code_is_2() {
    let dead = ReservedPort::new();
    let dead = format!("http://{}", dead.address());
    let (server, _directory) = serve("policies: [{ name: p, limit: 3/hour }]");
    let nowhere = format!("{}/nowhere", server.url);
    for (arguments, reason) in [
        (vec!["--url", &dead, "client=a"], "no answer from"),
        (vec!["--url", &nowhere, "client=a"], "the server refuses: there is nothing at /nowhere/v1/check"),
        (vec!["--url", "nonsense", "client=a"], "no answer from"),
        (vec!["client"], "expected KEY=VALUE"),
        (vec![], "required"),
        (vec!["client=a", "client=b"], "the attribute client is there twice"),
        (vec!["client=a", "--cost", "-1"], "unexpected argument"),
    ] {
        let mut command = vec!["check"];
        command.extend(arguments);
        let output = run(&command);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {error}");
        assert!(error.contains(reason), "{command:?}: {error}");
    }
}
