//! From a request that a proxy asks about (forward-auth) to attributes.
//!
//! The proxy describes the request in headers: `X-Forwarded-Method`, `-Uri`, `-Host` and `-For` (Traefik, Caddy),
//! `X-Original-Method`, `-URI`, `-URL` (what nginx configurations use), and the headers of the request itself.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use drl_core::policy::Policies;
use percent_encoding::percent_decode_str;

/// How a forwarded request is described to the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extraction {
    /// Whose policies.
    pub domain: String,
    /// Each attribute, and where its value is found: at the first place that has one.
    pub attributes: Vec<(String, Vec<Place>)>,
    /// How many proxies of our own a request passes: the address of the client is what the first of them wrote
    /// into `X-Forwarded-For`, counted from the end, since a client can write what it likes in front of that.
    pub trusted_proxies: usize,
}

/// Where a value is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `header:NAME`, its lines joined by commas.
    Header(HeaderName),
    /// `query:NAME`, the first one, decoded.
    Query(String),
    /// `cookie:NAME`.
    Cookie(String),
    /// `path`, without the query.
    Path,
    /// `method`.
    Method,
    /// `host`.
    Host,
    /// `client_ip`: see [`Extraction::trusted_proxies`]. IPv4 in IPv6 is IPv4.
    ClientIp,
    /// `text:VALUE`, always there.
    Text(String),
}

impl Default for Extraction {
    /// `client` is the API key if there is one, else the address; `endpoint` the path, `method`, `host`, `ip`.
    fn default() -> Self {
        let api_key = Place::Header(HeaderName::from_static("x-api-key"));
        let attribute = |name: &str, places: &[Place]| (name.to_owned(), places.to_vec());
        Self {
            domain: Policies::DEFAULT_DOMAIN.to_owned(),
            attributes: vec![
                attribute("client", &[api_key, Place::ClientIp]),
                attribute("endpoint", &[Place::Path]),
                attribute("method", &[Place::Method]),
                attribute("host", &[Place::Host]),
                attribute("ip", &[Place::ClientIp]),
            ],
            trusted_proxies: 1,
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        match (kind, name) {
            ("path", "") => Ok(Self::Path),
            ("method", "") => Ok(Self::Method),
            ("host", "") => Ok(Self::Host),
            ("client_ip", "") => Ok(Self::ClientIp),
            ("text", value) => Ok(Self::Text(value.to_owned())),
            ("query", name) if !name.is_empty() => Ok(Self::Query(name.to_owned())),
            ("cookie", name) if !name.is_empty() => Ok(Self::Cookie(name.to_owned())),
            ("header", name) => HeaderName::from_str(name)
                .map(Self::Header)
                .map_err(|_invalid| format!("`{name}` is no header's name")),
            _ => Err(format!(
                "`{text}` is none of header:NAME, query:NAME, cookie:NAME, path, method, host, client_ip, \
                 text:VALUE"
            )),
        }
    }
}

/// A request that a proxy asks about.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'r> {
    /// What the proxy says, and the client's own headers.
    pub headers: &'r HeaderMap,
    /// The method of the proxy's own request: it often is that of the client's.
    pub method: &'r Method,
    /// The path behind ours, for proxies that append the client's (Envoy's `ext_authz`).
    pub appended: Option<&'r str>,
    /// Who asks.
    pub peer: Option<IpAddr>,
}

impl Extraction {
    /// The attributes of a request: those that are there.
    #[must_use]
    pub fn attributes(&self, request: Forwarded<'_>) -> Vec<(&str, Vec<u8>)> {
        let value = |places: &[Place]| places.iter().find_map(|place| self.value(place, request));
        let found = self.attributes.iter().map(|(name, places)| (name.as_str(), value(places)));
        found.filter_map(|(name, value)| Some((name, value?))).collect()
    }

    fn value(&self, place: &Place, request: Forwarded<'_>) -> Option<Vec<u8>> {
        let text = |text: &str| Some(text.as_bytes().to_vec());
        match place {
            Place::Header(name) => request.joined(name),
            Place::Query(name) => {
                let uri = request.uri()?;
                let pairs = uri.query()?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                pairs
                    .into_iter()
                    .find(|(key, _)| decoded(key) == name.as_bytes())
                    .map(|(_, value)| decoded(value))
            }
            Place::Cookie(name) => {
                let cookies = request.joined(&header::COOKIE)?;
                let cookies = String::from_utf8(cookies).ok()?;
                let pairs = cookies.split([';', ',']).filter_map(|pair| pair.trim().split_once('='));
                pairs.into_iter().find(|(key, _)| key == name).and_then(|(_, value)| text(value))
            }
            Place::Path => match request.uri() {
                Some(uri) => text(uri.path()),
                None => text(request.appended?),
            },
            Place::Method => text(
                request
                    .either(["x-forwarded-method", "x-original-method"])
                    .unwrap_or(request.method.as_str()),
            ),
            Place::Host => text(request.either(["x-forwarded-host", "host"])?),
            Place::ClientIp => text(&self.client_ip(request)?.to_string()),
            Place::Text(value) => text(value),
        }
    }

