//! One connection's life: read, execute in order, write.
//!
//! Everything that has come is executed before anything is written, so a pipeline costs a read and a write, and what
//! it decides at a store outside goes out together. A client that does not read its replies is not read from either.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use drl_resp::{Parser, Request, Violation};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, Sleep, sleep, timeout_at};

use super::Front;
use super::commands::{Talk, Verb};
use super::flights::Flights;
use super::refusal::Refusal;
use super::session::Session;
use super::throttle::Ask;
use crate::listen::Stopping;

/// What is read at once, at least.
const READ: usize = 4 << 10;
/// What is executed before its replies are written, at most: a client's bytes are held up to here, and up to a
/// request's bound.
const HELD: usize = 64 << 10;
/// Replies are written when there are so many bytes of them, even in the middle of a pipeline.
const REPLIES: usize = 64 << 10;
/// For how long, and how many bytes, a client is listened to that is no longer understood.
const LINGER: Duration = Duration::from_secs(1);
const DISCARDED: usize = 256 << 10;
/// Buffers that have grown beyond are not kept for the next pipeline.
const KEPT: usize = 16 << 10;

/// Why a connection has ended, unless by a fault of the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client has gone, or wanted to.
    Left,
    /// It spoke another language.
    Violation,
    /// It was silent, or slow, for too long.
    TimedOut,
    /// The server drains.
    Drained,
}

/// Serves a connection to its end.
pub(crate) async fn attend<S>(stream: S, front: Arc<Front>, stopping: Stopping)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    match converse(stream, &front, stopping).await {
        Ok(end) => tracing::debug!(?end, "connection ended"),
        Err(error) => tracing::debug!(%error, "connection broke"),
    }
}

/// Serves a connection until its client leaves or may not stay, or the server drains; then everything that was
/// received whole has been answered.
pub(super) async fn converse<S>(stream: S, front: &Front, mut stopping: Stopping) -> io::Result<End>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut conversation = Conversation {
        stream,
        parser: Parser::default(),
        input: Vec::new(),
        output: Vec::new(),
        began: None,
        alarm: Box::pin(sleep(front.patience.idle)),
        session: Session::new(front),
        flights: Flights::new(front),
    };
    let mut stop = pin!(stopping.wait());
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return conversation.finish().await,
            received = conversation.receive() => match received? {
                Received::Some => {}
                Received::Nothing => return Ok(End::Left),
                Received::TooLate => return Ok(End::TimedOut),
            },
        }
        if let Some(end) = conversation.reply().await? {
            return Ok(end);
        }
    }
}

/// What a read came to.
enum Received {
    Some,
    /// The client sends no more.
    Nothing,
    TooLate,
}

