//! How much a client may send.

/// The bounds of one request. Whoever holds the bytes of an unfinished request holds at most
/// [`Bounds::request`] of them: what would lead beyond is refused when it is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most arguments, the command's name among them.
    pub arguments: usize,
    /// The longest argument, in bytes.
    pub argument: usize,
    /// The longest line of an inline command, in bytes.
    pub inline: usize,
    /// The longest request with all that belongs to it, in bytes; the other bounds may add up to more.
    pub request: usize,
}

impl Default for Bounds {
    /// For commands with a few short arguments: 1,024 of them, 64 KiB in all. Redis itself takes a million of 512 MiB,
    /// and lines of 64 KiB.
    fn default() -> Self {
        Self { arguments: 1_024, argument: 64 << 10, inline: 64 << 10, request: 64 << 10 }
    }
}
