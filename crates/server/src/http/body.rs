//! Reading a body: JSON by its own account, of bounded length, in bounded time.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;

use super::problem::Problem;
use super::status::Refusal;
use crate::server::App;

/// The longest body that is looked at.
pub(in crate::http) const LONGEST: usize = 64 << 10;
/// The longest body of a batch.
pub(in crate::http) const LONGEST_BATCH: usize = 1 << 20;
/// What is read and dropped beyond that, so that the client gets to read why it is refused.
const DISCARDED: usize = 4 << 20;
/// How long a client may take to send its body; half of what the request may take, if that is less.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a body may call itself. The form type is what `curl -d` says whatever the data; an absent type is
/// taken for JSON too.
const TYPES: [&str; 3] = ["application/json", "text/json", "application/x-www-form-urlencoded"];

/// The whole body, if it is acceptable.
pub(in crate::http) async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    read_up_to(LONGEST, app, headers, body).await
}

/// The same with another bound.
pub(in crate::http) async fn read_up_to(
    longest: usize,
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<u8>, Problem> {
    media_type(headers)?;
    // Before the request's own time is over, so that whoever is slow is told so.
    let patience = PATIENCE.min(app.longest() / 2);
    match tokio::time::timeout(patience, collect(longest, body)).await {
        Ok(bytes) => bytes,
        Err(_elapsed) => {
            let detail = format!("the body did not arrive within {patience:?}");
            Err(Problem::new(Refusal::TooSlow, detail))
        }
    }
}

fn media_type(headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING).filter(|value| *value != "identity") {
        let detail = format!("the body is encoded ({}); send it plain", encoding.to_str().unwrap_or("?"));
        return Err(Problem::new(Refusal::MediaType, detail));
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().unwrap_or("?").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if TYPES.contains(&essence.as_str()) || essence.ends_with("+json") {
        return Ok(());
    }
    Err(Problem::new(Refusal::MediaType, format!("the body is {essence:?}; send application/json")))
}

async fn collect(longest: usize, mut body: Body) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Problem::new(Refusal::Malformed, "the body broke off"));
        };
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= longest {
            bytes.extend_from_slice(&data);
        } else if length > longest + DISCARDED {
            break;
        }
    }
    if length > longest {
        return Err(Problem::new(Refusal::TooLarge, format!("the body is longer than {longest} bytes")));
    }
    Ok(bytes)
}