struct Conversation<'f, S> {
    stream: S,
    parser: Parser,
    /// Bytes that were received and not understood yet.
    input: Vec<u8>,
    output: Vec<u8>,
    /// When the request began that is not complete.
    began: Option<Instant>,
    /// Rings at the deadline or before. While deadlines only move away it is left alone until it rings, which spares
    /// each read a timer.
    alarm: Pin<Box<Sleep>>,
    session: Session<'f>,
    flights: Flights<'f>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Conversation<'_, S> {
    async fn receive(&mut self) -> io::Result<Received> {
        let patience = self.session.front().patience;
        let deadline = match self.began {
            Some(began) => began + patience.request,
            None => Instant::now() + patience.idle,
        };
        if deadline < self.alarm.deadline() {
            self.alarm.as_mut().reset(deadline);
        }
        self.make_room();
        loop {
            tokio::select! {
                biased;
                read = self.stream.read_buf(&mut self.input) => {
                    return read.map(|read| if read == 0 { Received::Nothing } else { Received::Some });
                }
                () = self.alarm.as_mut() => {
                    if Instant::now() >= deadline {
                        return Ok(Received::TooLate);
                    }
                    self.alarm.as_mut().reset(deadline);
                }
            }
        }
    }

    /// A pipeline that fills what there is gets twice as much the next time.
    fn make_room(&mut self) {
        if self.input.is_empty() && self.input.capacity() > KEPT {
            self.input = Vec::new();
        }
        if self.input.capacity() - self.input.len() < READ / 2 {
            self.input.reserve(READ.max(self.input.capacity().min(HELD)));
        }
    }

    /// Executes what has come and writes the replies; says if that was the end.
    async fn reply(&mut self) -> io::Result<Option<End>> {
        let end = self.execute().await?;
        self.write().await?;
        if self.output.capacity() > KEPT {
            self.output = Vec::new();
        }
        match end {
            Some(End::Violation) => self.hang_up().await?,
            Some(_) => self.stream.shutdown().await?,
            None => {}
        }
        Ok(end)
    }

    /// Closes against a client that may still be sending. What it has sent is thrown away, within bounds: a socket
    /// that is closed with bytes unread takes back what was written, and the client would not learn what was wrong.
    async fn hang_up(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let deadline = Instant::now() + LINGER;
        let mut thrown = 0;
        while thrown < DISCARDED {
            self.input.clear();
            self.make_room();
            match timeout_at(deadline, self.stream.read_buf(&mut self.input)).await {
                Ok(Ok(read)) if read > 0 => thrown += read,
                _ => break,
            }
        }
        Ok(())
    }

    /// The server drains: what has arrived by now is still answered.
    async fn finish(mut self) -> io::Result<End> {
        loop {
            self.make_room();
            let here = tokio::select! {
                biased;
                read = self.stream.read_buf(&mut self.input) => read?,
                () = std::future::ready(()) => 0,
            };
            if let Some(end) = self.reply().await? {
                return Ok(end);
            }
            if here == 0 {
                self.stream.shutdown().await?;
                return Ok(End::Drained);
            }
        }
    }

    /// Executes every request that is complete.
    async fn execute(&mut self) -> io::Result<Option<End>> {
        let mut at = 0;
        let end = loop {
            let Self { parser, input, output, session, flights, .. } = self;
            match parser.next(&input[at..]) {
                Ok(Some(request)) => {
                    at += request.length();
                    let mut hall = Hall { session, flights, output };
                    if let Some(end) = hall.execute(&request).await {
                        break Some(end);
                    }
                }
                Ok(None) => break None,
                Err(violation) => {
                    Hall { session, flights, output }.complain(violation).await;
                    break Some(End::Violation);
                }
            }
            if self.output.len() >= REPLIES {
                self.write().await?;
            }
        };
        let Self { output, session, flights, .. } = self;
        Hall { session, flights, output }.settle().await;
        self.input.drain(..at);
        self.began = match self.parser.is_within_request() {
            true if at == 0 => self.began.or_else(|| Some(Instant::now())),
            true => Some(Instant::now()),
            false => None,
        };
        Ok(end)
    }

    async fn write(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + self.session.front().patience.reply;
        let written = timeout_at(deadline, async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        });
        written.await.map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))??;
        self.output.clear();
        Ok(())
    }
}

/// Where requests are carried out, and replies gather in their order.
struct Hall<'c, 'f> {
    session: &'c mut Session<'f>,
    flights: &'c mut Flights<'f>,
    output: &'c mut Vec<u8>,
}

impl Hall<'_, '_> {
    /// Says if that was the end.
    async fn execute(&mut self, request: &Request<'_>) -> Option<End> {
        if request.count() == 0 {
            return None;
        }
        let talk = match self.session.permit(request) {
            Ok(Verb::Throttle) => match self.throttle(request).await {
                Ok(()) => return None,
                Err(refusal) => Err(refusal),
            },
            Ok(Verb::Talk(talk)) => Ok(talk),
            Err(refusal) => Err(refusal),
        };
        self.settle().await;
        let answered = talk.and_then(|talk| {
            self.session.answer(talk, request, self.output)?;
            Ok((talk == Talk::Quit).then_some(End::Left))
        });
        answered.unwrap_or_else(|refusal| {
            self.refuse(&refusal);
            matches!(refusal, Refusal::Http).then_some(End::Violation)
        })
    }

    /// `CL.THROTTLE`: decided here and now, or sent on its way.
    async fn throttle<'a>(&mut self, request: &Request<'a>) -> Result<(), Refusal<'a>> {
        let ask = Ask::read(request).map_err(Refusal::Throttle)?;
        let limits = &self.session.front().limits;
        while self.flights.is_blocked(&ask) {
            self.land().await;
        }
        let limit = self.session.recent.limit(ask.parameters, limits).map_err(Refusal::Undecided)?;
        if limits.engine().is_shared() {
            self.flights.depart(&ask, limit);
            return Ok(());
        }
        let reply = ask.decide(limits.engine(), limit).await.map_err(Refusal::Undecided)?;
        reply.write(&mut self.session.writer(self.output));
        Ok(())
    }

    /// Waits for everything that is on its way.
    async fn settle(&mut self) {
        while self.land().await == Landing::Some {}
    }

    async fn land(&mut self) -> Landing {
        match self.flights.land().await {
            Some(Ok(reply)) => reply.write(&mut self.session.writer(self.output)),
            Some(Err(error)) => self.refuse(&Refusal::Undecided(error)),
            None => return Landing::None,
        }
        Landing::Some
    }

    async fn complain(&mut self, violation: Violation) {
        self.settle().await;
        self.session.writer(self.output).error(&format!("ERR {violation}"));
    }

    fn refuse(&mut self, refusal: &Refusal<'_>) {
        self.session.writer(self.output).error(&refusal.to_string());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Landing {
    Some,
    None,
}
