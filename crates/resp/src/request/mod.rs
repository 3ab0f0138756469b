//! From bytes as they come to requests.

mod inline;

#[cfg(test)]
mod tests;

use crate::bounds::Bounds;
use crate::number::integer;
use crate::violation::Violation;

/// The longest line that holds a number, its kind and its end included: 20 bytes hold every number there is.
const NUMBER_LINE: usize = 32;

/// Finds the requests in what a client sends.
///
/// To be given the bytes from the beginning of a request on. While it is not complete, the same bytes are given
/// again with more behind them; once it is, those behind it ([`Request::length`]).
#[derive(Debug, Default)]
pub struct Parser {
    bounds: Bounds,
    stage: Stage,
    /// Up to where the request has been understood.
    at: usize,
    spans: Vec<Span>,
    /// The arguments of an inline command, behind each other.
    unquoted: Vec<u8>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Start,
    Line,
    Count,
    /// The length of the first of so many arguments.
    Length {
        left: usize,
    },
    /// The first of so many arguments.
    Argument {
        left: usize,
        length: usize,
    },
}

/// Where an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
}

/// Whether there is a whole request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Complete,
    Incomplete,
}

/// A command and its arguments. It may be empty: an empty line and an array of nothing ask for nothing, and are not
/// answered.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
    length: usize,
}

impl<'a> Request<'a> {
    /// The command's name and what follows it.
    pub fn arguments(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.spans.iter().map(move |span| bytes.get(span.start..span.end).unwrap_or_default())
    }

    /// One of them; the command's name is the first.
    #[inline]
    #[must_use]
    pub fn argument(&self, index: usize) -> Option<&'a [u8]> {
        let span = self.spans.get(index)?;
        self.bytes.get(span.start..span.end)
    }

    /// How many there are.
    #[inline]
    #[must_use]
    pub fn count(&self) -> usize {
        self.spans.len()
    }

    /// How many bytes the request took; the next one begins behind them.
    #[inline]
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }
}

impl Parser {
    /// Holds clients to these bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// The request at the beginning of `input`, or `None` while it is not complete.
    ///
    /// # Errors
    /// If there is none. Neither this parser nor what follows is of any use then.
    #[inline]
    pub fn next<'a>(&'a mut self, input: &'a [u8]) -> Result<Option<Request<'a>>, Violation> {
        if self.stage == Stage::Start {
            let Some(&first) = input.first() else { return Ok(None) };
            self.at = 0;
            self.spans.clear();
            self.stage = if first == b'*' { Stage::Count } else { Stage::Line };
        }
        let is_line = self.stage == Stage::Line;
        let progress = if is_line { self.line(input)? } else { self.array(input)? };
        if progress == Progress::Incomplete {
            return Ok(None);
        }
        self.stage = Stage::Start;
        let bytes = if is_line { &self.unquoted } else { input };
        Ok(Some(Request { bytes, spans: &self.spans, length: self.at }))
    }

    /// Whether the beginning of a request has been seen, and not yet its end.
    #[must_use]
    pub fn is_within_request(&self) -> bool {
        self.stage != Stage::Start
    }

    fn array(&mut self, input: &[u8]) -> Result<Progress, Violation> {
        loop {
            match self.stage {
                Stage::Start | Stage::Line | Stage::Count => {
                    let Some(line) = self.number_line(input, Violation::CountLine)? else {
                        return Ok(Progress::Incomplete);
                    };
                    // Less than none is none, as in Redis.
                    let count = integer(line).ok_or(Violation::Count)?.max(0);
                    let left = usize::try_from(count).map_err(|_| Violation::Count)?;
                    if left > self.bounds.arguments {
                        return Err(Violation::Count);
                    }
                    self.stage = Stage::Length { left };
                }
                Stage::Length { left: 0 } => return Ok(Progress::Complete),
                Stage::Length { left } => {
                    match input.get(self.at) {
                        Some(b'$') => {}
                        Some(&other) => return Err(Violation::Type(other)),
                        None => return Ok(Progress::Incomplete),
                    }
                    let Some(line) = self.number_line(input, Violation::LengthLine)? else {
                        return Ok(Progress::Incomplete);
                    };
                    let length = integer(line).and_then(|length| usize::try_from(length).ok());
                    let length = length.filter(|length| *length <= self.bounds.argument);
                    let length = length.ok_or(Violation::Length)?;
                    if self.at + length + 2 > self.bounds.request {
                        return Err(Violation::Request);
                    }
                    self.stage = Stage::Argument { left, length };
                }
                Stage::Argument { left, length } => {
                    let end = self.at + length;
                    match input.get(end..end + 2) {
                        Some(b"\r\n") => {}
                        Some(_) => return Err(Violation::Overrun),
                        None => return Ok(Progress::Incomplete),
                    }
                    self.spans.push(Span { start: self.at, end });
                    self.at = end + 2;
                    self.stage = Stage::Length { left: left - 1 };
                }
            }
        }
    }

    /// What stands between the kind of a line and its end, which is passed; `None` while there is no end.
    #[inline]
    fn number_line<'a>(
        &mut self,
        input: &'a [u8],
        endless: Violation,
    ) -> Result<Option<&'a [u8]>, Violation> {
        let rest = input.get(self.at..).unwrap_or_default();
        let head = rest.get(..NUMBER_LINE).unwrap_or(rest);
        let Some(end) = head.iter().position(|byte| *byte == b'\r') else {
            return if head.len() == NUMBER_LINE { Err(endless) } else { Ok(None) };
        };
        match rest.get(end + 1) {
            Some(b'\n') => {
                self.at += end + 2;
                Ok(rest.get(1..end))
            }
            Some(_) => Err(endless),
            None => Ok(None),
        }
    }

    fn line(&mut self, input: &[u8]) -> Result<Progress, Violation> {
        let head = input.get(..self.bounds.inline).unwrap_or(input);
        let unseen = head.get(self.at..).unwrap_or_default();
        let Some(end) = unseen.iter().position(|byte| *byte == b'\n') else {
            self.at = head.len();
            let full = head.len() == self.bounds.inline;
            return if full { Err(Violation::Inline) } else { Ok(Progress::Incomplete) };
        };
        let end = self.at + end;
        let line = head.get(..end).unwrap_or_default();
        self.at = end + 1;
        self.unquoted.clear();
        self.split(line.strip_suffix(b"\r").unwrap_or(line))?;
        Ok(Progress::Complete)
    }

    fn split(&mut self, line: &[u8]) -> Result<(), Violation> {
        let mut rest = inline::skip_space(line);
        while !rest.is_empty() {
            if self.spans.len() == self.bounds.arguments {
                return Err(Violation::Count);
            }
            let start = self.unquoted.len();
            rest = inline::skip_space(inline::take_argument(rest, &mut self.unquoted)?);
            let end = self.unquoted.len();
            if end - start > self.bounds.argument {
                return Err(Violation::Length);
            }
            self.spans.push(Span { start, end });
        }
        Ok(())
    }
}
