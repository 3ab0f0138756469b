//! Whatever the pieces in which bytes come: the same requests, and the same end.

mod support;

use proptest::prelude::*;

use crate::support::{Heard, cut, hear};

fn encoded(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// As a line, every byte escaped.
fn quoted(arguments: &[Vec<u8>]) -> Vec<u8> {
    let word = |argument: &Vec<u8>| {
        format!("\"{}\"", argument.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>())
    };
    format!("{}\r\n", arguments.iter().map(word).collect::<Vec<_>>().join(" ")).into_bytes()
}

fn arguments(most: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..most), 0..4)
}

/// What looks like the protocol, more or less.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(&[
            "*1\r\n", "*2\r\n", "*0\r\n", "*-1\r\n", "$1\r\n", "$0\r\n", "$-1\r\n", "\r\n", "\n", "a", "PING\r\n",
            "*", "$", "\"", "'", " ", "\\x4", "9", "*9\r\n", "$64\r\n", "\r", "\x0b",
        ][..])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..9),
        1 => arguments(9).prop_map(|arguments| encoded(&arguments)),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_a_client_writes_is_read(requests in prop::collection::vec(arguments(40), 0..6), size in 1_usize..50) {
        let bytes: Vec<u8> = requests.iter().flat_map(|request| encoded(request)).collect();
        prop_assert_eq!(cut(&bytes, size), Heard { requests, violation: None, left: 0 });
    }

    #[test]
    fn a_line_says_the_same_as_an_array(request in arguments(7)) {
        prop_assert_eq!(cut(&quoted(&request), usize::MAX), cut(&encoded(&request), usize::MAX));
    }

    #[test]
    fn every_split_of_anything_comes_to_the_same(bytes in noise(), size in 1_usize..50, at in any::<prop::sample::Index>()) {
        let whole = cut(&bytes, usize::MAX);
        prop_assert_eq!(&cut(&bytes, 1), &whole);
        prop_assert_eq!(&cut(&bytes, size), &whole);
        let (head, tail) = bytes.split_at(at.index(bytes.len() + 1));
        prop_assert_eq!(&hear([head, tail]), &whole);
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600), size in 1_usize..50) {
        prop_assert_eq!(cut(&bytes, size), cut(&bytes, usize::MAX));
    }
}

#[test]
fn every_cut_of_a_pipeline_in_two_comes_to_the_same() {
    let requests = [vec![b"CL.THROTTLE".to_vec(), b"k\r\n".to_vec()], vec![b"PING".to_vec()]];
    let bytes = [encoded(&requests[0]), b"ECHO 'a b'\r\n".to_vec(), encoded(&requests[1])].concat();
    let whole = cut(&bytes, usize::MAX);
    assert_eq!((whole.requests.len(), whole.violation, whole.left), (3, None, 0));
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(hear([head, tail]), whole, "cut at {at}");
    }
    assert_eq!(String::from_utf8(whole.requests[1][1].clone()).unwrap(), "a b");
}
