//! An answer becomes a message.

use axum::http::HeaderMap;
use drl_core::Micros;
use drl_proto::response::rate_limit::Unit;
use drl_proto::response::{Code, DescriptorStatus, RateLimit};
use drl_proto::{HeaderValue, RateLimitResponse};
use prost_types::Duration;

use super::question::{DAY, HOUR, MINUTE, MONTH, SECOND, WEEK, YEAR};
use super::status::{self, Refusal};
use crate::decider::{Answer, Word};

/// The message that tells this answer to a request of so many parts.
///
/// # Errors
/// If there is no verdict.
pub(super) fn response(
    answer: &Answer,
    parts: usize,
    fields: HeaderMap,
) -> Result<RateLimitResponse, Refusal> {
    let overall = status::of_outcome(answer.outcome)?;
    Ok(RateLimitResponse {
        overall_code: overall.into(),
        statuses: (0..parts).map(|part| of_part(answer, part)).collect(),
        response_headers_to_add: fields
            .iter()
            .filter_map(|(name, value)| header(name.as_str(), value.to_str().ok()?))
            .collect(),
        ..RateLimitResponse::default()
    })
}

fn header(name: &str, value: &str) -> Option<HeaderValue> {
    Some(HeaderValue { key: name.to_owned(), value: value.to_owned(), raw_value: Vec::new() })
}

/// What the policy that matters most says about a descriptor. One that meets none that enforces is fine and has
/// no limit, and a list has none either; of what a rule calls unlimited there is left as much as there can be.
fn of_part(answer: &Answer, part: usize) -> DescriptorStatus {
    let word = answer.decisive_of(part);
    let code = if word.is_none_or(Word::allows) { Code::Ok } else { Code::OverLimit };
    let Some(word) = word.filter(|word| word.is_counted()) else {
        let limit_remaining = if answer.unlimited.contains(&part) { u32::MAX } else { 0 };
        return DescriptorStatus { code: code.into(), limit_remaining, ..DescriptorStatus::default() };
    };
    DescriptorStatus {
        code: code.into(),
        current_limit: Some(RateLimit {
            name: word.name.to_string(),
            requests_per_unit: number(word.limit),
            unit: unit(word.window).into(),
        }),
        limit_remaining: number(word.remaining),
        // Whole seconds, rounded up: Envoy tells its clients the whole seconds of it.
        duration_until_reset: Some(Duration {
            seconds: i64::try_from(word.reset_after.as_secs_ceil()).unwrap_or(i64::MAX),
            nanos: 0,
        }),
        quota: None,
    }
}

fn number(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The protocol has no other windows.
fn unit(window: Micros) -> Unit {
    match window {
        SECOND => Unit::Second,
        MINUTE => Unit::Minute,
        HOUR => Unit::Hour,
        DAY => Unit::Day,
        WEEK => Unit::Week,
        MONTH => Unit::Month,
        YEAR => Unit::Year,
        _ => Unit::Unknown,
    }
}
