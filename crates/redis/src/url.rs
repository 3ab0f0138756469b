//! Where the store is and who we are there.
//!
//! ```text
//! redis://[user:password@]host[:port][/db]      rediss://… with TLS
//! unix:///path/to/socket[?db=0&user=…&pass=…]
//! redis+cluster://host:port,host:port           rediss+cluster://…
//! redis+sentinel://host:port,…/master-name[/db] rediss+sentinel://…
//! ```
//!
//! `valkey…` is the same as `redis…`. Special characters in names and passwords are percent-encoded.
//!
//! | parameter | meaning |
//! |---|---|
//! | `timeout_ms` | the deadline of each call, connecting included |
//! | `prefix` | what our keys start with; for the limiter, the store itself has no use for it |
//! | `ca_file` | (TLS) trust the authorities in this PEM file instead of the system's |
//! | `insecure=true` | (TLS) trust any certificate: anybody in between can read and decide |

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::Url;

/// The port where none is given.
const DEFAULT_PORT: u16 = 6379;
/// Where Sentinels listen.
const DEFAULT_SENTINEL_PORT: u16 = 26379;

/// A parsed store URL. Printing it, for debugging or for people, never shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    servers: Servers,
    user: Option<String>,
    password: Option<String>,
    db: u32,
    tls: Option<Tls>,
    timeout: Option<Duration>,
    prefix: Option<String>,
}

/// Which servers hold the counters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Servers {
    /// One server.
    Tcp(Node),
    /// One server on this machine.
    Unix(PathBuf),
    /// A Redis Cluster, known by some of its nodes.
    Cluster(Vec<Node>),
    /// The server that these Sentinels name.
    Sentinel {
        /// Some of the Sentinels.
        nodes: Vec<Node>,
        /// What they call the master.
        master: String,
    },
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// How the server's certificate is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) insecure: bool,
}

/// Why a URL names no store. Never repeats the URL itself, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Not a URL.
    #[error("not a store URL: {0}")]
    Malformed(String),
    /// A scheme that names no store here.
    #[error("`{0}` is not a store scheme such as redis, rediss, unix or redis+cluster")]
    Scheme(String),
    /// No host where one is needed.
    #[error("the store URL names no host")]
    NoHost,
    /// A path that is not a database number (for Sentinel: a master's name and a database number).
    #[error("the store URL's path is not {0}")]
    Path(&'static str),
    /// A parameter that does not exist, or not for this scheme.
    #[error("the store URL has no parameter `{0}`")]
    UnknownParameter(String),
    /// A parameter with a value it can't have.
    #[error("the store URL's parameter `{parameter}` is not {expected}")]
    Value {
        /// The parameter.
        parameter: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
}

impl StoreUrl {
    /// The servers.
    #[must_use]
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// The deadline of a call, if the URL gives one.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// What our keys start with, if the URL says so.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub(crate) fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    pub(crate) fn db(&self) -> u32 {
        self.db
    }

    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }
}

impl FromStr for StoreUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let malformed = || UrlError::Malformed("it needs a scheme, as in redis://host".to_owned());
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(malformed)?;
        let scheme = scheme.to_ascii_lowercase();
        let (base, topology) = scheme.split_once('+').unwrap_or((&scheme, ""));
        let tls = match (base, topology) {
            ("unix", "") => return parse_unix(rest),
            ("redis" | "valkey", "" | "cluster" | "sentinel") => None,
            ("rediss" | "valkeys", "" | "cluster" | "sentinel") => Some(Tls::default()),
            _ => return Err(UrlError::Scheme(scheme)),
        };
        let (nodes, rest) =
            split_nodes(rest, if topology == "sentinel" { DEFAULT_SENTINEL_PORT } else { DEFAULT_PORT })?;
        let url = parse(&format!("redis://{rest}"))?;
        let path = decode(url.path().trim_matches('/'))?;
        let (servers, db) = match topology {
            "sentinel" => {
                let (master, db) = path.split_once('/').unwrap_or((&path, ""));
                if master.is_empty() {
                    return Err(UrlError::Path("a master's name, perhaps followed by a database number"));
                }
                (Servers::Sentinel { nodes, master: master.to_owned() }, database(db)?)
            }
            "cluster" if path.is_empty() => (Servers::Cluster(nodes), 0),
            "cluster" => return Err(UrlError::Path("empty: a cluster has one database")),
            _ => match <[Node; 1]>::try_from(nodes) {
                Ok([node]) => (Servers::Tcp(node), database(&path)?),
                Err(_) => return Err(UrlError::Malformed("several hosts need redis+cluster".to_owned())),
            },
        };
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let mut parsed = Self {
            servers,
            user: filled(decode(url.username())?),
            password: filled(decode(url.password().unwrap_or_default())?),
            db,
            tls,
            timeout: None,
            prefix: None,
        };
        parsed.read_parameters(&url)?;
        Ok(parsed)
    }
}

