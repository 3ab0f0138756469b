//! `CL.THROTTLE`, reply by reply, on a clock that the test sets.

use std::time::Duration;

use super::support::{Client, embedded, front, on_clock};

/// As the reply is written.
fn five(numbers: [i64; 5]) -> String {
    numbers.iter().fold("*5\r\n".to_owned(), |reply, number| format!("{reply}:{number}\r\n"))
}

impl Client {
    async fn throttles(&mut self, arguments: &str, reply: [i64; 5]) {
        self.hears(&format!("CL.THROTTLE {arguments}"), &five(reply)).await;
    }
}

#[tokio::test]
async fn a_bucket_is_used_up_and_refills_as_in_the_manual_of_redis_cell() {
    let (clock, front) = on_clock();
    let mut client = Client::of(&front);
    for used in 1..=16 {
        client.throttles("user123 15 30 60", [0, 16, 16 - used, -1, 2 * used]).await;
    }
    client.throttles("user123 15 30 60", [1, 16, 0, 2, 32]).await;
    clock.advance(Duration::from_millis(1_500));
    client.throttles("user123 15 30 60", [1, 16, 0, 1, 31]).await;
    clock.advance(Duration::from_micros(499_999));
    client.throttles("user123 15 30 60", [1, 16, 0, 1, 31]).await;
    clock.advance(Duration::from_micros(1));
    client.throttles("user123 15 30 60", [0, 16, 0, -1, 32]).await;
    client.throttles("somebody-else 15 30 60", [0, 16, 15, -1, 2]).await;
    clock.advance(Duration::from_secs(32));
    client.throttles("user123 15 30 60 0", [0, 16, 16, -1, 0]).await;
}

#[tokio::test]
async fn a_burst_of_none_admits_one_at_a_time() {
    let (clock, front) = on_clock();
    let mut client = Client::of(&front);
    client.throttles("k 0 1 10", [0, 1, 0, -1, 10]).await;
    client.throttles("k 0 1 10", [1, 1, 0, 10, 10]).await;
    clock.advance(Duration::from_secs(10));
    client.throttles("k 0 1 10", [0, 1, 0, -1, 10]).await;
}

#[tokio::test]
async fn quantities_are_taken_whole_or_not_at_all() {
    let (_clock, front) = on_clock();
    let mut client = Client::of(&front);
    client.throttles("k 9 10 100 4", [0, 10, 6, -1, 40]).await;
    client.throttles("k 9 10 100 7", [1, 10, 6, 10, 40]).await;
    client.throttles("k 9 10 100 6", [0, 10, 0, -1, 100]).await;
}

#[tokio::test]
async fn a_quantity_above_the_burst_is_denied_for_ever() {
    let (_clock, front) = on_clock();
    let mut client = Client::of(&front);
    for quantity in ["11", "4294967297", "9223372036854775807"] {
        client.throttles(&format!("k 9 10 100 {quantity}"), [1, 10, 10, -1, 0]).await;
    }
}

#[tokio::test]
async fn a_quantity_of_none_looks_and_takes_nothing() {
    let (_clock, front) = on_clock();
    let mut client = Client::of(&front);
    for _ in 0..3 {
        client.throttles("k 0 1 10 0", [0, 1, 1, -1, 0]).await;
    }
    client.throttles("k 0 1 10 1", [0, 1, 0, -1, 10]).await;
    for _ in 0..3 {
        client.throttles("k 0 1 10 0", [0, 1, 0, -1, 10]).await;
        client.throttles("k 0 1 10 1", [1, 1, 0, 10, 10]).await;
    }
}

#[tokio::test]
async fn a_denial_never_says_zero_and_a_second_is_never_cut_short() {
    let (clock, front) = on_clock();
    let mut client = Client::of(&front);
    client.throttles("k 0 1 1", [0, 1, 0, -1, 1]).await;
    clock.advance(Duration::from_micros(999_999));
    client.throttles("k 0 1 1", [1, 1, 0, 1, 1]).await; // redis-cell says 0 and 0
    client.throttles("slow 0 10000 10001", [0, 1, 0, -1, 2]).await; // 1.0001 s; redis-cell says 1
}

#[tokio::test]
async fn another_rate_carries_on_with_what_was_used() {
    let (_clock, front) = on_clock();
    let mut client = Client::of(&front);
    client.throttles("k 9 10 100 8", [0, 10, 2, -1, 80]).await;
    client.throttles("k 9 20 100 0", [0, 10, 2, -1, 40]).await;
    client.throttles("k 9 5 100 3", [1, 10, 2, 20, 160]).await;
    client.throttles("k 9 10 100 0", [0, 10, 2, -1, 80]).await;
}

