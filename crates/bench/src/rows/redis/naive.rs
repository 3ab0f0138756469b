//! What people write first: one script call per request, one key per client.

use anyhow::Result;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo as _, Script};

use super::lab::Limiter;
use crate::rows::quota::Bounds;

const SCRIPT: &str = include_str!("naive.lua");

/// A token bucket on one multiplexed connection, without delay.
#[derive(Clone)]
pub(super) struct Naive {
    connection: MultiplexedConnection,
    sha1: String,
    bounds: Bounds,
}

impl Naive {
    pub(super) async fn connect(url: &str, bounds: Bounds) -> Result<Self> {
        let info = url.into_connection_info()?.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        // Its own patience is 500 ms; nobody here wants an error instead of an answer.
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(super::PATIENCE));
        let mut connection =
            Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await?;
        let sha1 = Script::new(SCRIPT).load_async(&mut connection).await?;
        Ok(Self { connection, sha1, bounds })
    }

    /// The name under which the server knows the script.
    pub(super) fn sha1(&self) -> &str {
        &self.sha1
    }
}

impl Limiter for Naive {
    async fn admits(&self, client: &str) -> Result<bool> {
        let mut connection = self.connection.clone();
        let interval = u64::try_from(self.bounds.period.as_micros())?;
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.sha1).arg(1).arg(format!("rate:{client}")).arg(interval).arg(self.bounds.burst);
        let [allowed, _remaining]: [i64; 2] = command.query_async(&mut connection).await?;
        Ok(allowed == 1)
    }
}
