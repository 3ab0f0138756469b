//! A message becomes a checked request.

use distributed_rate_limiter::{Algorithm, Quota};
use drl_core::Micros;
use drl_core::policy::{Attributes, Names};
use drl_proto::descriptor::RateLimitDescriptor;
use drl_proto::descriptor::rate_limit_descriptor::RateLimitOverride;
use drl_proto::{RateLimitRequest, RateLimitUnit};

use super::status::Refusal;
use crate::decider::{Intent, Part, Parts, Request};

/// The most descriptors of a request: what bounds the cost of deciding it.
const DESCRIPTORS: usize = 64;

/// Names for the entries of each descriptor. Envoy repeats keys (two `generic_key` actions do): the second `key` is
/// the attribute `key~2` for policies, while rules follow the entries in their order.
pub(super) fn names(message: &RateLimitRequest) -> Vec<Names> {
    let keys = |descriptor: &RateLimitDescriptor| {
        Names::new(descriptor.entries.iter().map(|entry| entry.key.as_str()))
    };
    message.descriptors.iter().map(keys).collect()
}

/// What a message asks for.
pub(super) struct Question<'m> {
    /// One part for each descriptor; one whose hits are negative only looks.
    pub(super) take: Request<'m>,
    /// The descriptors whose hits are negative, if there are any.
    pub(super) give_back: Option<Request<'m>>,
}

/// What a message asks for. `names` are those of its entries.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn question<'m>(
    message: &'m RateLimitRequest,
    names: &'m [Names],
) -> Result<Question<'m>, Refusal> {
    if message.domain.is_empty() {
        return malformed("domain", "is empty");
    }
    match message.descriptors.len() {
        0 => return malformed("descriptors", "there are none"),
        1..=DESCRIPTORS => {}
        more => return malformed("descriptors", format!("{more} are more than {DESCRIPTORS}")),
    }
    // A number that is not there reads as 0.
    let cost = u64::from(message.hits_addend.max(1));
    let (mut take, mut give_back) = (Parts::new(), Parts::new());
    for (at, (descriptor, names)) in message.descriptors.iter().zip(names).enumerate() {
        let attributes = attributes(at, descriptor, names)?;
        let quota = descriptor.limit.as_ref().map(|limit| quota(at, limit)).transpose()?;
        let mut part = Part { attributes, cost: descriptor.hits_addend.unwrap_or(cost), quota };
        if descriptor.is_negative_hits {
            give_back.push(part.clone());
            part.cost = 0;
        }
        take.push(part);
    }
    let request = |parts, intent| Request { domain: &message.domain, parts, intent };
    let give_back = (!give_back.is_empty()).then(|| request(give_back, Intent::Peek));
    Ok(Question { take: request(take, Intent::Check), give_back })
}

fn attributes<'m>(
    at: usize,
    descriptor: &'m RateLimitDescriptor,
    names: &'m Names,
) -> Result<Attributes<'m>, Refusal> {
    if let Some(empty) = descriptor.entries.iter().position(|entry| entry.key.is_empty()) {
        return malformed(&format!("descriptors[{at}].entries[{empty}].key"), "is empty");
    }
    if descriptor.entries.len() > Attributes::MOST {
        let detail = format!("there are more than {}", Attributes::MOST);
        return malformed(&format!("descriptors[{at}].entries"), detail);
    }
    let pairs = descriptor.entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_bytes()));
    Attributes::of_entries(pairs, names)
        .or_else(|error| malformed(&format!("descriptors[{at}].entries"), error))
}

/// A fixed window, as users of overrides know it.
fn quota(at: usize, limit: &RateLimitOverride) -> Result<Quota, Refusal> {
    let window = match RateLimitUnit::try_from(limit.unit) {
        Ok(RateLimitUnit::Second) => SECOND,
        Ok(RateLimitUnit::Minute) => MINUTE,
        Ok(RateLimitUnit::Hour) => HOUR,
        Ok(RateLimitUnit::Day) => DAY,
        Ok(RateLimitUnit::Month) => MONTH,
        Ok(RateLimitUnit::Year) => YEAR,
        Ok(RateLimitUnit::Unknown) => {
            return malformed(&format!("descriptors[{at}].limit.unit"), "is not set");
        }
        Err(_) => {
            return malformed(&format!("descriptors[{at}].limit.unit"), format!("{} is no unit", limit.unit));
        }
    };
    Ok(Quota::new(limit.requests_per_unit.into(), window).algorithm(Algorithm::FixedWindow))
}

pub(super) const SECOND: Micros = Micros::from_secs(1);
pub(super) const MINUTE: Micros = Micros::from_secs(60);
pub(super) const HOUR: Micros = Micros::from_secs(3_600);
pub(super) const DAY: Micros = Micros::from_secs(86_400);
pub(super) const WEEK: Micros = Micros::from_secs(7 * 86_400);
/// Of the service that the protocol is from.
pub(super) const MONTH: Micros = Micros::from_secs(30 * 86_400);
/// Of the same.
pub(super) const YEAR: Micros = Micros::from_secs(365 * 86_400);

fn malformed<T>(place: &str, wrong: impl std::fmt::Display) -> Result<T, Refusal> {
    Err(Refusal::Malformed(format!("{place}: {wrong}")))
}
