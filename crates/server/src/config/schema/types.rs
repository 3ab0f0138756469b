//! What a policy file looks like, for the schema. Nobody reads files into these types: the reader knows the place
//! of everything and finds all that is wrong, derived code neither.

#![expect(dead_code, reason = "described, never made")]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value as Json, json};

use super::super::policy::OF_LIMITS;

/// A policy file of drl, the distributed rate limiter.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Document {
    /// Where counters are kept: memory://, redis://… The command line's --store wins.
    store: Option<Scalar>,
    /// The domain of the requests that these policies are for.
    domain: Option<DomainName>,
    /// How requests that proxies ask about are described.
    auth: Option<Auth>,
    /// Whether clients of the HTTP front get X-RateLimit-* headers beside the standard ones.
    legacy_headers: Option<bool>,
    /// The policies. A file without one would limit nothing.
    #[schemars(length(min = 1))]
    policies: Vec<Policy>,
}

/// Where attributes are found in a request that a proxy asks about.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Auth {
    /// Whose policies such requests are held against.
    domain: Option<DomainName>,
    /// Attributes by name: where each is found, or several places of which the first that has a value counts.
    attributes: Option<BTreeMap<String, OneOrMany<Scalar>>>,
    /// How many proxies stand between the clients and this server.
    trusted_proxies: Option<u64>,
}

/// Which requests it is for, who shares an allowance, how large that is, and what happens when it is used up.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = limits_or_lists)]
pub(super) struct Policy {
    /// Unique in its domain; 1 to 128 letters, digits, -._~@:/
    name: PolicyName,
    /// Holds requests to a limit, or lets them pass or refuses them without counting.
    action: Option<Action>,
    /// Attributes that a request must have, all of them. Without it: every request.
    #[serde(rename = "match")]
    #[schemars(extend("maxProperties" = 64))]
    conditions: Option<BTreeMap<String, OneOrMany<Pattern>>>,
    /// The attributes whose values share one allowance. Without it: all requests share it.
    #[schemars(length(max = 64))]
    per: Option<Vec<Axis>>,
    /// So many in so long.
    limit: Option<Limit>,
    /// What is promised: docs/algorithms.md. Without it: token_bucket.
    algorithm: Option<Algorithm>,
    /// A bucket's capacity (for a queue: how many may wait). Without it: the limit.
    #[schemars(range(min = 1, max = 4_294_967_296_u64))]
    burst: Option<u64>,
    /// Each client's fixed windows start at a moment of their own.
    spread: Option<bool>,
    /// Quotas by the request's attribute `tier`.
    tiers: Option<BTreeMap<String, Special>>,
    /// Quotas of single clients, by the value of the first attribute in `per`. They win over tiers.
    clients: Option<BTreeMap<String, Special>>,
    /// Over how many counters a client's allowance is spread.
    shards: Option<Shards>,
    /// Whether instances may borrow a busy client's tokens in advance.
    leases: Option<Leases>,
    /// A shadow is counted and reported, and never changes a verdict.
    mode: Option<Mode>,
    /// What a denied request is answered.
    on_limited: Option<OnLimited>,
    /// What happens while the store cannot decide.
    on_store_failure: Option<OnStoreFailure>,
}

/// A text; a whole number or a truth value stands for its own spelling.
#[derive(JsonSchema)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Whole(i128),
    Truth(bool),
}

#[derive(JsonSchema)]
#[serde(untagged)]
enum PolicyName {
    Text(#[schemars(regex(pattern = r"^[A-Za-z0-9._~@:/-]{1,128}$"))] String),
    Whole(i128),
    Truth(bool),
}

#[derive(JsonSchema)]
#[serde(untagged)]
enum DomainName {
    Text(#[schemars(regex(pattern = r"^[A-Za-z0-9._~@:-]{1,128}$"))] String),
    Whole(i128),
    Truth(bool),
}

#[derive(JsonSchema)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(#[schemars(length(min = 1))] Vec<T>),
}

/// A value, a pattern in which `*` stands for any run of characters, or address blocks.
#[derive(JsonSchema)]
#[serde(untagged)]
enum Pattern {
    Text(Scalar),
    Blocks(Blocks),
}

/// Addresses in one of these blocks. An IPv4-mapped IPv6 address is the IPv4 address.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Blocks {
    cidr: OneOrMany<Cidr>,
}

