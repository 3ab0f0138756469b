//! Every error reply: Redis' own words where Redis has some, so that clients recognise them.

use std::fmt;

use distributed_rate_limiter::Error;
use drl_resp::Request;

use super::throttle::Malformed;

/// Why a request is not carried out.
#[derive(Debug)]
pub(super) enum Refusal<'a> {
    UnknownCommand(Request<'a>),
    /// Of the command that is named.
    UnknownSubcommand {
        command: &'static str,
        given: &'a [u8],
    },
    /// Too few or too many for the command.
    Arguments(&'static str),
    /// An option that `HELLO` does not have.
    HelloOption(&'a [u8]),
    /// An option that `CLIENT SETINFO` does not have.
    InfoOption(&'a [u8]),
    NotAnInteger,
    Database,
    ProtocolVersion,
    NoSuchProtocol,
    ClientName,
    LongClientName,
    NotAuthenticated,
    HelloNotAuthenticated,
    NoPasswordSet,
    WrongPassword,
    Throttle(Malformed),
    /// A quota that cannot be kept, or a store that cannot decide.
    Undecided(Error),
    /// Somebody makes a browser talk to us.
    Http,
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand(request) => unknown_command(request, f),
            Self::UnknownSubcommand { command, given } => {
                write!(f, "ERR unknown subcommand '{}'. Try {command} HELP.", Printable::of(given))
            }
            Self::Arguments(command) => write!(f, "ERR wrong number of arguments for '{command}' command"),
            Self::HelloOption(option) => {
                write!(f, "ERR Syntax error in HELLO option '{}'", Printable::of(option))
            }
            Self::InfoOption(option) => write!(f, "ERR Unrecognized option '{}'", Printable::of(option)),
            Self::NotAnInteger => f.write_str("ERR value is not an integer or out of range"),
            Self::Database => f.write_str("ERR DB index is out of range"),
            Self::ProtocolVersion => f.write_str("ERR Protocol version is not an integer or out of range"),
            Self::NoSuchProtocol => f.write_str("NOPROTO unsupported protocol version"),
            Self::ClientName => {
                f.write_str("ERR Client names cannot contain spaces, newlines or special characters.")
            }
            Self::LongClientName => f.write_str("ERR Client names cannot be longer than 255 bytes"),
            Self::NotAuthenticated => f.write_str("NOAUTH Authentication required."),
            Self::HelloNotAuthenticated => f.write_str(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> \
                 AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol \
                 version at the same time",
            ),
            Self::NoPasswordSet => f.write_str(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure \
                 your configuration is correct?",
            ),
            Self::WrongPassword => f.write_str("WRONGPASS invalid username-password pair or user is disabled."),
            Self::Throttle(malformed) => write!(f, "ERR {malformed}"),
            Self::Undecided(error) => write!(f, "ERR {error}"),
            Self::Http => f.write_str("ERR this is no HTTP server"),
        }
    }
}

/// Redis shows the beginning of what was asked.
const SHOWN: usize = 128;

fn unknown_command(request: &Request<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut words = request.arguments();
    let name = words.next().unwrap_or_default();
    write!(f, "ERR unknown command '{}', with args beginning with: ", Printable::of(name))?;
    let mut room = SHOWN;
    for word in words {
        if room == 0 {
            break;
        }
        let word = Printable { bytes: word, most: room };
        write!(f, "'{word}' ")?;
        room = room.saturating_sub(word.length() + 3);
    }
    Ok(())
}

/// What a client has sent, shown to it: the first bytes, and `?` for each that is no printable ASCII.
struct Printable<'a> {
    bytes: &'a [u8],
    most: usize,
}

impl<'a> Printable<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, most: SHOWN }
    }

    fn length(&self) -> usize {
        self.bytes.len().min(self.most)
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let printable = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
        self.bytes.iter().take(self.most).map(printable).try_for_each(|shown| f.write_char(shown))
    }
}
