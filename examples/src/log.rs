//! Access logs in the common and combined formats.

use anyhow::Context as _;
use drl_core::Timestamp;

/// One request of an access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The client's address.
    pub client: String,
    /// When it was logged: whole seconds, as the log has them.
    pub at: Timestamp,
}

/// Reads a log in the common or combined format, in order of time.
///
/// # Errors
/// Names the first line that is not of this format.
pub fn parse(log: &str) -> anyhow::Result<Vec<Request>> {
    let mut requests = Vec::new();
    for (index, line) in log.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let request = parse_line(line).with_context(|| format!("line {}", index + 1))?;
        requests.push(request);
    }
    requests.sort_by_key(|request| request.at);
    Ok(requests)
}

fn parse_line(line: &str) -> anyhow::Result<Request> {
    let client = line.split(' ').next().filter(|client| !client.is_empty()).context("no client address")?;
    let (_, rest) = line.split_once('[').context("no time in brackets")?;
    let (time, _) = rest.split_once(']').context("the time's bracket is not closed")?;
    let time = jiff::Timestamp::strptime("%d/%b/%Y:%H:%M:%S %z", time).context("the time")?;
    let micros = u64::try_from(time.as_microsecond()).context("a time before 1970")?;
    Ok(Request { client: client.to_owned(), at: Timestamp(micros) })
}
