//! Broken and half requests: a closed connection or an error, and everybody else is served.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::json;

use crate::running::Running;

#[test]
fn broken_requests_do_not_disturb_others() {
    let server = Running::start("policies: [{ name: p, per: [client], limit: 100/minute }]");
    let half = "POST /v1/check HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"attri";
    let huge = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let mut open = Vec::new();
    for bytes in
        ["", "\0\u{1}\u{2}", "GET / HTTP/1.1\r\nhos", half, &huge, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(server.address).unwrap();
        // The server may close while this is written.
        let _ = stream.write_all(bytes.as_bytes());
        open.push(stream);
        assert_eq!(server.client().check(&json!({ "client": "a" })).status, 200);
    }
    for mut stream in open {
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        // An HTTP/2 preface is answered with frames.
        let refused = answer.starts_with("HTTP/1.1 4") || answer.starts_with('\0');
        assert!(answer.is_empty() || refused, "{answer}");
    }
}
