//! What is not a request is refused with its place, and harms nobody.

use drl_proto::RateLimitRequest;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::ask::{descriptor, request};
use crate::running::Running;

const POLICIES: &str = "policies: [{ name: p, per: [client], limit: 10/hour }]";
const PATH: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

#[tokio::test]
async fn what_is_missing_or_too_much_is_named() {
    let server = Running::start(POLICIES).await;
    let client = server.client().await;
    let fine = || descriptor(&[("client", "a")]);
    let many: Vec<(String, String)> = (0..65).map(|n| (format!("k{n}"), String::new())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let same = vec![("k", "v"); 65];
    let cases = [
        (RateLimitRequest { domain: String::new(), ..request([fine()]) }, "domain: is empty"),
        (request([]), "descriptors: there are none"),
        (request(vec![fine(); 65]), "descriptors: 65 are more than 64"),
        (request([fine(), descriptor(&many)]), "descriptors[1].entries: there are more than 64"),
        (request([descriptor(&same)]), "descriptors[0].entries: there are more than 64"),
        (request([descriptor(&[("a", "b"), ("", "b")])]), "descriptors[0].entries[1].key: is empty"),
        (
            request([descriptor(&[("a~2", "x"), ("a", "x"), ("a", "x")])]),
            "descriptors[0].entries: the attribute \"a~2\" comes twice",
        ),
    ];
    for (wrong, message) in cases {
        let refused = client.call(wrong).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, message));
    }
    assert!(client.admits(request(vec![fine(); 2])).await);
    assert!(client.admits(request([descriptor(&many[..64])])).await);
}

#[tokio::test]
async fn negative_hits_are_given_back_and_lift_no_limit() {
    let server = Running::start("policies: [{ name: p, per: [client], limit: 2/day }]").await;
    let client = server.client().await;
    let hits = |negative| {
        let mut hits = descriptor(&[("client", "a")]);
        hits.is_negative_hits = negative;
        hits.hits_addend = Some(2);
        request([hits])
    };
    assert!(client.admits(hits(false)).await);
    assert!(!client.admits(hits(false)).await);
    for _ in 0..3 {
        assert!(client.admits(hits(true)).await);
    }
    assert!(client.admits(hits(false)).await);
    assert!(!client.admits(hits(false)).await);
}

/// What is sent instead of the message: any bytes, as if they were one.
#[derive(Clone, PartialEq, prost::Message)]
struct Other {
    #[prost(bytes = "vec", tag = "1")]
    domain: Vec<u8>,
    #[prost(uint64, tag = "2")]
    descriptors: u64,
}

#[tokio::test]
async fn bytes_that_are_no_message_harm_only_their_call() {
    let server = Running::start(POLICIES).await;
    let channel = server.channel().await;
    let client = server.client().await;
    let send = async |other: Other| -> Status {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        grpc.ready().await.unwrap();
        let codec: ProstCodec<Other, Other> = ProstCodec::default();
        let path = PathAndQuery::from_static(PATH);
        grpc.unary(Request::new(other), path, codec).await.unwrap_err()
    };
    // A domain that is no UTF-8; descriptors that are a number; a message that is too long.
    let cases = [
        (Other { domain: vec![0xff; 3], descriptors: 0 }, Code::InvalidArgument),
        (Other { domain: b"default".to_vec(), descriptors: 7 }, Code::InvalidArgument),
        (Other { domain: vec![b'x'; 100_000], descriptors: 0 }, Code::OutOfRange),
    ];
    for (other, code) in cases {
        let beside = client.admits(request([descriptor(&[("client", "a")])]));
        let (refused, admitted) = tokio::join!(send(other), beside);
        assert_eq!(refused.code(), code, "{refused:?}");
        assert!(admitted);
    }
}