#[tokio::test]
async fn no_burst_forgives_what_was_used_under_another() {
    let (_clock, front) = on_clock();
    let mut client = Client::of(&front);
    client.throttles("k 9 10 100 10", [0, 10, 0, -1, 100]).await;
    for _ in 0..3 {
        client
            .send("CL.THROTTLE k 0 10 100\r\nCL.THROTTLE k 0 10 50\r\nCL.THROTTLE k 19 10 100 20\r\n")
            .await;
        client.read().await;
        client.throttles("k 9 10 100", [1, 10, 0, 10, 100]).await;
    }
}

#[tokio::test]
async fn another_burst_carries_on_with_what_was_used() {
    let (clock, front) = on_clock();
    let mut client = Client::of(&front);
    client.throttles("k 9 10 100 8", [0, 10, 2, -1, 80]).await;
    client.throttles("k 4 10 100", [1, 5, 0, 40, 80]).await;
    client.throttles("k 19 10 100 0", [0, 20, 12, -1, 80]).await;
    clock.advance(Duration::from_secs(40));
    client.throttles("k 4 10 100", [0, 5, 0, -1, 50]).await;
}

#[tokio::test]
async fn another_period_is_another_bucket() {
    let (_clock, front) = on_clock();
    let mut client = Client::of(&front);
    client.throttles("k 9 10 100 8", [0, 10, 2, -1, 80]).await;
    client.throttles("k 9 10 50", [0, 10, 9, -1, 5]).await;
    client.throttles("k 9 10 100 0", [0, 10, 2, -1, 80]).await;
}

#[tokio::test]
async fn keys_are_any_bytes() {
    let (_clock, front) = on_clock();
    let mut client = Client::of(&front);
    for key in [r#""""#, r#""\x00""#, r#""a\r\nb""#, r#""{}""#, r#""\xff\xfe""#, "a,b", "a|b"] {
        client.throttles(&format!("{key} 0 1 10"), [0, 1, 0, -1, 10]).await;
        client.throttles(&format!("{key} 0 1 10"), [1, 1, 0, 10, 10]).await;
    }
    let long = "x".repeat(10_000);
    client.throttles(&format!("{long} 0 1 10"), [0, 1, 0, -1, 10]).await;
    client.throttles(&format!("{long}y 0 1 10"), [0, 1, 0, -1, 10]).await;
}

#[tokio::test]
async fn what_makes_no_sense_is_an_error_and_charges_nothing() {
    let (_clock, front) = on_clock();
    let mut client = Client::of(&front);
    let integer =
        |name, least| format!("{name} is not an integer or out of range: it must be at least {least}");
    let keep = |reason: &str| format!("invalid configuration: limit `cl.throttle`: {reason}");
    for (arguments, error) in [
        ("k many 1 10", integer("max_burst", 0)),
        ("k -1 1 10", integer("max_burst", 0)),
        ("k 1.5 1 10", integer("max_burst", 0)),
        ("k +1 1 10", integer("max_burst", 0)),
        ("k 9223372036854775808 1 10", integer("max_burst", 0)),
        ("k 0 0 10", integer("count", 1)),
        ("k 0 -5 10", integer("count", 1)),
        ("k 0 x 10", integer("count", 1)),
        ("k 0 1 0", integer("period", 1)),
        ("k 0 1 -10", integer("period", 1)),
        ("k 0 1 10 -1", integer("quantity", 0)),
        ("k 0 1 10 \"\"", integer("quantity", 0)),
        ("k 4294967296 1 10", keep("4294967297 is above the largest limit, 4294967296")),
        (
            "k 0 1 9223372036854775807",
            keep("a window of 18446744073709.551615s is not between 1 ms and 366 days"),
        ),
        ("k 0 9223372036854775807 10", keep("the rate is above 10 million per second")),
        ("k 4294967295 1 31000000", keep("the burst would take too long to refill for its rate to be exact")),
    ] {
        client.hears(&format!("CL.THROTTLE {arguments}"), &format!("-ERR {error}\r\n")).await;
    }
    client.throttles("k 0 1 10", [0, 1, 0, -1, 10]).await;
}

#[tokio::test]
async fn no_numbers_bring_it_down() {
    let front = front(embedded());
    let mut client = Client::of(&front);
    let edges =
        ["0", "1", "2147483647", "4294967295", "4294967296", "9223372036854775807", "-9223372036854775808"];
    for burst in edges {
        for count in edges {
            for period in edges {
                for quantity in edges {
                    client.send(format!("CL.THROTTLE k {burst} {count} {period} {quantity}\r\n")).await;
                    let reply = client.read().await;
                    assert!(matches!(reply[0], b'*' | b'-'), "{}", reply.escape_ascii());
                }
            }
        }
    }
    client.hears("PING", "+PONG\r\n").await;
}
