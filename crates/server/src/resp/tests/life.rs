//! A connection's life: pipelines, pieces, silence, haste, and the end of the server.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use distributed_rate_limiter::engine::Engine;
use tokio::sync::watch;
use tokio::time::Instant;

use super::support::{Client, Remote, Wire, embedded, front};
use crate::listen::Stopping;
use crate::resp::connection::{End, converse};

const ALLOWED: &str = "*5\r\n:0\r\n:1\r\n:0\r\n:-1\r\n:60\r\n";
const DENIED: &str = "*5\r\n:1\r\n:1\r\n:0\r\n:60\r\n:60\r\n";

#[tokio::test]
async fn a_pipeline_is_answered_in_order_and_in_one_piece() {
    let front = front(embedded());
    let mut client = Client::of(&front);
    let (mut asked, mut expected) = (String::new(), String::new());
    for number in 0..200 {
        let _ = write!(asked, "ECHO {number:03}\r\nCL.THROTTLE k{} 0 1 60\r\nNONSENSE\r\n", number / 2);
        let decided = if number % 2 == 0 { ALLOWED } else { DENIED };
        let error = "-ERR unknown command 'NONSENSE', with args beginning with: \r\n";
        let _ = write!(expected, "$3\r\n{number:03}\r\n{decided}{error}");
    }
    client.send(&asked).await;
    assert_eq!(String::from_utf8(client.read().await).unwrap(), expected);
}

#[tokio::test]
async fn requests_may_come_byte_by_byte() {
    let front = front(embedded());
    let mut client = Client::of(&front);
    let asked = b"*5\r\n$11\r\nCL.THROTTLE\r\n$3\r\n\r\n\x00\r\n$1\r\n0\r\n$1\r\n1\r\n$2\r\n60\r\nPING\r\n*1\r\n$4\r\nping\r\n";
    for byte in asked {
        client.send([*byte]).await;
        tokio::task::yield_now().await;
    }
    client.receives(&format!("{ALLOWED}+PONG\r\n+PONG\r\n")).await;
}

#[tokio::test]
async fn another_language_ends_the_connection_and_no_other() {
    let front = front(embedded());
    let mut other = Client::of(&front);
    for (spoken, told) in [
        ("PING\r\n*x\r\nPING\r\n", "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n"),
        ("*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("POST / HTTP/1.1\r\nPING\r\n", "-ERR this is no HTTP server\r\n"),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nCL.THROTTLE k 0 1 60\r\n",
            "-ERR unknown command 'GET', with args beginning with: '/' 'HTTP/1.1' \r\n-ERR this is no HTTP server\r\n",
        ),
    ] {
        let mut client = Client::of(&front);
        client.send(spoken).await;
        assert_eq!(String::from_utf8(client.read_to_end().await).unwrap(), told);
        assert!(matches!(client.leaves().await, End::Violation), "{spoken}");
    }
    other.hears("CL.THROTTLE k 0 1 60", ALLOWED).await;
}

