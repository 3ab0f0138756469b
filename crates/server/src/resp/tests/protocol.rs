//! The commands beside `CL.THROTTLE`, and errors, byte by byte as in Redis 7.

use super::support::{Client, embedded, front, with_password};

#[tokio::test]
async fn clients_are_greeted_in_the_protocol_they_choose() {
    let front = front(embedded());
    let mut client = Client::of(&front);
    let version = env!("CARGO_PKG_VERSION");
    let greeting = |head: &str, proto: u8| {
        format!(
            "{head}\r\n$6\r\nserver\r\n$3\r\ndrl\r\n$7\r\nversion\r\n$5\r\n{version}\r\n$5\r\nproto\r\n:{proto}\r\n$2\r\n\
             id\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
        )
    };
    client.hears("HELLO", &greeting("*14", 2)).await;
    client.hears("CLIENT GETNAME", "$-1\r\n").await;
    client.hears("hello 3 SETNAME app", &greeting("%7", 3)).await;
    client.hears("CLIENT GETNAME", "$3\r\napp\r\n").await;
    client.hears("HELLO 4", "-NOPROTO unsupported protocol version\r\n").await;
    client.hears("HELLO x", "-ERR Protocol version is not an integer or out of range\r\n").await;
    client.hears("HELLO 3 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n").await;
    client.hears("HELLO 3 AUTH default", "-ERR Syntax error in HELLO option 'AUTH'\r\n").await;
    client.hears("HELLO", &greeting("%7", 3)).await;
    client.hears("COMMAND INFO nothing", "*1\r\n_\r\n").await;
    client.hears("RESET", "+RESET\r\n").await;
    client.hears("CLIENT GETNAME", "$-1\r\n").await;
    client.hears("HELLO 2", &greeting("*14", 2)).await;
}

