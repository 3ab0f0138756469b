//! What a server or its connection says, by error class.

use drl_store::StoreError;
use redis::{ErrorKind, RedisError};

/// A failed command. `left` says whether its bytes may have reached the server.
pub(crate) fn failed(error: &RedisError, left: bool) -> StoreError {
    match error.code() {
        Some(code) => {
            let detail = error.detail().unwrap_or_default();
            spoken(&format!("{code} {detail}"))
        }
        None => match error.kind() {
            ErrorKind::Io => StoreError::Unavailable { reason: error.to_string(), may_have_counted: left },
            // A connection that ends in the middle of an answer is a broken connection, not a foreign peer.
            _ if error.to_string().contains("Unexpected end of input") => {
                StoreError::Unavailable { reason: error.to_string(), may_have_counted: left }
            }
            ErrorKind::AuthenticationFailed => StoreError::Refused { reason: error.to_string() },
            _ => StoreError::Protocol { reason: error.to_string() },
        },
    }
}

/// An error text of the server: it was said instead of executing, so nothing was charged.
pub(crate) fn spoken(text: &str) -> StoreError {
    let text = text.trim();
    let reason = text.chars().take(200).collect::<String>();
    match text.split(' ').next().unwrap_or_default() {
        "OOM" => StoreError::Full { reason },
        "READONLY" | "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "BUSY" | "MISCONF"
        | "NOREPLICAS" | "MOVED" | "ASK" => StoreError::Unavailable { reason, may_have_counted: false },
        "NOAUTH" | "WRONGPASS" | "NOPERM" => StoreError::Refused { reason },
        "ERR" if text.contains("max number of clients") => {
            StoreError::Unavailable { reason, may_have_counted: false }
        }
        "ERR" if text.contains("AUTH") || text.contains("DB index") => StoreError::Refused { reason },
        _ => StoreError::Protocol { reason },
    }
}

/// Whether a script is not known there (any more).
pub(crate) fn is_unknown_script(error: &RedisError) -> bool {
    error.code() == Some("NOSCRIPT")
}

/// Whether the node has become a replica, so that the master is elsewhere.
pub(crate) fn is_read_only(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable { reason, .. } if reason.starts_with("READONLY"))
}

#[cfg(test)]
mod tests {
    use drl_store::ErrorClass;

    use super::*;

    #[test]
    fn every_error_a_server_speaks_has_its_class() {
        for (text, class) in [
            ("OOM command not allowed when used memory > 'maxmemory'.", ErrorClass::Unavailable),
            ("READONLY You can't write against a read only replica.", ErrorClass::Unavailable),
            ("LOADING Redis is loading the dataset in memory", ErrorClass::Unavailable),
            ("MASTERDOWN Link with MASTER is down", ErrorClass::Unavailable),
            ("CLUSTERDOWN The cluster is down", ErrorClass::Unavailable),
            ("TRYAGAIN Multiple keys request during rehashing of slot", ErrorClass::Unavailable),
            ("BUSY Redis is busy running a script.", ErrorClass::Unavailable),
            ("ERR max number of clients reached", ErrorClass::Unavailable),
            ("NOAUTH Authentication required.", ErrorClass::Refused),
            ("WRONGPASS invalid username-password pair or user is disabled.", ErrorClass::Refused),
            ("NOPERM this user has no permissions to run the 'evalsha' command", ErrorClass::Refused),
            ("ERR DB index is out of range", ErrorClass::Refused),
            ("WRONGTYPE Operation against a key", ErrorClass::Protocol),
            ("ERR something new", ErrorClass::Protocol),
        ] {
            assert_eq!(spoken(text).class(), class, "{text}");
        }
    }
}
