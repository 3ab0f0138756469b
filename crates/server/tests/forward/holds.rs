//! What holds for every request that a proxy asks about, whatever is in its headers. Also what the fuzzer runs.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use drl_core::policy::Attributes;
use drl_server::forward::{Extraction, Forwarded};

/// Lines of `Name: value`; what is no header is left out, as a server would refuse it.
fn headers(input: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) else {
            continue;
        };
        headers.append(name, value);
    }
    headers
}

/// Reads a request in several ways and returns how many attributes it was found to have.
pub(crate) fn holds(input: &[u8]) -> usize {
    let headers = headers(input);
    let peer: IpAddr = [192, 0, 2, 9].into();
    let places = ["header:x-api-key", "query:q", "cookie:session", "path", "method", "host", "client_ip"];
    let everything = places.iter().map(|place| ((*place).to_owned(), place.parse().into_iter().collect()));
    let everything = Extraction { attributes: everything.collect(), ..Extraction::default() };
    let mut found = 0;
    for extraction in [Extraction::default(), everything] {
        for trusted_proxies in [0, 1, 3] {
            let extraction = Extraction { trusted_proxies, ..extraction.clone() };
            let request =
                Forwarded { headers: &headers, method: &Method::GET, appended: Some("/a"), peer: Some(peer) };
            let attributes = extraction.attributes(request);
            let pairs = attributes.iter().map(|(name, value)| (*name, value.as_slice()));
            assert!(Attributes::new(pairs).is_ok(), "each name once");
            let long = |(_, value): &(&str, Vec<u8>)| value.len() > input.len() + 64;
            assert!(!attributes.iter().any(long), "more than was sent");
            for (_, value) in attributes.iter().filter(|(name, _)| ["ip", "client_ip"].contains(name)) {
                let address: IpAddr = str::from_utf8(value).unwrap().parse().unwrap();
                assert_eq!(address.to_canonical(), address, "one spelling");
                assert!(trusted_proxies > 0 || address == peer, "a client chose its address");
            }
            found += attributes.len();
        }
    }
    found
}
