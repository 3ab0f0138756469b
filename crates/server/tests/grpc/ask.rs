//! Requests, written shortly.

use drl_proto::descriptor::RateLimitDescriptor;
use drl_proto::descriptor::rate_limit_descriptor::{Entry, RateLimitOverride};
use drl_proto::{RateLimitRequest, RateLimitUnit};

pub(crate) fn request(descriptors: impl Into<Vec<RateLimitDescriptor>>) -> RateLimitRequest {
    RateLimitRequest { domain: "default".to_owned(), descriptors: descriptors.into(), hits_addend: 0 }
}

pub(crate) fn descriptor(entries: &[(&str, &str)]) -> RateLimitDescriptor {
    let entry = |(key, value): &(&str, &str)| Entry { key: (*key).to_owned(), value: (*value).to_owned() };
    RateLimitDescriptor { entries: entries.iter().map(entry).collect(), ..RateLimitDescriptor::default() }
}

/// With a limit of its own.
pub(crate) fn limited(entries: &[(&str, &str)], limit: u32, unit: RateLimitUnit) -> RateLimitDescriptor {
    let limit = RateLimitOverride { requests_per_unit: limit, unit: unit.into() };
    RateLimitDescriptor { limit: Some(limit), ..descriptor(entries) }
}

/// That costs so much.
pub(crate) fn costing(entries: &[(&str, &str)], hits: u64) -> RateLimitDescriptor {
    RateLimitDescriptor { hits_addend: Some(hits), ..descriptor(entries) }
}
