//! Calls that come at the same time share executions, and nothing else.

#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use std::time::{Duration, Instant};

use drl_core::check::{Ask, Check};
use drl_core::{Algorithm, Keyspace, Mode, Quota, Rule, Verdict};
use drl_redis::{Options, RedisStore};
use drl_store::{ErrorClass, Store, StoreError};
use drl_testkit::RedisServer;
use drl_testkit::client::Commands as _;
use futures_util::future::{join, join_all};
use smallvec::smallvec;

const PATIENT: Duration = Duration::from_secs(20);

struct Limit {
    store: RedisStore,
    space: Keyspace,
    rule: Rule,
}

impl Limit {
    async fn on(server: &RedisServer, timeout: Duration) -> Self {
        let mut options = Options::default();
        options.timeout = timeout;
        let store = RedisStore::connect(&server.url().parse().unwrap(), options).await.unwrap();
        let quota = Quota::new(1_000, Quota::MAX_WINDOW).algorithm(Algorithm::FixedWindow);
        let space = Keyspace::new("test", "limit", &quota.identity());
        Self { store, space, rule: quota.rule().unwrap() }
    }

    async fn take(&self, client: &str, cost: u64) -> Result<Verdict, StoreError> {
        self.ask(client, cost, if cost == 0 { Mode::Peek } else { Mode::Take }).await
    }

    async fn ask(&self, client: &str, cost: u64, mode: Mode) -> Result<Verdict, StoreError> {
        let partition = [client.as_bytes()];
        let key = self.space.key(&partition, 0);
        let batch = [Check { asks: smallvec![Ask { key, rule: self.rule, cost }], mode }];
        self.store.decide(&batch).wait().await.remove(0)
    }

    async fn used(&self, client: &str) -> u64 {
        1_000 - self.take(client, 0).await.unwrap().outcomes[0].remaining
    }
}

/// Lets everything happen that does not wait for the server.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn calls_that_come_together_share_executions_and_each_gets_its_own_answer() {
    let server = RedisServer::start();
    let limit = Limit::on(&server, PATIENT).await;
    let before = server.calls("evalsha");
    let clients: Vec<String> = (1..=900).map(|number| format!("client-{number}")).collect();
    let calls = clients.iter().zip(1..).map(|(client, cost)| limit.take(client, cost));
    for (verdict, cost) in join_all(calls).await.into_iter().zip(1..) {
        let verdict = verdict.unwrap();
        assert_eq!((verdict.granted, verdict.outcomes[0].remaining), (cost, 1_000 - cost));
    }
    let executions = server.calls("evalsha") - before;
    assert!((8..=20).contains(&executions), "{executions} executions for 900 calls");
}

#[tokio::test]
async fn calls_for_one_counter_in_one_execution_see_each_other() {
    let server = RedisServer::start();
    let limit = Limit::on(&server, PATIENT).await;
    let before = server.calls("evalsha");
    let verdicts = join_all((0..12).map(|_| limit.take("client", 100))).await;
    let allowed = verdicts.iter().filter(|verdict| verdict.as_ref().unwrap().allowed).count();
    assert_eq!((allowed, server.calls("evalsha") - before), (10, 1));
}

#[tokio::test]
async fn a_check_that_fails_does_not_harm_those_it_was_sent_with() {
    let server = RedisServer::start();
    let limit = Limit::on(&server, PATIENT).await;
    limit.take("spoilt", 1).await.unwrap();
    let mut connection = server.connection();
    let keys: Vec<Vec<u8>> = connection.keys("*").unwrap();
    let _: () = connection.del(&keys).unwrap();
    let _: () = connection.hset(&keys[0], "field", "value").unwrap();
    let before = server.calls("evalsha");
    let (good, spoilt) = join(limit.take("good", 7), limit.take("spoilt", 1)).await;
    assert_eq!(server.calls("evalsha") - before, 1);
    assert_eq!(good.unwrap().granted, 7);
    assert_eq!(spoilt.unwrap_err().class(), ErrorClass::Protocol);
}

#[tokio::test]
async fn who_waits_behind_a_hung_server_has_not_counted() {
    let server = RedisServer::start();
    let deadline = Duration::from_millis(300);
    let limit = Limit::on(&server, deadline).await;
    server.pause();
    let start = Instant::now();
    let one_after_the_other = |number: u32| {
        let limit = &limit;
        async move {
            for _ in 0..number {
                settle().await;
            }
            limit.take("client", 1).await.unwrap_err()
        }
    };
    let errors = join_all((0..6).map(one_after_the_other)).await;
    assert!(start.elapsed() < deadline + PATIENT / 4, "each has its deadline: {:?}", start.elapsed());
    let counted: Vec<bool> = errors.iter().map(StoreError::may_have_counted).collect();
    assert!(errors.iter().all(|error| error.class() == ErrorClass::Timeout), "{errors:?}");
    assert!(counted[0] && !counted[5] && counted.is_sorted_by(|a, b| a >= b), "{counted:?}");
    server.resume();
    let patient = Limit::on(&server, PATIENT).await;
    let sent = counted.iter().filter(|&&counted| counted).count();
    assert_eq!(patient.used("client").await, sent as u64);
}

#[tokio::test]
async fn a_caller_who_goes_while_it_waits_is_not_charged_and_its_neighbours_are_answered() {
    let server = RedisServer::start();
    let limit = Limit::on(&server, PATIENT).await;
    server.pause();
    let mut calls: Vec<_> = (0..6).map(|_| Box::pin(limit.take("client", 1))).collect();
    for call in &mut calls {
        assert!(futures_util::poll!(call).is_pending());
        settle().await;
    }
    drop(calls.remove(4));
    drop(calls.remove(0));
    server.resume();
    for call in calls {
        assert!(call.await.unwrap().allowed);
    }
    assert_eq!(limit.used("client").await, 5, "the first had been sent, the fifth had not");
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_taught_all_of_them_at_once() {
    let server = RedisServer::start();
    let limit = Limit::on(&server, PATIENT).await;
    let mut connection = server.connection();
    drl_testkit::client::cmd("SCRIPT").arg("FLUSH").exec(&mut connection).unwrap();
    let before = server.calls("script|load");
    let taken = limit.take("client", 3).await.unwrap();
    limit.ask("client", 1, Mode::Refund(taken.at)).await.unwrap();
    assert_eq!(server.calls("script|load") - before, 5, "one for each algorithm, and the whole one");
    assert_eq!(limit.used("client").await, 2);
}
