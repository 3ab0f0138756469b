//! Random traces hold the script against [`drl_core::decide`], step by step, on a real server.
//!
//! Time is chosen by the test: the script is composed with a clock of its own. The specification runs first
//! and decides where a trace goes (to the very microsecond of a retry, say); then the whole trace goes to
//! the server in one pipeline. Every seed is fixed, and a failure names it.

mod steps;

use std::time::{Duration, Instant};

use drl_core::check::Check;
use drl_core::{Algorithm, State, Timestamp, Verdict};
use drl_testkit::RedisServer;
use redis::Value;

use self::steps::{Counter, Trace};
use super::{Request, Script, read};

/// Where the test's clock takes the place of the server's.
const CHOSEN_CLOCK: &str = "local now = struct.unpack('<d', ARGV[2])\n";
/// Within the second by which every counter outlives its meaning: none may expire while its trace runs,
/// since the trace's time is not the server's.
const LONGEST_RUN: Duration = Duration::from_millis(900);

/// A server, and what has been compared on it.
struct Bench {
    server: RedisServer,
    connection: redis::Connection,
    script: Script,
    steps: usize,
}

/// What one step did to one counter.
struct Effect<'a> {
    counter: &'a Counter,
    before: State,
    after: State,
}

impl Bench {
    fn new() -> Self {
        let server = RedisServer::start();
        let mut connection = server.connection();
        let script = Script::with_clock(CHOSEN_CLOCK);
        script.load().exec(&mut connection).unwrap();
        Self { server, connection, script, steps: 0 }
    }

    /// Runs a trace against the specification and the script.
    fn compare(&mut self, seed: u64, algorithms: &[Algorithm]) {
        // A busy machine may not get through in time: the same trace again, on other keys.
        let in_time = (0..20).any(|attempt| {
            let mut trace = Trace::new(seed, attempt, algorithms);
            self.run(&mut trace)
        });
        assert!(in_time, "this machine is too slow for traces");
        assert_eq!(self.server.keys_without_ttl(), [""; 0], "seed {seed}");
    }

    fn run(&mut self, trace: &mut Trace) -> bool {
        let counters = trace.counters.clone();
        let mut pipeline = redis::pipe();
        let mut expected = Vec::new();
        while let Some((now, checks)) = trace.next(&counters) {
            let request = Request { call: expected.len() as u64, checks: &checks };
            let mut command = request.command(&self.script);
            command.arg(&(now.0 as f64).to_le_bytes()[..]);
            pipeline.add_command(command);
            let (verdicts, effects) = trace.decide(&counters, &checks, now);
            for effect in &effects {
                pipeline.cmd("PTTL").arg(&effect.counter.name);
            }
            expected.push((now, checks, verdicts, effects));
        }
        let started = Instant::now();
        let replies: Vec<Value> = pipeline.query(&mut self.connection).unwrap();
        let elapsed = started.elapsed();
        if elapsed > LONGEST_RUN {
            return false;
        }
        let mut replies = replies.into_iter();
        for (call, (now, checks, verdicts, effects)) in expected.into_iter().enumerate() {
            let place = format!("seed {}, step {call} at {}: {checks:#?}", trace.seed, now.0);
            let request = Request { call: call as u64, checks: &checks };
            let answers = read(&request, replies.next().unwrap()).unwrap_or_else(|e| panic!("{place}: {e}"));
            for (answer, verdict) in answers.into_iter().zip(&verdicts) {
                assert_eq!(&answer.unwrap_or_else(|e| panic!("{place}: {e}")), verdict, "{place}");
            }
            for effect in effects {
                let Some(Value::Int(ttl)) = replies.next() else { panic!("{place}: no TTL") };
                effect.check_ttl(Duration::from_millis(ttl.try_into().unwrap_or(0)), now, elapsed, &place);
            }
            self.steps += checks.len();
        }
        true
    }
}

impl Effect<'_> {
    /// What was written lives until it says nothing, and a second of grace.
    fn check_ttl(&self, ttl: Duration, now: Timestamp, elapsed: Duration, place: &str) {
        if self.before == self.after {
            return;
        }
        let expires = self.counter.rule.expires(&self.after);
        let meaning = Duration::from_micros(expires.since(now).0) + Duration::from_secs(1);
        assert!(ttl <= meaning + Duration::from_millis(1), "{place}: {ttl:?} instead of {meaning:?}");
        // A refund can leave a log that ends sooner than its last charge, or nothing of it.
        let may_be_shorter = matches!(self.after, State::SlidingLog(_));
        assert!(may_be_shorter || ttl + elapsed >= meaning, "{place}: {ttl:?} instead of {meaning:?}");
    }
}

/// At least 10,000 steps, and all configurations several times.
fn hold(algorithms: &[Algorithm]) {
    let mut bench = Bench::new();
    let mut seed = 0;
    while bench.steps < 15_000 {
        bench.compare(seed, algorithms);
        seed += 1;
    }
}

#[test]
fn the_fixed_window_script_is_the_specification() {
    hold(&[Algorithm::FixedWindow]);
}

#[test]
fn the_sliding_log_script_is_the_specification() {
    hold(&[Algorithm::SlidingWindowLog]);
}

#[test]
fn the_sliding_window_script_is_the_specification() {
    hold(&[Algorithm::SlidingWindow]);
}

#[test]
fn the_token_bucket_script_is_the_specification() {
    hold(&[Algorithm::TokenBucket]);
}

#[test]
fn the_leaky_bucket_script_is_the_specification() {
    hold(&[Algorithm::LeakyBucket]);
}

#[test]
fn the_queue_script_is_the_specification() {
    hold(&[Algorithm::LeakyBucketQueue]);
}

#[test]
fn checks_of_mixed_algorithms_are_the_specification() {
    hold(&Algorithm::ALL);
}

#[test]
fn a_full_log_is_the_specification() {
    let mut bench = Bench::new();
    for seed in 0..6 {
        let mut trace = Trace::filling_a_log(seed);
        assert!(bench.run(&mut trace), "this machine is too slow for traces");
        let entries = trace.most_entries();
        assert!(entries >= 500, "seed {seed}: {entries} entries are no full log");
    }
}

/// A check whose verdicts can be told apart from others' is worth little if all are the same.
#[test]
fn traces_meet_every_kind_of_answer() {
    let mut seen = [0_usize; 6];
    for seed in 0..20 {
        let mut trace = Trace::new(seed, 0, &Algorithm::ALL);
        let counters = trace.counters.clone();
        while let Some((now, checks)) = trace.next(&counters) {
            let (verdicts, _) = trace.decide(&counters, &checks, now);
            verdicts.iter().zip(&checks).for_each(|(verdict, check)| tally(&mut seen, check, verdict));
        }
    }
    assert!(seen.iter().all(|&count| count > 100), "{seen:?}");
}

fn tally(seen: &mut [usize; 6], check: &Check<'_>, verdict: &Verdict) {
    use drl_core::{Mode, Retry};
    let kinds = [
        verdict.allowed,
        matches!(verdict.retry(), Retry::After(_)),
        verdict.retry() == Retry::Never,
        matches!(check.mode, Mode::Refund(_)),
        verdict.granted > 0 && check.mode == Mode::TakeUpTo && verdict.granted < check.asks[0].cost,
        verdict.outcomes.iter().any(|outcome| outcome.delay.0 > 0),
    ];
    seen.iter_mut().zip(kinds).for_each(|(count, kind)| *count += usize::from(kind));
}
