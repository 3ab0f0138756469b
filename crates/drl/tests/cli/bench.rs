//! `drl bench`.

use std::process::Stdio;

use drl_testkit::{RedisServer, ReservedPort};
use serde_json::Value;

use crate::process::{drl, run, text};

/// On a machine that is busy with other tests.
const PATIENT: &str = "?timeout_ms=30000";

/// One short run: its exit code and its report.
fn bench(arguments: &[&str]) -> (Option<i32>, Value) {
    let mut command = vec!["bench", "--json", "--duration", "300ms", "--callers", "8"];
    command.extend(arguments);
    let output = run(&command);
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    let report = serde_json::from_str(out).unwrap_or_else(|_| panic!("{command:?}: {out:?} {error}"));
    assert_eq!(error, "", "no progress where nobody sees it");
    assert_eq!(out.lines().count(), 1);
    (output.status.code(), report)
}

fn number(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap_or_else(|| panic!("no {name} in {report}"))
}

/// What holds for every run, however fast.
#[track_caller]
fn assert_sound(report: &Value) {
    let [decisions, admitted, denied] = ["decisions", "admitted", "denied"].map(|name| number(report, name));
    assert!(decisions > 0 && decisions == admitted + denied, "{report}");
    let sources = report["by_source"].as_object().unwrap().values();
    assert_eq!(sources.map(|count| count.as_u64().unwrap()).sum::<u64>(), decisions, "{report}");
    assert!(number(report, "admitted_tokens") <= number(report, "bound"), "{report}");
    assert_eq!((number(report, "over_admission"), &report["worst"]), (0, &Value::Null), "{report}");
    let latency =
        ["p50", "p90", "p99", "p99_9", "max"].map(|name| report["latency_us"][name].as_f64().unwrap());
    assert!(latency.is_sorted() && latency[0] > 0.0, "{report}");
    let seconds = report["seconds"].as_f64().unwrap();
    assert!(seconds > 0.1, "{report}");
    assert!((report["decisions_per_second"].as_f64().unwrap() * seconds - decisions as f64).abs() < 1.0);
}

#[test]
fn one_client_of_every_algorithm_gets_what_it_may_and_no_more() {
    for (algorithm, most) in [
        ("fixed_window", 200),
        ("sliding_window_log", 100),
        ("sliding_window", 200),
        ("token_bucket", 100),
        ("leaky_bucket", 100),
        ("leaky_bucket_queue", 101),
    ] {
        let (code, report) = bench(&["--algorithm", algorithm, "--keys", "1", "--limit", "100/day"]);
        assert_eq!(code, Some(0), "{report}");
        assert_sound(&report);
        assert_eq!(number(&report, "errors"), 0);
        // Midnight may have been in between, and a few minutes refill a token.
        assert!((100..=most + 2).contains(&number(&report, "admitted")), "{report}");
        assert!(number(&report, "denied") > 0, "{report}");
    }
}

#[test]
fn instances_on_memory_share_it() {
    let arguments =
        ["--instances", "3", "--keys", "1", "--limit", "500/hour", "--algorithm", "sliding_window_log"];
    let (code, report) = bench(&arguments);
    assert_eq!(code, Some(0));
    assert_sound(&report);
    assert_eq!((number(&report, "admitted"), number(&report, "bound")), (500, 500));
    assert!((report["utilisation"].as_f64().unwrap() - 1.0).abs() < 1e-9);
}

#[test]
fn instances_on_redis_share_it_as_threads_and_as_processes() {
    let redis = RedisServer::start();
    let store = format!("{}/{PATIENT}", redis.url());
    for how in [&["--warmup=100ms"][..], &["--processes"], &["--processes", "--warmup=100ms"]] {
        let mut arguments = vec!["--store", &store, "--instances", "3", "--keys", "2", "--limit", "60/hour"];
        arguments.extend(["--algorithm", "sliding_window_log", "--distribution", "uniform"]);
        arguments.extend(how);
        let (code, report) = bench(&arguments);
        assert_eq!(code, Some(0), "{report}");
        assert_sound(&report);
        assert_eq!((number(&report, "admitted"), number(&report, "bound")), (120, 120), "{report}");
        assert_eq!(number(&report, "errors"), 0, "{report}");
        assert_eq!(report["configuration"]["processes"], how[0] == "--processes");
    }
    assert_eq!(redis.keys_without_ttl(), Vec::<String>::new());
}

#[test]
fn short_windows_and_fast_buckets_on_redis_are_never_over() {
    let redis = RedisServer::start();
    let store = format!("{}/{PATIENT}", redis.url());
    for algorithm in ["fixed_window", "sliding_window_log", "sliding_window", "token_bucket"] {
        let arguments = [
            "--store",
            &store,
            "--instances",
            "2",
            "--keys",
            "3",
            "--limit",
            "20/50ms",
            "--algorithm",
            algorithm,
        ];
        let (code, report) = bench(&arguments);
        assert_eq!(code, Some(0), "{report}");
        assert_sound(&report);
        assert!(number(&report, "admitted") > 60, "several windows: {report}");
    }
}

