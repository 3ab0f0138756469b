//! Lua files that consist of pieces, and those that say where pieces go.
//!
//! A piece begins with a line `--: name`; a line `--> name` is where it goes.

use std::collections::HashMap;

/// Declares what the text behind it uses; every other piece keeps its locals to itself.
const OPEN: [&str; 2] = ["state", "algorithms"];

/// Pieces by their names.
#[derive(Clone, Default)]
pub(super) struct Pieces<'a>(HashMap<&'a str, &'a str>);

impl<'a> Pieces<'a> {
    /// Those of a file.
    pub(super) fn of(file: &'a str) -> Self {
        let pieces = file.split("\n--: ").skip(1);
        Self(pieces.filter_map(|piece| piece.split_once('\n')).collect())
    }

    pub(super) fn one(name: &'a str, text: &'a str) -> Self {
        Self(HashMap::from([(name, text)]))
    }

    pub(super) fn and(mut self, others: &Self) -> Self {
        self.0.extend(&others.0);
        self
    }

    /// The text with every piece in its place.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(2 * text.len());
        for line in text.lines() {
            match line.trim_start().strip_prefix("--> ") {
                Some(name) if OPEN.contains(&name) => filled.push_str(self.0[name]),
                Some(name) => {
                    filled.push_str("do\n");
                    filled.push_str(self.0[name]);
                    filled.push_str("end");
                }
                None => filled.push_str(line),
            }
            filled.push('\n');
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_go_where_they_are_named() {
        let pieces = Pieces::of("-- about\n\n--: state\nlocal a\n\n--: fit\na = 1\n")
            .and(&Pieces::one("end", "b()\n"));
        let filled = pieces.fill("--> state\nif x then\n  --> fit\nend\n--> end\n");
        assert_eq!(filled, "local a\n\nif x then\ndo\na = 1\nend\nend\ndo\nb()\nend\n");
    }
}