#[tokio::test]
async fn quit_answers_what_came_before_and_nothing_behind() {
    let front = front(embedded());
    let mut client = Client::of(&front);
    client.send("PING\r\nQUIT\r\nPING\r\n").await;
    assert_eq!(client.read_to_end().await, b"+PONG\r\n+OK\r\n");
    assert_eq!(client.leaves().await, End::Left);
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_may_stay_for_minutes() {
    let front = front(embedded());
    let started = Instant::now();
    let mut client = Client::of(&front);
    client.hears("PING", "+PONG\r\n").await;
    assert!(client.read_to_end().await.is_empty());
    assert_eq!(client.leaves().await, End::TimedOut);
    assert!(started.elapsed() >= Duration::from_secs(600) && started.elapsed() < Duration::from_secs(601));
}

#[tokio::test(start_paused = true)]
async fn a_request_has_to_be_complete_in_time_however_it_dribbles_in() {
    let front = front(embedded());
    for beginning in ["PIN", "*1\r\n$64\r\nPI"] {
        let mut client = Client::of(&front);
        client.hears("PING", "+PONG\r\n").await;
        let started = Instant::now();
        client.send(beginning).await;
        while !client.server.is_finished() && started.elapsed() < Duration::from_secs(60) {
            client.send("N").await;
            tokio::time::sleep(Duration::from_millis(3_000)).await;
        }
        assert_eq!(client.leaves().await, End::TimedOut);
        assert!(started.elapsed() <= Duration::from_secs(12), "{:?}", started.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_not_read_from_and_is_sent_away() {
    let front = front(embedded());
    let mut client = Client::with_pipe(&front, 4 << 10);
    let line = format!("ECHO {}\r\n", "x".repeat(1_000));
    let (mut taken, started) = (0, Instant::now());
    let refused = loop {
        let sent = tokio::time::timeout(Duration::from_secs(1), client.send(&line)).await;
        if sent.is_err() {
            break taken;
        }
        taken += line.len();
    };
    assert!(refused <= 300 << 10, "{refused} bytes were taken of a client that does not listen");
    let broken = client.server.await.unwrap().unwrap_err();
    assert_eq!(broken.kind(), std::io::ErrorKind::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn replies_that_are_longer_than_their_questions_are_written_before_there_are_too_many() {
    let front = front(embedded());
    let (wire, writes) = Wire::new("COMMAND DOCS\r\n".repeat(1_000));
    let ended = converse(wire, &front, Stopping::new(&watch::Sender::new(false))).await.unwrap();
    assert_eq!(ended, End::Left);
    let writes = writes.lock().unwrap();
    assert!(writes.iter().sum::<usize>() > 1 << 20 && writes.len() > 10, "{writes:?}");
    assert!(writes.iter().all(|written| *written < 72 << 10), "{writes:?}");
}

#[tokio::test]
async fn a_pipeline_costs_one_write() {
    let front = front(embedded());
    let (wire, writes) = Wire::new("CL.THROTTLE k 0 1 60\r\n".repeat(32));
    converse(wire, &front, Stopping::new(&watch::Sender::new(false))).await.unwrap();
    assert_eq!(*writes.lock().unwrap(), [ALLOWED.len() + 31 * DENIED.len()]);
}

#[tokio::test]
async fn a_server_that_drains_answers_what_it_was_asked() {
    let front = front(embedded());
    let mut client = Client::of(&front);
    client.hears("PING", "+PONG\r\n").await;
    client.send("CL.THROTTLE k 0 1 60\r\nECHO x\r\nPIN").await;
    client.stop.send_replace(true);
    assert_eq!(client.read_to_end().await, format!("{ALLOWED}$1\r\nx\r\n").as_bytes());
    assert_eq!(client.leaves().await, End::Drained);
}

#[tokio::test]
async fn an_idle_connection_ends_with_the_server() {
    let front = front(embedded());
    let mut client = Client::of(&front);
    client.hears("PING", "+PONG\r\n").await;
    client.stop.send_replace(true);
    assert!(client.read_to_end().await.is_empty());
    assert_eq!(client.leaves().await, End::Drained);
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn decisions_of_different_keys_are_on_their_way_together_and_answered_in_order() {
    let store = Remote::new();
    let front = front(Engine::with_store(Arc::clone(&store) as _, "test"));
    let mut client = Client::of(&front);
    let (mut asked, mut expected) = (String::new(), String::new());
    for number in 0..20 {
        let _ = write!(asked, "CL.THROTTLE k{number} 0 1 60\r\n");
        expected.push_str(ALLOWED);
    }
    let _ = write!(asked, "PING\r\nCL.THROTTLE k3 0 1 60\r\n");
    let _ = write!(expected, "+PONG\r\n{DENIED}");
    client.send(asked).await;
    until(|| store.waiting.load(Ordering::SeqCst) == 20).await;
    store.open.send_replace(true);
    client.receives(&expected).await;
}

#[tokio::test]
async fn a_pipeline_has_a_bounded_number_on_their_way() {
    let store = Remote::new();
    let front = front(Engine::with_store(Arc::clone(&store) as _, "test"));
    let mut client = Client::of(&front);
    let asked: String = (0..1_000).map(|number| format!("CL.THROTTLE k{number} 0 1 60\r\n")).collect();
    client.send(asked).await;
    until(|| store.waiting.load(Ordering::SeqCst) == 128).await;
    store.open.send_replace(true);
    client.receives(&ALLOWED.repeat(1_000)).await;
    assert_eq!(store.most.load(Ordering::SeqCst), 128);
}

#[tokio::test]
async fn what_is_asked_of_the_same_key_is_decided_in_order() {
    let store = Remote::new();
    let front = front(Engine::with_store(Arc::clone(&store) as _, "test"));
    let mut client = Client::of(&front);
    let peek = |remaining: u8, reset: u8| format!("*5\r\n:0\r\n:1\r\n:{remaining}\r\n:-1\r\n:{reset}\r\n");
    let (look, take) = ("CL.THROTTLE k 0 1 60 0\r\n", "CL.THROTTLE k 0 1 60\r\n");
    client.send(format!("{look}{take}{look}{take}CL.THROTTLE other 0 1 60\r\n")).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
        assert!(store.waiting.load(Ordering::SeqCst) <= 1, "the store could decide them in any order");
    }
    store.open.send_replace(true);
    client.receives(&format!("{}{ALLOWED}{}{DENIED}{ALLOWED}", peek(1, 0), peek(0, 60))).await;
}

#[tokio::test]
async fn a_store_that_fails_is_an_error_and_not_the_end() {
    let engine =
        Engine::connect("redis://127.0.0.1:1", distributed_rate_limiter::engine::EngineOptions::default());
    let front = front(engine.await.unwrap());
    let mut client = Client::of(&front);
    client.send("CL.THROTTLE k 0 1 60\r\n").await;
    let reply = String::from_utf8(client.read().await).unwrap();
    assert!(reply.starts_with("-ERR ") && !reply.contains("panick"), "{reply}");
    client.hears("PING", "+PONG\r\n").await;
}