/// The judge's alarm, raised for real: a store that forgets lets everybody start anew. (A denial is remembered
/// for a second at most, so within three there is a second start.)
#[test]
fn a_store_that_forgets_is_found_out() {
    let redis = RedisServer::start();
    let store = format!("{}/{PATIENT}", redis.url());
    for how in [&["--instances", "1"][..], &["--processes", "--instances", "2"]] {
        let mut command = drl(&["bench", "--json", "--duration", "3s", "--callers", "8", "--store", &store]);
        command.args(["--keys", "2", "--limit", "50/hour", "--algorithm", "sliding_window_log"]).args(how);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        // Each time it has been asked some more.
        let mut asked = 0;
        while child.try_wait().unwrap().is_none() {
            let calls = redis.calls("evalsha");
            if calls > asked {
                redis.flush();
                asked = calls;
            }
        }
        let output = child.wait_with_output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{report}");
        assert_eq!(number(&report, "bound"), 100, "{report}");
        let over = number(&report, "over_admission");
        assert_eq!(over, number(&report, "admitted") - 100, "{report}");
        assert!(number(&report["worst"], "admitted") > 50, "{report}");
    }
}

#[test]
fn what_costs_more_is_counted_in_tokens() {
    let (code, report) =
        bench(&["--cost", "7", "--burst", "70", "--limit", "7/day", "--keys", "1", "--shards", "1"]);
    assert_eq!(code, Some(0));
    assert_sound(&report);
    let counts = ["admitted", "admitted_tokens", "bound"].map(|name| number(&report, name));
    assert_eq!(counts, [10, 70, 70]);
}

#[test]
fn a_person_reads_a_table() {
    let arguments = ["--duration", "50ms", "--keys", "5", "--distribution", "zipf:1.5", "--leases", "off"];
    let mut command = vec!["bench"];
    command.extend(arguments);
    let output = run(&command);
    assert_eq!(output.status.code(), Some(0));
    let table = text(&output.stdout);
    for line in ["1 instance, 64 callers each, 5 keys (zipf:1.5)", "over-admission  0\n", "token_bucket"] {
        assert!(table.contains(line), "{table}");
    }
}

#[test]
fn what_cannot_run_exits_with_2_and_says_why() {
    let dead = ReservedPort::new();
    let dead = format!("redis://user:secret@{}", dead.address());
    for (arguments, reason) in [
        (vec!["--store", &dead], "store"),
        (vec!["--store", &dead, "--processes", "--instances", "2"], "store"),
        (vec!["--store", "mysql://x"], "mysql"),
        (vec!["--processes"], "--processes: memory:// lives in one process"),
        (vec!["--limit", "0/minute"], "--limit: the limit must be at least 1"),
        (vec!["--limit", "many"], "--limit: `many` is not a limit such as 100/minute"),
        (vec!["--burst", "5", "--algorithm", "fixed_window"], "fixed_window has no burst"),
        (vec!["--algorithm", "magic"], "--algorithm: `magic` is not an algorithm"),
        (vec!["--cost", "1001"], "--cost: not 1 to 1000"),
        (vec!["--cost", "0"], "--cost: not 1 to 1000"),
        (vec!["--callers", "0"], "--callers: not 1 to 100000"),
        (vec!["--keys", "0"], "--keys: not 1 to 10000000"),
        (vec!["--instances", "0"], "--instances: not 1 to 256"),
        (vec!["--duration", "0s"], "--duration: not between 10 ms and a day"),
        (vec!["--duration", "soon"], "not a time such as 500ms"),
        (vec!["--duration=-1s"], "a time before its start"),
        (vec!["--distribution", "normal"], "neither `uniform` nor `zipf`"),
        (vec!["--shards", "65"], "neither `auto` nor 1 to 64"),
        (vec!["--leases", "on"], "neither `auto` nor `off`"),
    ] {
        let mut command = vec!["bench"];
        command.extend(arguments);
        let output = run(&command);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {error}");
        assert!(error.contains(reason), "{command:?}: {error}");
        assert!(!error.contains("secret"), "{error}");
        assert_eq!(text(&output.stdout), "", "{command:?}");
    }
}

#[test]
fn a_password_is_not_in_the_report() {
    let redis = RedisServer::builder().password("s3cret").start();
    let (code, report) = bench(&["--store", &redis.url()]);
    assert_eq!(code, Some(0));
    assert_eq!(report["configuration"]["store"], format!("redis://{}", redis.address()));
    assert!(!report.to_string().contains("s3cret"));
}
