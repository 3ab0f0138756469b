//! What is no request.

/// Why bytes are no request. Nothing that comes behind them can be understood, so the connection has to be closed;
/// the text is what its client is told before, in Redis' words where Redis has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The number of arguments is no number, or above the bound.
    #[error("Protocol error: invalid multibulk length")]
    Count,
    /// The number of arguments does not end.
    #[error("Protocol error: too big mbulk count string")]
    CountLine,
    /// An argument is no bulk string.
    #[error("Protocol error: expected '$', got '{}'", .0.escape_ascii())]
    Type(u8),
    /// The length of an argument is no number, negative, or above the bound.
    #[error("Protocol error: invalid bulk length")]
    Length,
    /// The length of an argument does not end.
    #[error("Protocol error: too big bulk count string")]
    LengthLine,
    /// An argument is longer than it said.
    #[error("Protocol error: expected CRLF behind a bulk string")]
    Overrun,
    /// A line is longer than the bound.
    #[error("Protocol error: too big inline request")]
    Inline,
    /// A line ends within quotes, or goes on right behind them.
    #[error("Protocol error: unbalanced quotes in request")]
    Quotes,
    /// Everything together is longer than the bound.
    #[error("Protocol error: too big request")]
    Request,
}
