//! `INFO [section…]`.

use std::fmt;
use std::sync::atomic::Ordering;

use drl_resp::Request;

use super::Front;

/// What clients that look for a version of Redis are told: whose replies ours resemble.
const RESEMBLES: &str = "7.0.0";

/// What runs here, as far as it was asked for.
pub(super) struct Info<'a> {
    pub(super) front: &'a Front,
    pub(super) request: &'a Request<'a>,
}

impl Info<'_> {
    fn wants(&self, section: &str) -> bool {
        let names = [section, "default", "all", "everything"];
        let wanted = |word: &[u8]| names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
        self.request.count() == 1 || self.request.arguments().skip(1).any(wanted)
    }
}

impl fmt::Display for Info<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let front = self.front;
        if self.wants("server") {
            write!(
                f,
                "# Server\r\nredis_version:{RESEMBLES}\r\ndrl_version:{}\r\n",
                env!("CARGO_PKG_VERSION")
            )?;
            write!(f, "redis_mode:standalone\r\nprocess_id:{}\r\n", std::process::id())?;
            write!(f, "uptime_in_seconds:{}\r\n\r\n", front.started.elapsed().as_secs())?;
        }
        if self.wants("clients") {
            write!(f, "# Clients\r\nconnected_clients:{}\r\n\r\n", front.open.load(Ordering::Relaxed))?;
        }
        if self.wants("stats") {
            write!(
                f,
                "# Stats\r\ntotal_connections_received:{}\r\n\r\n",
                front.seen.load(Ordering::Relaxed)
            )?;
        }
        Ok(())
    }
}
