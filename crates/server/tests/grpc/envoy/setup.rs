//! Envoy's configuration.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::proxy::Listener;

const TYPES: &str = "type.googleapis.com/envoy.extensions.filters";

/// What Envoy stands between.
pub(crate) struct Setup {
    pub(crate) limits: SocketAddr,
    pub(crate) upstream: SocketAddr,
}

impl Setup {
    pub(crate) fn configuration(&self) -> Value {
        let http2 = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        }});
        let mut limits = cluster("limits", self.limits);
        limits["typed_extension_protocol_options"] = http2;
        json!({
            "admin": { "address": address(SocketAddr::from(([127, 0, 0, 1], 0))) },
            "static_resources": {
                "listeners": [listener(Listener::Lenient), listener(Listener::Strict)],
                "clusters": [limits, cluster("upstream", self.upstream)],
            },
        })
    }
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

fn cluster(name: &str, at: SocketAddr) -> Value {
    let endpoint = json!({ "endpoint": { "address": address(at) } });
    json!({
        "name": name,
        "type": "STATIC",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] },
    })
}

fn listener(listener: Listener) -> Value {
    let (name, failure_mode_deny) = match listener {
        Listener::Lenient => ("lenient", false),
        Listener::Strict => ("strict", true),
    };
    let limit = json!({
        "@type": format!("{TYPES}.http.ratelimit.v3.RateLimit"),
        "domain": "default",
        "failure_mode_deny": failure_mode_deny,
        "timeout": "3s",
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "rate_limit_service": {
            "transport_api_version": "V3",
            "grpc_service": { "envoy_grpc": { "cluster_name": "limits" } },
        },
    });
    let manager = json!({
        "@type": format!("{TYPES}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": name,
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes() }] },
        "http_filters": [
            { "name": "envoy.filters.http.ratelimit", "typed_config": limit },
            { "name": "envoy.filters.http.router",
              "typed_config": { "@type": format!("{TYPES}.http.router.v3.Router") } },
        ],
    });
    json!({
        "name": name,
        "address": address(SocketAddr::from(([127, 0, 0, 1], 0))),
        "filter_chains": [{ "filters": [
            { "name": "envoy.filters.network.http_connection_manager", "typed_config": manager },
        ]}],
    })
}

fn routes() -> Value {
    let header =
        |key: &str| json!({ "request_headers": { "header_name": "x-client", "descriptor_key": key } });
    let part = json!({ "generic_key": { "descriptor_key": "part", "descriptor_value": "search" } });
    let client = json!({ "actions": [header("client")] });
    json!([
        route("/search", &json!([client, { "actions": [part] }])),
        route("/costly", &json!([{ "actions": [header("account")], "hits_addend": { "number": 4 } }])),
        route("/", &json!([client])),
    ])
}

fn route(prefix: &str, rate_limits: &Value) -> Value {
    json!({
        "match": { "prefix": prefix },
        "route": { "cluster": "upstream" },
        "typed_per_filter_config": { "envoy.filters.http.ratelimit": {
            "@type": format!("{TYPES}.http.ratelimit.v3.RateLimitPerRoute"),
            "rate_limits": rate_limits,
        }},
    })
}
