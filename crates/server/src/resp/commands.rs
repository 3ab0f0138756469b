//! The table of commands, and the replies to `COMMAND`, which are made of it.

use drl_resp::Writer;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Throttle,
    Talk(Talk),
}

/// What decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    Ping,
    Echo,
    Hello,
    Auth,
    Select,
    Client,
    Command,
    Info,
    Reset,
    Quit,
}

/// A command: how it is called, and what clients are told of it.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) verb: Verb,
    /// The fewest words, the name among them.
    least: usize,
    most: usize,
    flags: &'static [&'static str],
    /// Where its key is; zero if it has none.
    key: i64,
    group: &'static str,
    summary: &'static str,
    arguments: &'static [Argument],
}

#[derive(Debug)]
struct Argument {
    name: &'static str,
    kind: &'static str,
    need: Need,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

const ANY: usize = usize::MAX;

const fn required(name: &'static str, kind: &'static str) -> Argument {
    Argument { name, kind, need: Need::Required }
}

const fn optional(name: &'static str, kind: &'static str) -> Argument {
    Argument { name, kind, need: Need::Optional }
}

const fn talk(talk: Talk, name: &'static str, summary: &'static str) -> Command {
    plain(Verb::Talk(talk), name, summary)
}

/// A command that needs no word but its name and may come before a password.
const fn plain(verb: Verb, name: &'static str, summary: &'static str) -> Command {
    let flags: &[&str] = &["noscript", "loading", "stale", "fast", "no_auth"];
    Command { name, verb, least: 1, most: ANY, flags, key: 0, group: "connection", summary, arguments: &[] }
}

const FAST: &[&str] = &["loading", "stale", "fast"];

/// The first is the one that is asked for.
static COMMANDS: [Command; 11] = [
    Command {
        least: 5,
        most: 6,
        flags: &["write", "fast"],
        key: 1,
        group: "module",
        arguments: &[
            required("key", "key"),
            required("max_burst", "integer"),
            required("count", "integer"),
            required("period", "integer"),
            optional("quantity", "integer"),
        ],
        ..plain(
            Verb::Throttle,
            "cl.throttle",
            "Decides whether a request of that key is within its rate limit",
        )
    },
    Command {
        most: 2,
        flags: FAST,
        arguments: &[optional("message", "string")],
        ..talk(Talk::Ping, "ping", "Answers PONG, or what was said")
    },
    Command {
        least: 2,
        most: 2,
        flags: FAST,
        arguments: &[required("message", "string")],
        ..talk(Talk::Echo, "echo", "Answers what was said")
    },
    Command {
        arguments: &[optional("protover", "integer"), optional("options", "string")],
        ..talk(Talk::Hello, "hello", "Chooses the protocol, and says who is there")
    },
    Command {
        least: 2,
        most: 3,
        arguments: &[optional("username", "string"), required("password", "string")],
        ..talk(Talk::Auth, "auth", "Says the password")
    },
    Command {
        least: 2,
        most: 2,
        flags: FAST,
        arguments: &[required("index", "integer")],
        ..talk(Talk::Select, "select", "Chooses the database, of which there is one: 0")
    },
    Command {
        least: 2,
        flags: FAST,
        arguments: &[required("subcommand", "string"), optional("value", "string")],
        ..talk(Talk::Client, "client", "Says who the client is: SETNAME, GETNAME, SETINFO, ID")
    },
    Command {
        flags: &["loading", "stale"],
        group: "server",
        arguments: &[optional("subcommand", "string"), optional("command-name", "string")],
        ..talk(Talk::Command, "command", "Says which commands there are: COUNT, LIST, INFO, DOCS")
    },
    Command {
        flags: &["loading", "stale"],
        group: "server",
        arguments: &[optional("section", "string")],
        ..talk(Talk::Info, "info", "Says what runs here: server, clients")
    },
    Command { most: 1, ..talk(Talk::Reset, "reset", "Forgets what the client has said of itself") },
    talk(Talk::Quit, "quit", "Closes the connection"),
];

impl Command {
    /// By its name, in any case.
    #[inline]
    pub(super) fn find(name: &[u8]) -> Option<&'static Self> {
        COMMANDS.iter().find(|command| command.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether it can be called with so many words, its name among them.
    pub(super) fn takes(&self, words: usize) -> bool {
        (self.least..=self.most).contains(&words)
    }

    /// Whether it may come before the password.
    pub(super) fn is_open(&self) -> bool {
        self.flags.contains(&"no_auth")
    }

    /// As in Redis: the number of words, negative if there may be more.
    fn arity(&self) -> i64 {
        let least = i64::try_from(self.least).unwrap_or(i64::MAX);
        if self.least == self.most { least } else { -least }
    }
}

pub(super) fn count(out: &mut Writer<'_>) {
    out.integer(i64::try_from(COMMANDS.len()).unwrap_or(i64::MAX));
}

pub(super) fn list(out: &mut Writer<'_>) {
    out.array(COMMANDS.len());
    COMMANDS.iter().for_each(|command| out.bulk(command.name.as_bytes()));
}

/// Everything about every command.
pub(super) fn all(out: &mut Writer<'_>) {
    out.array(COMMANDS.len());
    COMMANDS.iter().for_each(|command| command.describe(out));
}

/// Everything about some; null for what there is not.
pub(super) fn info<'a>(names: impl ExactSizeIterator<Item = &'a [u8]>, out: &mut Writer<'_>) {
    if names.len() == 0 {
        return all(out);
    }
    out.array(names.len());
    for name in names {
        match Command::find(name) {
            Some(command) => command.describe(out),
            None => out.null(),
        }
    }
}

/// What a person is told about some, or all.
pub(super) fn docs<'a>(names: impl ExactSizeIterator<Item = &'a [u8]>, out: &mut Writer<'_>) {
    let found: Vec<&Command> = match names.len() {
        0 => COMMANDS.iter().collect(),
        _ => names.filter_map(Command::find).collect(),
    };
    out.map(found.len());
    found.iter().for_each(|command| command.document(out));
}

