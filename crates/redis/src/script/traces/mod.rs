//! Random traces hold the script against [`drl_core::decide`], step by step, on a real server.
//!
//! Time is chosen by the test: the script is composed with a clock of its own. The specification runs first
//! and decides where a trace goes (to the very microsecond of a retry, say); then the whole trace goes to
//! the server in one pipeline. Every seed is fixed, and a failure names it.

mod steps;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use drl_core::check::Check;
use drl_core::{Algorithm, State, Timestamp, Verdict};
use drl_testkit::RedisServer;
use redis::Value;

use self::steps::{Counter, Trace};
use super::request::whole;
use super::{Order, Reply, Scripts, command, groups};

/// Where the test's clock takes the place of the server's.
const CHOSEN_CLOCK: &str = "local now = struct.unpack('<d', ARGV[2])\n";
/// Within the second by which every counter outlives its meaning: none may expire while its trace runs,
/// since the trace's time is not the server's.
const LONGEST_RUN: Duration = Duration::from_millis(900);

/// A server, and what has been compared on it.
struct Bench {
    server: RedisServer,
    connection: redis::Connection,
    scripts: Scripts,
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
        let scripts = Scripts::with_clock(CHOSEN_CLOCK);
        scripts.loads().for_each(|load| load.exec(&mut connection).unwrap());
        Self { server, connection, scripts, steps: 0 }
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
            let orders: Vec<Order> = checks.iter().map(Order::from).collect();
            let call = expected.len() as u64;
            // Every other trace goes through the script that can do everything, whatever it asks.
            let mut command = match trace.seed % 2 {
                0 => command(&self.scripts, call, orders.iter()),
                _ => whole(&self.scripts.whole, call, orders.iter()),
            };
            command.arg(&(now.0 as f64).to_le_bytes()[..]);
            pipeline.add_command(command);
            let (verdicts, effects) = trace.decide(&counters, &checks, now);
            for effect in &effects {
                pipeline.cmd("PTTL").arg(&effect.counter.name);
            }
            expected.push((now, orders, verdicts, effects));
        }
        let started = Instant::now();
        let replies: Vec<Value> = pipeline.query(&mut self.connection).unwrap();
        let elapsed = started.elapsed();
        if elapsed > LONGEST_RUN {
            return false;
        }
        let (mut replies, mut lives) = (replies.into_iter(), Lives::default());
        for (call, (now, orders, verdicts, effects)) in expected.into_iter().enumerate() {
            let place = format!("seed {}, step {call} at {}: {orders:#?}", trace.seed, now.0);
            let mut reply = Reply::open(replies.next().unwrap(), call as u64).expect(&place);
            for (order, verdict) in orders.iter().zip(&verdicts) {
                assert_eq!(&reply.verdict(order).expect(&place).expect(&place), verdict, "{place}");
            }
            reply.close().expect(&place);
            for effect in effects {
                let Some(Value::Int(ttl)) = replies.next() else { panic!("{place}: no TTL") };
                let ttl = Duration::from_millis(ttl.try_into().unwrap_or(0));
                lives.check(&effect, &Seen { ttl, now, elapsed }, &place);
            }
            self.steps += orders.len();
        }
        true
    }
}

/// Until when the keys live, on the trace's clock: a charge may leave that as it is.
#[derive(Default)]
struct Lives(HashMap<String, Life>);

#[derive(Clone, Copy)]
struct Life {
    /// As the server last said, on its own clock.
    ttl: Duration,
    until: Duration,
}

impl Lives {
    /// What was written lives until it says nothing, and a second of grace; a bucket a little longer.
    fn check(&mut self, effect: &Effect<'_>, seen: &Seen, place: &str) {
        let Seen { ttl, now, elapsed } = *seen;
        let rounding = Duration::from_millis(2);
        let now = Duration::from_micros(now.0);
        let meaning = Duration::from_micros(effect.counter.rule.expires(&effect.after).0).max(now)
            + Duration::from_secs(1);
        let known = self.0.get(&effect.counter.name).copied().filter(|life| {
            let same = life.ttl >= ttl && life.ttl <= ttl + elapsed + rounding;
            same && life.until + elapsed + rounding >= meaning
        });
        let until = known.map_or(now + ttl, |life| life.until);
        self.0.insert(effect.counter.name.clone(), Life { ttl, until });
        if known.is_none() && effect.before != effect.after {
            let most = meaning + effect.counter.slack() + rounding;
            assert!(until <= most, "{place}: {until:?} instead of {meaning:?}");
            // A refund can leave a log that ends sooner than its last charge, or nothing of it; a reset leaves
            // nothing.
            let may_be_shorter = matches!(effect.after, State::SlidingLog(_) | State::Empty);
            assert!(
                may_be_shorter || until + elapsed >= meaning,
                "{place}: {until:?} instead of {meaning:?}"
            );
        }
    }
}

/// A key's time to live after a step, and how long the trace had been running at the most.
#[derive(Clone, Copy)]
struct Seen {
    ttl: Duration,
    now: Timestamp,
    elapsed: Duration,
}

/// At least 10,000 steps of each script, and all configurations several times.
fn hold(algorithms: &[Algorithm]) {
    let mut bench = Bench::new();
    let mut seed = 0;
    while bench.steps < 25_000 {
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
        let run = (0..20).find_map(|attempt| {
            let mut trace = Trace::filling_a_log(seed, attempt);
            bench.run(&mut trace).then_some(trace)
        });
        let entries = run.expect("this machine is too slow for traces").most_entries();
        assert!(entries >= 500, "seed {seed}: {entries} entries are no full log");
    }
}

/// A check whose verdicts can be told apart from others' is worth little if all are the same.
#[test]
fn traces_meet_every_kind_of_answer() {
    let mut seen = [0_usize; 9];
    let (mut quick, mut grouped) = (0, 0);
    for seed in 0..40 {
        let mut trace = Trace::new(seed, 0, &Algorithm::ALL);
        let counters = trace.counters.clone();
        while let Some((now, checks)) = trace.next(&counters) {
            let (verdicts, _) = trace.decide(&counters, &checks, now);
            let orders: Vec<Order> = checks.iter().map(Order::from).collect();
            if groups::family(orders.iter()).is_some() {
                quick += 1;
                grouped += usize::from(orders.len() > 1);
            }
            verdicts.iter().zip(&checks).for_each(|(verdict, check)| tally(&mut seen, check, verdict));
        }
    }
    assert!(seen.iter().all(|&count| count > 100), "{seen:?}");
    assert!(quick > 1_000 && grouped > 200, "{quick} for quick scripts, {grouped} of several checks");
}

fn tally(seen: &mut [usize; 9], check: &Check<'_>, verdict: &Verdict) {
    use drl_core::{Mode, Retry};
    let kinds = [
        verdict.allowed,
        matches!(verdict.retry(), Retry::After(_)),
        verdict.retry() == Retry::Never,
        matches!(check.mode, Mode::Refund(_)),
        verdict.granted > 0 && check.mode == Mode::TakeUpTo && verdict.granted < check.asks[0].cost,
        verdict.outcomes.iter().any(|outcome| outcome.delay.0 > 0),
        verdict.leased.tokens > 0,
        matches!(check.mode, Mode::Return(_)),
        check.mode == Mode::Reset,
    ];
    seen.iter_mut().zip(kinds).for_each(|(count, kind)| *count += usize::from(kind));
}
