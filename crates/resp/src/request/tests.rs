use super::*;

fn parser() -> Parser {
    Parser::new(Bounds { arguments: 4, argument: 10, inline: 40, request: 48 })
}

/// The arguments of the one request that `input` begins with.
fn request(input: &[u8]) -> Result<Option<Vec<Vec<u8>>>, Violation> {
    let mut parser = parser();
    let request = parser.next(input)?;
    Ok(request.map(|request| request.arguments().map(<[u8]>::to_vec).collect()))
}

fn arguments<const N: usize>(arguments: [&[u8]; N]) -> Result<Option<Vec<Vec<u8>>>, Violation> {
    Ok(Some(arguments.map(<[u8]>::to_vec).into()))
}

#[test]
fn an_array_of_bulk_strings_is_a_request() {
    assert_eq!(request(b"*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n"), arguments([b"ECHO", b"\r\n"]));
    assert_eq!(request(b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"), arguments([b"ECHO", b""]));
}

#[test]
fn what_asks_for_nothing_is_an_empty_request() {
    for nothing in ["*0\r\n", "*-1\r\n", "*-7\r\n", "\r\n", "\n", "   \r\n"] {
        let mut parser = parser();
        let request = parser.next(nothing.as_bytes()).unwrap().unwrap();
        assert_eq!((request.count(), request.length()), (0, nothing.len()), "{nothing:?}");
    }
}

#[test]
fn inline_commands_are_quoted_as_in_redis() {
    for (line, expected) in [
        ("PING\n", vec!["PING"]),
        ("  ECHO \t hi  \r\n", vec!["ECHO", "hi"]),
        ("\x0bECHO\x0c \x0b", vec!["ECHO\x0c"]),
        (r#"ECHO "a b" 'c d'"#, vec!["ECHO", "a b", "c d"]),
        (r#"ECHO "\x41\n\t\\\"" "#, vec!["ECHO", "A\n\t\\\""]),
        (r#"ECHO "\xg1\q""#, vec!["ECHO", "xg1q"]),
        (r"ECHO 'it\'s\n'", vec!["ECHO", r"it's\n"]),
        (r#"ECHO ab"c d""#, vec!["ECHO", "abc d"]),
        (r#"ECHO """#, vec!["ECHO", ""]),
    ] {
        let line = format!("{}\r\n", line.trim_end_matches(['\r', '\n']));
        let expected: Vec<Vec<u8>> = expected.iter().map(|word| word.as_bytes().to_vec()).collect();
        assert_eq!(request(line.as_bytes()), Ok(Some(expected)), "{line}");
    }
}

#[test]
fn what_is_no_request_is_told_in_the_words_of_redis() {
    for (input, words) in [
        ("*x\r\n", "invalid multibulk length"),
        ("*\r\n", "invalid multibulk length"),
        ("*5\r\n", "invalid multibulk length"),
        ("*9223372036854775807\r\n", "invalid multibulk length"),
        ("*99999999999999999999999999999999", "too big mbulk count string"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("*1\r\n\r\n", "expected '$', got '\\r'"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$11\r\n", "invalid bulk length"),
        ("*1\r\n$4294967296\r\n", "invalid bulk length"),
        ("*1\r\n$+1\r\n", "invalid bulk length"),
        ("*1\r\n$00000000000000000000000000000001", "too big bulk count string"),
        ("*1\r\n$1\r\nabc", "expected CRLF behind a bulk string"),
        ("ECHO \"a\r\n", "unbalanced quotes in request"),
        ("ECHO 'a'b\r\n", "unbalanced quotes in request"),
        ("a b c d e\r\n", "invalid multibulk length"),
        ("0123456789a\r\n", "invalid bulk length"),
        ("0123456789012345678901234567890123456789", "too big inline request"),
        ("*4\r\n$10\r\n0123456789\r\n$10\r\n0123456789\r\n$10\r\n", "too big request"),
    ] {
        let violation = request(input.as_bytes()).unwrap_err();
        assert_eq!(violation.to_string(), format!("Protocol error: {words}"), "{input:?}");
    }
}

#[test]
fn what_is_on_the_edge_of_the_bounds_is_a_request() {
    assert_eq!(request(b"*1\r\n$10\r\n0123456789\r\n"), arguments([b"0123456789"]));
    assert_eq!(request(b"a b c d\r\n"), arguments([b"a", b"b", b"c", b"d"]));
    let line = format!("{:>38}\r\n", "a");
    assert_eq!(request(line.as_bytes()), arguments([b"a"]));
}

#[test]
fn an_announced_length_reserves_nothing() {
    let mut parser = Parser::default();
    assert!(parser.next(b"*1024\r\n$60000\r\n").unwrap().is_none());
    assert_eq!((parser.spans.capacity(), parser.unquoted.capacity()), (0, 0));
}

#[test]
fn bytes_are_looked_at_once() {
    let mut parser = Parser::default();
    let line = b"a line without an end";
    assert!(parser.next(line).unwrap().is_none());
    assert_eq!(parser.at, line.len());
    let mut parser = Parser::default();
    assert!(parser.next(b"*2\r\n$1\r\na\r\n$5\r\nb").unwrap().is_none());
    assert_eq!(parser.at, b"*2\r\n$1\r\na\r\n$5\r\n".len());
    assert!(parser.is_within_request());
}
