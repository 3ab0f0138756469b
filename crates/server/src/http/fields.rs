//! `RateLimit-Policy`, `RateLimit` (draft-ietf-httpapi-ratelimit-headers, structured fields) and
//! `Retry-After` (RFC 9110, whole seconds).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use distributed_rate_limiter::Retry;
use sfv::{Integer, KeyRef, ListSerializer, StringRef};

use crate::decider::{Answer, Outcome, Word};

const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What is advised while the store is out of reach: it is probed several times in that time.
pub(super) const SOON: HeaderValue = HeaderValue::from_static("1");

/// The headers of an answer. Shadow policies restrict nobody and lists have no quota, so they are not among them.
pub(crate) fn of(answer: &Answer, legacy: Legacy) -> HeaderMap {
    let mut headers = match legacy {
        Legacy::Sent => self::legacy(answer),
        Legacy::Omitted => HeaderMap::new(),
    };
    // Partitions (`pk`) are left out: they would tell client ids to whoever reads the response.
    let policies = list(answer, |word| {
        // Whole seconds are all the draft has; a shorter window says 1.
        [(sfv::key_ref("q"), word.limit), (sfv::key_ref("w"), word.window.as_secs_ceil())]
    });
    let limits = list(answer, |word| {
        [(sfv::key_ref("r"), word.remaining), (sfv::key_ref("t"), word.reset_after.as_secs_ceil())]
    });
    for (name, value) in [(RATELIMIT_POLICY, policies), (RATELIMIT, limits)] {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    if let Some(value) = retry_after(answer) {
        headers.insert(header::RETRY_AFTER, value);
    }
    headers
}

/// Whether clients that know the older fields only are told, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legacy {
    /// They are not.
    #[default]
    Omitted,
    /// They are.
    Sent,
}

impl From<bool> for Legacy {
    fn from(sent: bool) -> Self {
        if sent { Self::Sent } else { Self::Omitted }
    }
}

/// The fields that many know, and no standard: of the policy that matters most, how much it admits at once, how
/// much is left, and in how many seconds it is untouched again.
fn legacy(answer: &Answer) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(word) = answer.decisive().filter(|word| word.is_counted()) {
        headers.insert(HeaderName::from_static("x-ratelimit-limit"), word.capacity.into());
        headers.insert(HeaderName::from_static("x-ratelimit-remaining"), word.remaining.into());
        headers.insert(HeaderName::from_static("x-ratelimit-reset"), word.reset_after.as_secs_ceil().into());
    }
    headers
}

/// Rounded up: a client that waits that long is not too early. No wait is advised if none would help.
fn retry_after(answer: &Answer) -> Option<HeaderValue> {
    match (answer.outcome, answer.retry) {
        (Outcome::Allowed, _) | (_, Retry::Never) => None,
        (_, Retry::After(wait)) => Some(HeaderValue::from(wait.as_secs_ceil().max(1))),
        (_, Retry::Now) => Some(SOON),
    }
}

/// One item per policy: its name, and two numbers.
fn list(answer: &Answer, numbers: impl Fn(&Word) -> [(&'static KeyRef, u64); 2]) -> Option<HeaderValue> {
    let mut list = ListSerializer::new();
    for word in answer.enforced().filter(|word| word.is_counted()) {
        // Policies' names are printable ASCII; another kind of name would be left out, not garbled.
        let Ok(name) = StringRef::from_str(&word.name) else { continue };
        let mut item = list.bare_item(name);
        for (key, number) in numbers(word) {
            item = item.parameter(key, integer(number));
        }
        let _back_to_the_list = item.finish();
    }
    list.finish().and_then(|text| HeaderValue::from_str(&text).ok())
}

/// Structured fields have 15 digits; no quota has more.
fn integer(number: u64) -> Integer {
    Integer::try_from(number).unwrap_or(Integer::MAX)
}
