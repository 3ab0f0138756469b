//! Forward-auth: what nginx, Traefik and Caddy ask.

use serde_json::json;

use crate::running::Running;

const PER_CLIENT: &str = "policies: [{ name: per-client, per: [client], limit: 2/hour }]";

#[test]
fn a_proxy_is_told_204_and_then_429_with_headers() {
    let server = Running::start(PER_CLIENT);
    let client = server.client();
    let alice = [("x-api-key", "alice"), ("x-forwarded-uri", "/search?q=1"), ("x-forwarded-method", "PUT")];
    for left in [1, 0] {
        let reply = client.get_with("/v1/auth", &alice);
        assert_eq!((reply.status, &reply.body), (204, &json!(null)));
        assert!(reply.header("ratelimit").unwrap().starts_with(&format!("\"per-client\";r={left};t=")));
        assert_eq!(reply.header("ratelimit-policy"), Some("\"per-client\";q=2;w=3600"));
        assert_eq!(reply.header("retry-after"), None);
    }
    let denied = client.get_with("/v1/auth", &alice);
    assert_eq!(denied.status, 429);
    assert!(denied.header("retry-after").is_some());
    assert_eq!(denied.problem()["policy"], "per-client");
    assert_eq!(client.get_with("/v1/auth", &[("x-api-key", "bob")]).status, 204, "another client");
    assert_eq!(client.post("/v1/auth", "").status, 204, "by address, with any body");
}

/// nginx makes an internal error of anything but 2xx, 401 and 403.
#[test]
fn the_status_of_a_denial_can_be_chosen() {
    let server = Running::start(PER_CLIENT);
    let client = server.client();
    let statuses: Vec<u16> = (0..3)
        .map(|_| {
            let reply = client.get_with("/v1/auth?deny_status=403", &[("x-api-key", "a")]);
            if reply.status == 403 {
                assert_eq!(reply.problem()["allowed"], false);
                assert!(reply.header("ratelimit").is_some());
            }
            reply.status
        })
        .collect();
    assert_eq!(statuses, [204, 204, 403]);
    for wrong in ["deny_status=200", "deny_status=x", "deny_status=600", "denystatus=403", "cost=-1"] {
        let reply = client.get(&format!("/v1/auth?{wrong}"));
        assert_eq!(reply.status, 400, "{wrong}");
        reply.problem();
    }
}

#[test]
fn domain_and_cost_can_be_said_and_an_appended_path_is_the_clients() {
    let policies =
        "domain: web\npolicies: [{ name: p, match: { endpoint: /a/b }, per: [client], limit: 10/hour }]";
    let server = Running::start(policies);
    let ask = |path: &str| server.client().get_with(path, &[("x-api-key", "a")]);
    assert_eq!(ask("/v1/auth/a/b?domain=web&cost=8").header("ratelimit-policy"), Some("\"p\";q=10;w=3600"));
    assert_eq!(ask("/v1/auth/a/b?domain=web&cost=3").status, 429);
    assert_eq!(ask("/v1/auth/a/b?domain=web&cost=2").status, 204);
    assert_eq!(ask("/v1/auth/a/c?domain=web&cost=99").status, 204, "no policy is for this path");
}