#[tokio::test]
async fn small_talk_is_that_of_redis() {
    let front = front(embedded());
    let mut client = Client::of(&front);
    for (said, heard) in [
        ("PING", "+PONG\r\n"),
        ("pInG hi", "$2\r\nhi\r\n"),
        ("ECHO \"\"", "$0\r\n\r\n"),
        ("SELECT 0", "+OK\r\n"),
        ("SELECT 1", "-ERR DB index is out of range\r\n"),
        ("SELECT one", "-ERR value is not an integer or out of range\r\n"),
        ("CLIENT ID", ":1\r\n"),
        (
            "CLIENT SETNAME \"a b\"",
            "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
        ),
        ("CLIENT SETNAME a-b", "+OK\r\n"),
        ("CLIENT GETNAME", "$3\r\na-b\r\n"),
        ("CLIENT SETINFO lib-name py", "+OK\r\n"),
        ("CLIENT SETINFO LIB-VER 1.0", "+OK\r\n"),
        ("CLIENT SETINFO nonsense 1", "-ERR Unrecognized option 'nonsense'\r\n"),
        ("CLIENT SETNAME", "-ERR wrong number of arguments for 'client|setname' command\r\n"),
        ("CLIENT KILL x", "-ERR unknown subcommand 'KILL'. Try CLIENT HELP.\r\n"),
        ("COMMAND COUNT", ":11\r\n"),
        ("COMMAND NONSENSE", "-ERR unknown subcommand 'NONSENSE'. Try COMMAND HELP.\r\n"),
        (
            "COMMAND INFO cl.throttle",
            "*1\r\n*10\r\n$11\r\ncl.throttle\r\n:-5\r\n*2\r\n+write\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*0\r\n*0\r\n*0\r\n*0\r\n",
        ),
        ("INFO nothing", "$0\r\n\r\n"),
        ("", ""),
    ] {
        client.hears(said, heard).await;
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_words_of_redis() {
    let front = front(embedded());
    let mut client = Client::of(&front);
    let long = "x".repeat(300);
    for (said, heard) in [
        ("GET k", "unknown command 'GET', with args beginning with: 'k' ".to_owned()),
        ("nonsense", "unknown command 'nonsense', with args beginning with: ".to_owned()),
        ("\"a\\r\\nb\\xff\"", "unknown command 'a??b?', with args beginning with: ".to_owned()),
        (
            &format!("{long} {long} {long}"),
            format!("unknown command '{}', with args beginning with: '{}' ", &long[..128], &long[..128]),
        ),
        ("PING a b", "wrong number of arguments for 'ping' command".to_owned()),
        ("ECHO", "wrong number of arguments for 'echo' command".to_owned()),
        ("RESET now", "wrong number of arguments for 'reset' command".to_owned()),
        ("CL.THROTTLE k 1 2", "wrong number of arguments for 'cl.throttle' command".to_owned()),
        ("cl.throttle k 1 2 3 4 5", "wrong number of arguments for 'cl.throttle' command".to_owned()),
    ] {
        client.hears(said, &format!("-ERR {heard}\r\n")).await;
    }
}

#[tokio::test]
async fn info_says_what_runs_here() {
    let front = front(embedded());
    let (mut client, mut other) = (Client::of(&front), Client::of(&front));
    other.hears("PING", "+PONG\r\n").await;
    client.send("PING\r\nINFO clients stats\r\n").await;
    let text = String::from_utf8(client.read().await).unwrap();
    assert!(text.contains("\r\nconnected_clients:2\r\n"), "{text}");
    assert!(text.contains("\r\ntotal_connections_received:2\r\n"), "{text}");
    assert!(!text.contains("# Server"), "{text}");
    client.send("INFO\r\n").await;
    let text = String::from_utf8(client.read().await).unwrap();
    assert!(text.contains("# Server\r\nredis_version:7.0.0\r\n"), "{text}");
}

#[tokio::test]
async fn nothing_goes_without_the_password() {
    let front = with_password("secret");
    let mut client = Client::of(&front);
    for said in ["PING\r\n", "CL.THROTTLE k 1 1 1\r\n", "INFO\r\n", "ECHO x\r\n"] {
        client.send(said).await;
        client.receives("-NOAUTH Authentication required.\r\n").await;
    }
    client.send("HELLO 3\r\n").await;
    client.receives("-NOAUTH HELLO must be called with the client already authenticated").await;
    assert!(!client.read().await.is_empty(), "the rest of the sentence");
    for said in [
        "AUTH wrong",
        "AUTH secre",
        "AUTH secrets",
        "AUTH \"\"",
        "AUTH root secret",
        "HELLO 3 AUTH default x",
    ] {
        client.send(format!("{said}\r\n")).await;
        client.receives("-WRONGPASS invalid username-password pair or user is disabled.\r\n").await;
    }
    client.send("PING\r\n").await;
    client.receives("-NOAUTH Authentication required.\r\n").await;
    client.hears("AUTH secret", "+OK\r\n").await;
    client.send("RESET\r\nPING\r\n").await;
    client.receives("+RESET\r\n-NOAUTH Authentication required.\r\n").await;
    client.hears("AUTH default secret", "+OK\r\n").await;
    client.send("AUTH wrong\r\n").await;
    client.receives("-WRONGPASS invalid username-password pair or user is disabled.\r\n").await;
    client.hears("PING", "+PONG\r\n").await;

    let mut client = Client::of(&front);
    client.send("HELLO 2 AUTH default secret SETNAME me\r\n").await;
    client.receives("*14\r\n").await;
    assert!(!format!("{front:?}").contains("secret"));
}

#[tokio::test]
async fn a_password_that_nobody_has_set_is_a_mistake() {
    let front = front(embedded());
    let mut client = Client::of(&front);
    let error = "-ERR AUTH <password> called without any password configured for the default user. Are you sure \
                 your configuration is correct?\r\n";
    client.hears("AUTH secret", error).await;
    client.hears("AUTH default anything", "+OK\r\n").await;
    client
        .hears("AUTH root anything", "-WRONGPASS invalid username-password pair or user is disabled.\r\n")
        .await;
}