impl Command {
    /// Redis 7 has ten facts about a command; the last four are lists that are empty here.
    fn describe(&self, out: &mut Writer<'_>) {
        out.array(10);
        out.bulk(self.name.as_bytes());
        out.integer(self.arity());
        out.array(self.flags.len());
        self.flags.iter().for_each(|flag| out.simple(flag));
        out.integer(self.key);
        out.integer(self.key);
        out.integer(self.key.min(1));
        (0..4).for_each(|_| out.array(0));
    }

    fn document(&self, out: &mut Writer<'_>) {
        out.bulk(self.name.as_bytes());
        out.map(if self.arguments.is_empty() { 3 } else { 4 });
        let facts = [("summary", self.summary), ("since", env!("CARGO_PKG_VERSION")), ("group", self.group)];
        for (fact, text) in facts {
            out.bulk(fact.as_bytes());
            out.bulk(text.as_bytes());
        }
        if self.arguments.is_empty() {
            return;
        }
        out.bulk(b"arguments");
        out.array(self.arguments.len());
        self.arguments.iter().for_each(|argument| argument.document(out));
    }
}

impl Argument {
    fn document(&self, out: &mut Writer<'_>) {
        let optional = self.need == Need::Optional;
        out.map(if optional { 3 } else { 2 });
        for (fact, text) in [("name", self.name), ("type", self.kind)] {
            out.bulk(fact.as_bytes());
            out.bulk(text.as_bytes());
        }
        if optional {
            out.bulk(b"flags");
            out.array(1);
            out.simple("optional");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_only_whole() {
        for command in &COMMANDS {
            for name in [command.name.to_owned(), command.name.to_uppercase()] {
                assert_eq!(Command::find(name.as_bytes()).map(|found| found.verb), Some(command.verb));
            }
        }
        for name in ["", "pin", "pingg", "cl.throttle "] {
            assert!(Command::find(name.as_bytes()).is_none(), "{name}");
        }
    }

    #[test]
    fn arities_are_those_of_redis() {
        let arity = |name: &str| Command::find(name.as_bytes()).unwrap().arity();
        let known = ["ping", "echo", "hello", "auth", "select", "client", "command", "info", "reset", "quit"];
        assert_eq!(known.map(arity), [-1, 2, -1, -2, 2, -2, -1, -1, 1, -1]);
        assert_eq!(arity("cl.throttle"), -5);
    }
}
