//! A connection's reading side.

use drl_resp::{Bounds, Parser, Violation};

const BOUNDS: Bounds = Bounds { arguments: 8, argument: 64, inline: 96, request: 256 };

/// What a connection's bytes came to.
#[derive(Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) requests: Vec<Vec<Vec<u8>>>,
    pub(crate) violation: Option<Violation>,
    /// Bytes of a request that is not complete.
    pub(crate) left: usize,
}

/// Reads the pieces as a connection does.
pub(crate) fn hear<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let mut heard = Heard { requests: Vec::new(), violation: None, left: 0 };
    let (mut parser, mut held) = (Parser::new(BOUNDS), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        let mut at = 0;
        loop {
            match parser.next(&held[at..]) {
                Ok(Some(request)) => {
                    assert!(request.length() > 0 && request.count() <= BOUNDS.arguments);
                    assert!(request.arguments().all(|argument| argument.len() <= BOUNDS.argument));
                    heard.requests.push(request.arguments().map(<[u8]>::to_vec).collect());
                    at += request.length();
                }
                Ok(None) => break,
                Err(violation) => {
                    heard.violation = Some(violation);
                    return heard;
                }
            }
        }
        held.drain(..at);
    }
    assert!(held.len() <= BOUNDS.request + 32, "{} bytes are held of one request", held.len());
    heard.left = held.len();
    heard
}

/// The same in pieces of that size.
pub(crate) fn cut(bytes: &[u8], size: usize) -> Heard {
    hear(bytes.chunks(size.max(1)))
}
