//! Whether anything is borrowed at all.

use std::fmt;
use std::str::FromStr;

/// Whether instances may borrow a client's tokens in advance and spend them without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Leases {
    /// For clients that ask often, as much as they are about to use. Never over the limit; tokens that one
    /// instance has borrowed are out of the others' reach for a quarter of a second at the most.
    #[default]
    Auto,
    /// Every request is decided by the store: plain linearizable counting.
    Off,
}

impl FromStr for Leases {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            _ => Err("neither `auto` nor `off`".to_owned()),
        }
    }
}

impl fmt::Display for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Off => "off",
        })
    }
}
