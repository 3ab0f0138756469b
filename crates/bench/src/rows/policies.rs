//! What it takes to find the policies that a request meets, and what it draws on in each.

use std::hint::black_box;

use anyhow::{Context as _, Result};
use drl_core::Quota;
use drl_core::policy::{Attributes, Block, Condition, Pattern, Policies, Policy};

use super::{Lane, Row, count};
use crate::contest::{Expected, Measure, Tally, on_threads};
use crate::report::Line;

const NANOSECONDS: Measure = Measure::lower("ns/request");
const FEW: usize = 10;
const MANY: usize = 10_000;
/// So many requests are made up, then asked again and again: enough that no branch is foreseen.
const REQUESTS: usize = 4_096;

pub(super) fn rows() -> Vec<Row> {
    let name = format!("policies, {} (peer: ours, {FEW})", count(MANY));
    // "Independent of their number": what is in no cache is waited for.
    vec![Row::new(name, |lane| scaling(lane).context("matching"))]
}

fn scaling(lane: &Lane<'_>) -> Result<Vec<Line>> {
    let side = |number: usize| -> Result<_> {
        let policies = mix(number)?;
        let requests: Vec<Asked> = (0..REQUESTS).map(|request| Asked::new(request, number)).collect();
        let decisions = lane.effort.decisions();
        Ok(move || {
            on_threads(1, Expected::Admitted, |_| {
                let mut tally = Tally::default();
                for request in requests.iter().cycle().take(decisions) {
                    tally.count(request.meets(&policies)? == request.expected);
                }
                Ok(tally)
            })
        })
    };
    lane.contest(&[NANOSECONDS.goal(0.4)]).between(side(MANY)?, side(FEW)?)
}

/// Of ten policies five are for one client each, three for what is under one path, of which one has tiers, one is
/// for a method of one path, and one is a list of addresses.
fn mix(number: usize) -> Result<Policies> {
    let policy = |at: usize| -> Result<Policy> {
        let on = |attribute: &str, text: String| Condition::new(attribute, [Pattern::new(&text)]);
        let limit = Policy::new(&format!("p{at}"), Quota::per_minute(100))?.per(["client"])?;
        Ok(match at % 10 {
            0..5 => limit.matching(on("client", format!("c{at}"))?)?,
            5 | 6 => limit.matching(on("endpoint", format!("/e{at}/*"))?)?,
            7 => {
                let tiers = [("free", 60), ("pro", 600)]
                    .map(|(tier, limit)| (tier.to_owned(), Quota::per_minute(limit)));
                limit.matching(on("endpoint", format!("/e{at}/*"))?)?.tiers(tiers)?
            }
            8 => {
                let limit = limit.matching(on("method", "POST".to_owned())?)?;
                limit.matching(on("endpoint", format!("/e{at}"))?)?
            }
            _ => {
                let block = Block::new(&format!("10.{}.{}.0/24", at / 10 / 256, at / 10 % 256))?;
                Policy::deny(&format!("p{at}"))?.matching(Condition::new("ip", [block.into()])?)?
            }
        })
    };
    let list: Result<Vec<Policy>> = (0..number).map(policy).collect();
    Ok(Policies::new("default", list?)?)
}

/// A request by a client with a policy of its own for a path that has one, from an address on no list.
struct Asked {
    client: String,
    endpoint: String,
    ip: String,
    /// How many policies it meets.
    expected: usize,
}

impl Asked {
    fn new(request: usize, policies: usize) -> Self {
        let ten = request * 7_919 % (policies / 10) * 10;
        let client = ten + request % 5;
        let endpoint = ten + 5 + request % 3;
        Self {
            client: format!("c{client}"),
            endpoint: format!("/e{endpoint}/{request}"),
            ip: format!("192.0.2.{}", request % 256),
            expected: 2,
        }
    }

    /// How many policies it meets, with what it draws on.
    fn meets(&self, policies: &Policies) -> Result<usize> {
        let attributes = Attributes::new([
            ("client", self.client.as_bytes()),
            ("endpoint", self.endpoint.as_bytes()),
            ("method", b"GET"),
            ("tier", b"pro"),
            ("ip", self.ip.as_bytes()),
        ])?;
        let spellings = policies.spellings(&attributes);
        let matching = policies.matching(&attributes);
        for policy in matching.iter().filter_map(|&at| policies.list().get(at)) {
            black_box(policy.allowance(&attributes, &spellings));
        }
        Ok(matching.len())
    }
}
