//! From facts to bytes.

/// Which version of the protocol a client has asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What every client understands.
    #[default]
    Resp2,
    /// After `HELLO 3`: with maps and a null of their own.
    Resp3,
}

/// Writes replies behind each other. What contains others says how many there are, and they are written next.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

impl<'a> Writer<'a> {
    /// Writes at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// A short text, as in `OK`. Line breaks in it become spaces.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text);
    }

    /// An error; by convention its text begins with a code in capitals. Line breaks in it become spaces.
    pub fn error(&mut self, text: &str) {
        self.line(b'-', text);
    }

    /// A number.
    #[inline]
    pub fn integer(&mut self, number: i64) {
        self.head(b':', number);
    }

    /// Any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.length(b'$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Nothing.
    pub fn null(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// So many replies in a row.
    #[inline]
    pub fn array(&mut self, length: usize) {
        self.length(b'*', length);
    }

    /// So many pairs of replies, a key and its value; in RESP2 an array of twice as many.
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp2 => self.length(b'*', pairs * 2),
            Protocol::Resp3 => self.length(b'%', pairs),
        }
    }

    fn line(&mut self, kind: u8, text: &str) {
        self.out.push(kind);
        self.out.extend(text.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        self.out.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn length(&mut self, kind: u8, length: usize) {
        self.head(kind, length);
    }

    /// Most numbers have one digit, and one copy of known length is a third of three of unknown ones.
    #[inline]
    fn head(&mut self, kind: u8, number: impl itoa::Integer + TryInto<u8> + Copy) {
        if let Ok(digit @ 0..=9) = number.try_into() {
            return self.out.extend_from_slice(&[kind, b'0' + digit, b'\r', b'\n']);
        }
        self.out.push(kind);
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(protocol: Protocol, write: impl Fn(&mut Writer<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out, protocol));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_both_versions_have_in_common_reads_the_same() {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            assert_eq!(written(protocol, |out| out.simple("OK")), "+OK\r\n");
            assert_eq!(written(protocol, |out| out.error("ERR no")), "-ERR no\r\n");
            for number in [i64::MIN, -10, -1, 0, 1, 9, 10, 255, 256, i64::MAX] {
                assert_eq!(written(protocol, |out| out.integer(number)), format!(":{number}\r\n"));
            }
            assert_eq!(written(protocol, |out| out.bulk(b"a\r\nb")), "$4\r\na\r\nb\r\n");
            assert_eq!(written(protocol, |out| out.array(0)), "*0\r\n");
        }
    }

    #[test]
    fn maps_and_null_are_resp3_and_have_their_form_in_resp2() {
        assert_eq!(written(Protocol::Resp2, |out| out.map(2)), "*4\r\n");
        assert_eq!(written(Protocol::Resp3, |out| out.map(2)), "%2\r\n");
        assert_eq!(
            written(Protocol::Resp2, |out| {
                out.null();
            }),
            "$-1\r\n"
        );
        assert_eq!(
            written(Protocol::Resp3, |out| {
                out.null();
            }),
            "_\r\n"
        );
    }

    #[test]
    fn no_text_can_end_its_line() {
        let forged = "ERR no\r\n+OK\r\n:1";
        assert_eq!(written(Protocol::Resp2, |out| out.error(forged)), "-ERR no  +OK  :1\r\n");
        assert_eq!(written(Protocol::Resp3, |out| out.simple("a\nb")), "+a b\r\n");
    }
}