fn parse_unix(rest: &str) -> Result<StoreUrl, UrlError> {
    let url = parse(&format!("unix://{rest}"))?;
    if url.host().is_some() || url.path().len() < 2 {
        return Err(UrlError::Path("the absolute path of a socket, as in unix:///run/redis.sock"));
    }
    let servers = Servers::Unix(PathBuf::from(decode(url.path())?));
    let mut parsed =
        StoreUrl { servers, user: None, password: None, db: 0, tls: None, timeout: None, prefix: None };
    parsed.read_parameters(&url)?;
    Ok(parsed)
}

impl StoreUrl {
    fn read_parameters(&mut self, url: &Url) -> Result<(), UrlError> {
        if url.fragment().is_some() {
            return Err(UrlError::Malformed("a `#` in a name or password is written %23".to_owned()));
        }
        let unix = matches!(self.servers, Servers::Unix(_));
        for (name, value) in url.query_pairs() {
            match (name.as_ref(), self.tls.as_mut()) {
                ("timeout_ms", _) => self.timeout = Some(timeout(&value)?),
                ("prefix", _) => self.prefix = Some(value.into_owned()),
                ("db", _) if unix => self.db = database(&value)?,
                ("user", _) if unix => self.user = Some(value.into_owned()),
                ("pass", _) if unix => self.password = Some(value.into_owned()),
                ("ca_file", Some(tls)) => tls.ca_file = Some(PathBuf::from(value.as_ref())),
                ("insecure", Some(tls)) => {
                    tls.insecure = value
                        .parse()
                        .map_err(|_| UrlError::Value { parameter: "insecure", expected: "true or false" })?;
                }
                _ => return Err(UrlError::UnknownParameter(name.into_owned())),
            }
        }
        Ok(())
    }
}

/// Takes the list of hosts out of `[user:password@]hosts[/path][?query]`, which no URL parser reads.
fn split_nodes(rest: &str, default_port: u16) -> Result<(Vec<Node>, String), UrlError> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (format!("{login}@"), hosts),
        None => (String::new(), authority),
    };
    let nodes = hosts.split(',').map(|host| node(host, default_port)).collect::<Result<_, _>>()?;
    Ok((nodes, format!("{login}hosts.invalid{tail}")))
}

fn node(text: &str, default_port: u16) -> Result<Node, UrlError> {
    if text.is_empty() || text.starts_with(':') {
        return Err(UrlError::NoHost);
    }
    let url = parse(&format!("redis://{text}"))?;
    let host = match url.host() {
        Some(url::Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => return Err(UrlError::NoHost),
    };
    Ok(Node { host, port: url.port().unwrap_or(default_port) })
}

fn parse(text: &str) -> Result<Url, UrlError> {
    Url::parse(text).map_err(|error| UrlError::Malformed(error.to_string()))
}

fn decode(text: &str) -> Result<String, UrlError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(String::from).map_err(|_| UrlError::Malformed("it is not UTF-8".to_owned()))
}