/// 10.0.0.0/8, 2001:db8::/32, or one address.
#[derive(JsonSchema)]
struct Cidr(#[schemars(regex(pattern = r"^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$"))] String);

#[derive(JsonSchema)]
#[serde(untagged)]
enum Axis {
    Attribute(Scalar),
    Address(Address),
}

/// An attribute that holds addresses, counted in one spelling.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Address {
    /// The attribute.
    address: Scalar,
    /// How many bits of an IPv6 address tell one client from another. Without it: 64.
    #[schemars(range(min = 1, max = 128))]
    ipv6_prefix: Option<u8>,
}

/// `100/minute`, `5/15s`: per second, minute, hour, day or week, or a number of ms, s, m, h or d.
#[derive(JsonSchema)]
struct Limit(
    #[schemars(regex(
        pattern = r"^\s*[0-9_]*[1-9][0-9_]*\s*/\s*(second|minute|hour|day|week|[0-9]+\s*(ms|s|m|h|d))\s*$"
    ))]
    String,
);

/// The quota of a tier or a client; what it does not say, the policy says.
#[derive(JsonSchema)]
#[serde(untagged)]
enum Special {
    Limit(Limit),
    Quota(Quota),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Quota {
    /// So many in so long.
    limit: Limit,
    /// A bucket's capacity. Without it: the policy's.
    #[schemars(range(min = 1, max = 4_294_967_296_u64))]
    burst: Option<u64>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    Limit,
    Allow,
    Deny,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Algorithm {
    FixedWindow,
    SlidingWindowLog,
    SlidingWindow,
    TokenBucket,
    LeakyBucket,
    LeakyBucketQueue,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Enforce,
    Shadow,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OnStoreFailure {
    Error,
    Open,
    Closed,
    Local,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Auto {
    Auto,
}

#[derive(JsonSchema)]
#[serde(untagged)]
enum Shards {
    Auto(Auto),
    Fixed(#[schemars(range(min = 1, max = 64))] u8),
}

#[derive(JsonSchema)]
#[serde(untagged)]
enum Leases {
    Word(AutoOrOff),
    /// A bare `off` is a truth value in YAML.
    Off(#[schemars(extend("const" = false))] bool),
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
enum AutoOrOff {
    Auto,
    Off,
}

#[derive(JsonSchema)]
#[serde(untagged)]
enum OnLimited {
    Word(Reject),
    Status(Status),
    Wait(Wait),
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Reject {
    Reject,
}

/// Refuse with this HTTP status.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Status {
    #[schemars(range(min = 400, max = 599))]
    status: u16,
}

/// Wait up to so long for room (at most 30 s), then refuse.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Wait {
    #[schemars(regex(pattern = r"^\s*[0-9]*[1-9][0-9]*\s*(ms|s|m)\s*$"))]
    wait: String,
}

/// Lists have a `match` and none of the keys of limits; limits have a limit.
fn limits_or_lists(schema: &mut Schema) {
    let forbidden: Map<String, Json> =
        OF_LIMITS.iter().map(|key| ((*key).to_owned(), Json::Bool(false))).collect();
    let when =
        |actions: &[&str]| json!({ "required": ["action"], "properties": { "action": { "enum": actions } } });
    let never = json!({ "on_limited": false });
    let at_once = json!({ "on_limited": { "not": { "required": ["wait"] } } });
    let rules = json!([
        {
            "if": when(&["allow", "deny"]),
            "then": { "required": ["match"], "properties": forbidden },
            "else": { "required": ["limit"] },
        },
        { "if": when(&["allow"]), "then": { "properties": never } },
        { "if": when(&["deny"]), "then": { "properties": at_once } },
    ]);
    schema.insert("allOf".to_owned(), rules);
}