    /// The address that the outermost of our own proxies saw.
    fn client_ip(&self, request: Forwarded<'_>) -> Option<IpAddr> {
        let chain = request.joined(&HeaderName::from_static("x-forwarded-for"));
        let chain = chain.and_then(|chain| String::from_utf8(chain).ok()).unwrap_or_default();
        let hops: Vec<&str> = chain.split(',').map(str::trim).filter(|hop| !hop.is_empty()).collect();
        match hops.len().min(self.trusted_proxies) {
            0 => request.peer.map(|peer| peer.to_canonical()),
            back => hops.get(hops.len() - back).and_then(|hop| address(hop)),
        }
    }
}

impl<'r> Forwarded<'r> {
    /// All lines of a header, as one (RFC 9110, 5.3).
    fn joined(self, name: &HeaderName) -> Option<Vec<u8>> {
        let lines: Vec<&[u8]> = self.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        (!lines.is_empty()).then(|| lines.join(&b", "[..]))
    }

    fn either<const N: usize>(self, names: [&str; N]) -> Option<&'r str> {
        names.iter().find_map(|&name| self.headers.get(name)?.to_str().ok())
    }

    /// What the client asked for.
    fn uri(self) -> Option<Uri> {
        self.either(["x-forwarded-uri", "x-original-uri", "x-original-url"])?.parse().ok()
    }
}

/// `address`, `address:port`, `[address]:port`.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[');
    let bare = bare.split_once(']').map_or(bare, |(inside, _)| inside);
    let parsed = bare
        .parse::<IpAddr>()
        .ok()
        .or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()));
    parsed.map(|address| address.to_canonical())
}

fn decoded(text: &str) -> Vec<u8> {
    percent_decode_str(&text.replace('+', " ")).collect()
}

#[cfg(test)]
mod corpus;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn found(extraction: &Extraction, lines: &[(&'static str, &str)], attribute: &str) -> Option<String> {
        let headers = headers(lines);
        let peer = Some("::ffff:192.0.2.9".parse().unwrap());
        let request = Forwarded { headers: &headers, method: &Method::GET, appended: None, peer };
        let attributes = extraction.attributes(request);
        let value = attributes.into_iter().find(|(name, _)| *name == attribute)?.1;
        Some(String::from_utf8(value).unwrap())
    }

    fn reading(place: &str) -> Extraction {
        let attributes = vec![("x".to_owned(), vec![place.parse().unwrap()])];
        Extraction { attributes, ..Extraction::default() }
    }

    /// FIELD 28: the leftmost address is the client's own invention.
    #[test]
    fn a_client_does_not_choose_its_own_address() {
        let forged = [("x-forwarded-for", "10.0.0.1, 198.51.100.7"), ("x-forwarded-for", "203.0.113.5")];
        for (trusted_proxies, expected) in
            [(0, "192.0.2.9"), (1, "203.0.113.5"), (2, "198.51.100.7"), (3, "10.0.0.1"), (9, "10.0.0.1")]
        {
            let extraction = Extraction { trusted_proxies, ..Extraction::default() };
            assert_eq!(found(&extraction, &forged, "ip").as_deref(), Some(expected), "{trusted_proxies}");
            assert_eq!(found(&extraction, &forged, "client").as_deref(), Some(expected));
        }
        assert_eq!(found(&Extraction::default(), &[], "ip").as_deref(), Some("192.0.2.9"), "who asks");
        assert_eq!(found(&Extraction::default(), &[("x-forwarded-for", "nonsense")], "ip"), None);
    }

    #[test]
    fn one_address_has_one_spelling() {
        for (written, expected) in [
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("198.51.100.7:4711", "198.51.100.7"),
            ("[2001:DB8:0::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            let lines = [("x-forwarded-for", written)];
            assert_eq!(found(&Extraction::default(), &lines, "ip").as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn values_are_found_where_proxies_put_them() {
        let traefik = [("x-forwarded-uri", "/search?q=a%20b&q=c"), ("x-forwarded-method", "PUT")];
        let nginx = [("x-original-uri", "/search?q=a+b"), ("x-original-method", "PUT")];
        for lines in [traefik, nginx] {
            assert_eq!(found(&reading("path"), &lines, "x").as_deref(), Some("/search"));
            assert_eq!(found(&reading("query:q"), &lines, "x").as_deref(), Some("a b"));
            assert_eq!(found(&reading("method"), &lines, "x").as_deref(), Some("PUT"));
        }
        let full = [("x-original-url", "https://example.com/a/b?c=d"), ("cookie", "a=1; session=s2")];
        assert_eq!(found(&reading("path"), &full, "x").as_deref(), Some("/a/b"));
        assert_eq!(found(&reading("cookie:session"), &full, "x").as_deref(), Some("s2"));
        assert_eq!(found(&reading("method"), &full, "x").as_deref(), Some("GET"));
        assert_eq!(found(&reading("text:fixed"), &full, "x").as_deref(), Some("fixed"));
        let twice = [("x-api-key", "a"), ("x-api-key", "b")];
        assert_eq!(found(&Extraction::default(), &twice, "client").as_deref(), Some("a, b"));
    }
}
