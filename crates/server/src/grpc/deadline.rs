//! How long a call may take until its answer begins: what its client says (`grpc-timeout`), and no longer than
//! any request may.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tonic::Status;

const TIMEOUT: &str = "grpc-timeout";

pub(super) async fn keep(State(longest): State<Duration>, request: Request, next: Next) -> Response {
    let wanted = request.headers().get(TIMEOUT).and_then(|value| parse(value.to_str().ok()?));
    let patience = wanted.map_or(longest, |wanted| wanted.min(longest));
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => Status::deadline_exceeded("the call took too long").into_http(),
    }
}

/// Up to eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use tower_service::Service as _;

    use super::*;

    #[tokio::test]
    async fn a_call_ends_when_its_clients_time_or_ours_is_over() {
        let hangs = || std::future::pending::<()>();
        let hour = Duration::from_secs(3_600);
        for (client, ours) in [("5m", hour), ("1H", Duration::from_millis(5))] {
            let keep = from_fn_with_state(ours, keep);
            let mut routes = Router::new().route("/", post(hangs)).layer(keep);
            let call = Request::post("/").header(TIMEOUT, client).body(Body::empty()).unwrap();
            let response = routes.call(call).await.unwrap();
            assert_eq!(response.headers()["grpc-status"], "4", "DEADLINE_EXCEEDED");
        }
    }

    #[test]
    fn a_timeout_has_up_to_eight_digits_and_a_unit() {
        assert_eq!(parse("20m"), Some(Duration::from_millis(20)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        for wrong in ["", "m", "20", "-1S", "+1S", "123456789S", "1x", "1é"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
