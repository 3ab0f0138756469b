//! Draining: not ready, nothing new, what is in flight is finished.

use std::net::TcpStream;

use serde_json::json;

use crate::running::Running;
use crate::store::{Mood, MoodyStore};

const POLICIES: &str = "policies: [{ name: p, per: [client], limit: 100/minute }]";

#[test]
fn a_request_in_flight_is_answered_while_nothing_new_is_accepted() {
    let store = MoodyStore::new(Mood::Hold);
    let mut server = Running::on_store(POLICIES, store.clone());
    let client = server.client();
    let in_flight = std::thread::spawn(move || client.check(&json!({ "client": "alice" })));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.until_held(1));
    server.drain();
    // Accepting ends a moment after the word; this waits for it without guessing how long.
    while TcpStream::connect(server.address).is_ok() {
        std::thread::yield_now();
    }
    assert!(!in_flight.is_finished(), "the store has not answered yet");
    store.turn(Mood::Answer);
    let reply = in_flight.join().unwrap();
    assert_eq!((reply.status, &reply.body["remaining"]), (200, &json!(99)));
    server.join();
}

#[test]
fn an_idle_connection_does_not_keep_it_from_draining() {
    let mut server = Running::start(POLICIES);
    let idle = TcpStream::connect(server.address).unwrap();
    let client = server.client();
    assert_eq!(client.get("/readyz").status, 200, "and its connection stays open");
    server.drain();
    server.join();
    drop(idle);
}
