//! Where a front listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a front is to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Front {
    /// Nowhere: `off`.
    Off,
    /// At `host:port`, in clear; port 0 picks a free one.
    Tcp(String),
    /// At `tls://host:port`.
    Tls(String),
    /// At `unix:///path`.
    Unix(PathBuf),
}

impl FromStr for Front {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        if let Some(path) = text.strip_prefix("unix://") {
            return match path.starts_with('/') {
                true => Ok(Self::Unix(path.into())),
                false => {
                    Err(format!("`{text}`: a unix socket has an absolute path, as in unix:///run/drl.sock"))
                }
            };
        }
        let (make, rest): (fn(String) -> Self, &str) = match text.strip_prefix("tls://") {
            Some(rest) => (Self::Tls, rest),
            None => (Self::Tcp, text),
        };
        match rest.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(make(rest.to_owned()))
            }
            _ => Err(format!("`{text}` is none of host:port, tls://host:port, unix:///path and `off`")),
        }
    }
}

/// As it is written.
impl fmt::Display for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Tcp(address) => f.write_str(address),
            Self::Tls(address) => write!(f, "tls://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// Where a front listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Whether only this machine gets there.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// The TCP port's address.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_understood_or_refused_with_the_forms_there_are() {
        assert_eq!("off".parse(), Ok(Front::Off));
        assert_eq!("[::1]:0".parse(), Ok(Front::Tcp("[::1]:0".to_owned())));
        assert_eq!("tls://0.0.0.0:443".parse(), Ok(Front::Tls("0.0.0.0:443".to_owned())));
        assert_eq!("unix:///run/drl.sock".parse(), Ok(Front::Unix("/run/drl.sock".into())));
        for wrong in ["", ":80", "localhost", "localhost:99999", "tls://", "unix://drl.sock"] {
            assert!(wrong.parse::<Front>().is_err(), "{wrong}");
        }
    }
}
