//! Passwords: one for everybody, or none.

use std::convert::Infallible;
use std::str::FromStr;

/// A password. Only its hash is kept.
#[derive(Clone, Copy)]
pub struct Password(blake3::Hash);

impl Password {
    fn new(password: &[u8]) -> Self {
        Self(blake3::hash(password))
    }
}

impl FromStr for Password {
    type Err = Infallible;

    fn from_str(password: &str) -> Result<Self, Infallible> {
        Ok(Self::new(password.as_bytes()))
    }
}

/// How long it takes says nothing of how much of it is right: hashes are compared, and in constant time.
impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Password {}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(_)")
    }
}

/// What clients have to say.
#[derive(Debug)]
pub(super) struct Access(Option<Password>);

/// The only user there is, as in a Redis without access lists.
const USER: &[u8] = b"default";

impl Access {
    pub(super) fn new(password: Option<Password>) -> Self {
        Self(password)
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Whether that user may come in with that password; if none is set, with any.
    pub(super) fn admits(&self, user: &[u8], password: &[u8]) -> bool {
        user == USER && self.0.is_none_or(|wanted| wanted == Password::new(password))
    }

    /// The same for those who name no user.
    pub(super) fn admits_default(&self, password: &[u8]) -> bool {
        self.admits(USER, password)
    }
}
