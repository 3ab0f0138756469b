//! What happened, for people: kept only where somebody wants to read it.

use std::fmt;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Line {
    /// When, in true time.
    pub at: u64,
    /// The client it is about; nobody: about all.
    pub client: Option<usize>,
    /// The counters it is about.
    pub places: Vec<usize>,
    /// What.
    pub text: String,
}

/// Everything that happened, or nothing.
#[derive(Debug, Default)]
pub(super) struct Trace {
    lines: Option<Vec<Line>>,
}

impl Trace {
    pub(super) fn new(kept: bool) -> Self {
        Self { lines: kept.then(Vec::new) }
    }

    /// Notes something; it is put into words only if that is wanted.
    pub(super) fn note(&mut self, at: u64, line: impl FnOnce() -> (Option<usize>, Vec<usize>, String)) {
        if let Some(lines) = &mut self.lines {
            let (client, places, text) = line();
            lines.push(Line { at, client, places, text });
        }
    }

    pub(super) fn into_lines(self) -> Vec<Line> {
        self.lines.unwrap_or_default()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10} µs  {}", self.at, self.text)
    }
}
