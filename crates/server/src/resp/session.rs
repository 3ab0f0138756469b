//! What a connection knows of its client, and the commands that decide nothing.

use drl_resp::number::integer;
use drl_resp::{Protocol, Request, Writer};

use super::commands::{self, Command, Talk, Verb};
use super::info::Info;
use super::limits::Recent;
use super::refusal::Refusal;
use super::{Front, Presence};

/// The longest name a client can have.
const LONGEST_NAME: usize = 255;

/// A connection's client.
#[derive(Debug)]
pub(super) struct Session<'f> {
    presence: Presence<'f>,
    protocol: Protocol,
    name: Vec<u8>,
    is_trusted: bool,
    pub(super) recent: Recent,
}

/// A reply was written, or has to be: a refusal.
type Done<'a> = Result<(), Refusal<'a>>;

impl<'f> Session<'f> {
    pub(super) fn new(front: &'f Front) -> Self {
        Self {
            presence: front.enter(),
            protocol: Protocol::Resp2,
            name: Vec::new(),
            is_trusted: front.access.is_open(),
            recent: Recent::default(),
        }
    }

    pub(super) fn front(&self) -> &'f Front {
        self.presence.front
    }

    /// Writes in the client's protocol.
    #[inline]
    pub(super) fn writer<'o>(&self, out: &'o mut Vec<u8>) -> Writer<'o> {
        Writer::new(out, self.protocol)
    }

    /// What the request calls for, if its client may have it.
    #[inline]
    pub(super) fn permit<'a>(&self, request: &Request<'a>) -> Result<Verb, Refusal<'a>> {
        let name = request.argument(0).unwrap_or_default();
        let Some(command) = Command::find(name) else {
            let http = name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"Host:");
            return Err(if http { Refusal::Http } else { Refusal::UnknownCommand(*request) });
        };
        if !command.takes(request.count()) {
            return Err(Refusal::Arguments(command.name));
        }
        if !self.is_trusted && !command.is_open() {
            return Err(Refusal::NotAuthenticated);
        }
        Ok(command.verb)
    }

    /// Answers every command but `CL.THROTTLE`.
    pub(super) fn answer<'a>(&mut self, talk: Talk, request: &Request<'a>, out: &mut Vec<u8>) -> Done<'a> {
        let word = |index| request.argument(index).unwrap_or_default();
        match talk {
            Talk::Ping if request.count() == 1 => self.writer(out).simple("PONG"),
            Talk::Ping | Talk::Echo => self.writer(out).bulk(word(1)),
            Talk::Hello => self.hello(request, out)?,
            Talk::Auth => self.auth(request, out)?,
            Talk::Select => match integer(word(1)).ok_or(Refusal::NotAnInteger)? {
                0 => self.writer(out).simple("OK"),
                _ => return Err(Refusal::Database),
            },
            Talk::Client => self.client(request, out)?,
            Talk::Command => self.command(request, out)?,
            Talk::Info => {
                let info = Info { front: self.front(), request };
                self.writer(out).bulk(info.to_string().as_bytes());
            }
            Talk::Quit => self.writer(out).simple("OK"),
            Talk::Reset => {
                let is_trusted = self.front().access.is_open();
                (self.protocol, self.is_trusted) = (Protocol::Resp2, is_trusted);
                self.name.clear();
                self.writer(out).simple("RESET");
            }
        }
        Ok(())
    }

    /// `HELLO [version [AUTH user password] [SETNAME name]]`
    fn hello<'a>(&mut self, request: &Request<'a>, out: &mut Vec<u8>) -> Done<'a> {
        let mut words = request.arguments().skip(1);
        let protocol = match words.next().map(integer) {
            None => self.protocol,
            Some(Some(2)) => Protocol::Resp2,
            Some(Some(3)) => Protocol::Resp3,
            Some(Some(_)) => return Err(Refusal::NoSuchProtocol),
            Some(None) => return Err(Refusal::ProtocolVersion),
        };
        let mut name = None;
        while let Some(option) = words.next() {
            if option.eq_ignore_ascii_case(b"AUTH") {
                let (Some(user), Some(password)) = (words.next(), words.next()) else {
                    return Err(Refusal::HelloOption(option));
                };
                self.trust(self.front().access.admits(user, password))?;
            } else if option.eq_ignore_ascii_case(b"SETNAME") {
                name = Some(checked_name(words.next().ok_or(Refusal::HelloOption(option))?)?);
            } else {
                return Err(Refusal::HelloOption(option));
            }
        }
        if !self.is_trusted {
            return Err(Refusal::HelloNotAuthenticated);
        }
        self.protocol = protocol;
        if let Some(name) = name {
            self.name = name.to_owned();
        }
        self.greet(&mut self.writer(out));
        Ok(())
    }

    fn greet(&self, out: &mut Writer<'_>) {
        out.map(7);
        out.bulk(b"server");
        out.bulk(b"drl");
        out.bulk(b"version");
        out.bulk(env!("CARGO_PKG_VERSION").as_bytes());
        out.bulk(b"proto");
        out.integer(if self.protocol == Protocol::Resp3 { 3 } else { 2 });
        out.bulk(b"id");
        out.integer(self.presence.number);
        out.bulk(b"mode");
        out.bulk(b"standalone");
        out.bulk(b"role");
        out.bulk(b"master");
        out.bulk(b"modules");
        out.array(0);
    }

    /// `AUTH [user] password`
    fn auth<'a>(&mut self, request: &Request<'a>, out: &mut Vec<u8>) -> Done<'a> {
        let access = &self.front().access;
        let admitted = match (request.argument(1), request.argument(2)) {
            (Some(_), None) if access.is_open() => return Err(Refusal::NoPasswordSet),
            (Some(password), None) => access.admits_default(password),
            (user, password) => access.admits(user.unwrap_or_default(), password.unwrap_or_default()),
        };
        self.trust(admitted)?;
        self.writer(out).simple("OK");
        Ok(())
    }

    /// Who was trusted stays so after a wrong password, as in Redis.
    fn trust(&mut self, admitted: bool) -> Result<(), Refusal<'static>> {
        self.is_trusted |= admitted;
        if admitted { Ok(()) } else { Err(Refusal::WrongPassword) }
    }

    /// `CLIENT SETNAME name | GETNAME | SETINFO option value | ID`
    fn client<'a>(&mut self, request: &Request<'a>, out: &mut Vec<u8>) -> Done<'a> {
        let word = |index| request.argument(index).unwrap_or_default();
        let words = |count, name| match request.count() {
            given if given == count => Ok(()),
            _ => Err(Refusal::Arguments(name)),
        };
        match word(1).to_ascii_uppercase().as_slice() {
            b"SETNAME" => {
                words(3, "client|setname")?;
                self.name = checked_name(word(2))?.to_owned();
                self.writer(out).simple("OK");
            }
            b"GETNAME" => {
                words(2, "client|getname")?;
                match self.name.as_slice() {
                    [] => self.writer(out).null(),
                    name => self.writer(out).bulk(name),
                }
            }
            b"SETINFO" => {
                words(4, "client|setinfo")?;
                match word(2).to_ascii_uppercase().as_slice() {
                    b"LIB-NAME" | b"LIB-VER" => self.writer(out).simple("OK"),
                    _ => return Err(Refusal::InfoOption(word(2))),
                }
            }
            b"ID" => {
                words(2, "client|id")?;
                self.writer(out).integer(self.presence.number);
            }
            _ => return Err(Refusal::UnknownSubcommand { command: "CLIENT", given: word(1) }),
        }
        Ok(())
    }

    /// `COMMAND [COUNT | LIST | INFO name… | DOCS name…]`
    fn command<'a>(&self, request: &Request<'a>, out: &mut Vec<u8>) -> Done<'a> {
        let mut out = self.writer(out);
        let Some(given) = request.argument(1) else {
            commands::all(&mut out);
            return Ok(());
        };
        let names = request.arguments().skip(2);
        match given.to_ascii_uppercase().as_slice() {
            b"COUNT" => commands::count(&mut out),
            b"LIST" => commands::list(&mut out),
            b"INFO" => commands::info(names, &mut out),
            b"DOCS" => commands::docs(names, &mut out),
            _ => return Err(Refusal::UnknownSubcommand { command: "COMMAND", given }),
        }
        Ok(())
    }
}

fn checked_name(name: &[u8]) -> Result<&[u8], Refusal<'static>> {
    match name {
        long if long.len() > LONGEST_NAME => Err(Refusal::LongClientName),
        name if name.iter().all(u8::is_ascii_graphic) => Ok(name),
        _ => Err(Refusal::ClientName),
    }
}
