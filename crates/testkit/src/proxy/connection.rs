//! One connection through the proxy: two directions, each a reader and a writer with a queue between them.
//!
//! The queue is what makes a delay a delay: later bytes are read while earlier ones wait for their time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Fault, Path};

const READ: usize = 16 * 1024;
const QUEUE: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Reply,
}

struct Chunk {
    bytes: Vec<u8>,
    due: Instant,
    /// The connection ends after these bytes.
    last: bool,
}

/// How a connection ended other than by its two ends.
enum Broken {
    Cut,
    Reset,
}

impl From<io::Error> for Broken {
    fn from(_either_end_broke_it: io::Error) -> Self {
        Self::Reset
    }
}

pub(super) async fn run(mut client: TcpStream, path: Arc<Path>, mut resets: watch::Receiver<()>) {
    let end = tokio::select! {
        end = forward(&mut client, &path) => end,
        _ = resets.changed() => Err(Broken::Reset),
    };
    if let Err(Broken::Reset) = end {
        reset(&client);
    }
}

/// Makes closing the connection a reset (RST) instead of an orderly end.
pub(super) fn reset(client: &TcpStream) {
    // Fails only if the client has closed it already.
    let _ = client.set_zero_linger();
}

async fn forward(client: &mut TcpStream, path: &Path) -> Result<(), Broken> {
    let mut server = TcpStream::connect(path.upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let (requests, queued_requests) = mpsc::channel(QUEUE);
    let (replies, queued_replies) = mpsc::channel(QUEUE);
    tokio::try_join!(
        read(from_client, requests, path, Direction::Request),
        write(queued_requests, to_server, path),
        read(from_server, replies, path, Direction::Reply),
        write(queued_replies, to_client, path),
    )?;
    Ok(())
}

async fn read(
    mut from: ReadHalf<'_>,
    queue: mpsc::Sender<Chunk>,
    path: &Path,
    direction: Direction,
) -> Result<(), Broken> {
    let counter = match direction {
        Direction::Request => &path.counters.request_bytes,
        Direction::Reply => &path.counters.reply_bytes,
    };
    let mut faults = path.fault.subscribe();
    faults.mark_changed();
    let mut allowance = u64::MAX;
    let mut buffer = vec![0; READ];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        counter.fetch_add(length as u64, Ordering::Relaxed);
        // Each time a fault is set, `CutAfter` counts anew.
        let is_new = faults.has_changed().unwrap_or(false);
        let fault = *faults.borrow_and_update();
        let mut chunk = Chunk { bytes: buffer[..length].to_vec(), due: Instant::now(), last: false };
        match (fault, direction) {
            (Fault::Blackhole, _) | (Fault::DropReplies, Direction::Reply) => continue,
            (Fault::Delay(delay), Direction::Reply) => chunk.due += delay,
            (Fault::CutAfter(bytes), Direction::Reply) => {
                if is_new {
                    allowance = bytes;
                }
                let kept = length.min(usize::try_from(allowance).unwrap_or(length));
                chunk.bytes.truncate(kept);
                allowance -= kept as u64;
                chunk.last = allowance == 0;
            }
            _ => {}
        }
        if queue.send(chunk).await.is_err() {
            return Ok(());
        }
    }
}

async fn write(mut queue: mpsc::Receiver<Chunk>, mut to: WriteHalf<'_>, path: &Path) -> Result<(), Broken> {
    while let Some(chunk) = queue.recv().await {
        if chunk.due > Instant::now() {
            sleep_until(chunk.due).await;
        }
        let (piece, pause) = match *path.fault.borrow() {
            Fault::Trickle { bytes, pause } => (bytes.max(1), pause),
            _ => (READ, Duration::ZERO),
        };
        for bytes in chunk.bytes.chunks(piece) {
            to.write_all(bytes).await?;
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
        if chunk.last {
            return Err(Broken::Cut);
        }
    }
    to.shutdown().await?;
    Ok(())
}