fn database(text: &str) -> Result<u32, UrlError> {
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_| UrlError::Path("a database number")) }
}

fn timeout(text: &str) -> Result<Duration, UrlError> {
    match text.parse() {
        Ok(millis @ 1..=3_600_000) => Ok(Duration::from_millis(millis)),
        _ => Err(UrlError::Value { parameter: "timeout_ms", expected: "1 to 3600000 milliseconds" }),
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// The address without names, passwords and parameters: for messages and logs.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        let join = |nodes: &[Node]| nodes.iter().map(Node::to_string).collect::<Vec<_>>().join(",");
        match &self.servers {
            Servers::Tcp(node) => write!(f, "{scheme}://{node}/{}", self.db),
            Servers::Unix(path) => write!(f, "unix://{}", path.display()),
            Servers::Cluster(nodes) => write!(f, "{scheme}+cluster://{}", join(nodes)),
            Servers::Sentinel { nodes, master } => {
                write!(f, "{scheme}+sentinel://{}/{master}/{}", join(nodes), self.db)
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreUrl")
            .field("servers", &self.servers)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("db", &self.db)
            .field("tls", &self.tls)
            .field("timeout", &self.timeout)
            .field("prefix", &self.prefix)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> StoreUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_documented_form_is_read() {
        for (text, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("valkey://user:secret@10.0.0.1:7000/3", "redis://10.0.0.1:7000/3"),
            ("REDISS://[::1]:7000/", "rediss://[::1]:7000/0"),
            ("valkeys://h?ca_file=/a/b.pem&insecure=false", "rediss://h:6379/0"),
            ("unix:///run/redis%20a.sock?db=2&user=u&pass=p", "unix:///run/redis a.sock"),
            ("redis+cluster://h1:1,h2,[::1]:3?timeout_ms=20", "redis+cluster://h1:1,h2:6379,[::1]:3"),
            ("rediss+sentinel://u:p@s1,s2:5/main/4", "rediss+sentinel://s1:26379,s2:5/main/4"),
        ] {
            assert_eq!(url(text).to_string(), shown, "{text}");
        }
        let full = url("redis://us%40er:p%2Fa%3As@h/1?timeout_ms=70&prefix=shop");
        assert_eq!(full.user(), Some("us@er"));
        assert_eq!(full.password(), Some("p/a:s"));
        assert_eq!(full.timeout(), Some(Duration::from_millis(70)));
        assert_eq!(full.prefix(), Some("shop"));
        let socket = url("unix:///s?db=2&user=u&pass=p");
        assert_eq!((socket.user(), socket.password(), socket.db()), (Some("u"), Some("p"), 2));
    }

    #[test]
    fn what_names_no_store_is_an_error() {
        for text in [
            "",
            "localhost:6379",
            "http://h",
            "redis+http://h",
            "memory://",
            "redis://",
            "redis://:6379",
            "redis://u:p@",
            "redis://h:99999",
            "redis://h/one",
            "redis://h/-1",
            "redis://h1,h2",
            "unix://",
            "unix://host/path",
            "redis+cluster://h/1",
            "redis+sentinel://h",
            "redis+sentinel://h/m/x",
            "redis://h?timeout=1",
            "redis://h?timeout_ms=0",
            "redis://h?timeout_ms=soon",
            "redis://h?db=1",
            "redis://h?insecure=true",
            "rediss://h?insecure=perhaps",
            "redis://:pa#ss@h",
        ] {
            let error = text.parse::<StoreUrl>().expect_err(text);
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn nothing_printed_holds_the_password() {
        for text in ["redis://u:hunter2@h", "unix:///s?pass=hunter2", "redis+cluster://:hunter2@a,b"] {
            let url = url(text);
            assert!(!format!("{url} {url:?}").contains("hunter2"), "{url:?}");
        }
        for text in
            ["redis://u:hunter2@h:x", "redis://u:hunter2@h?x=hunter", "redis://u:hunter2@h/x", "r:hunter2"]
        {
            let error = text.parse::<StoreUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
