//! What the server says about itself.

use drl_proto::DESCRIPTORS;
use tonic_reflection::pb::{v1, v1alpha};

use crate::running::Running;

const ANY: &str = "policies: [{ name: p, limit: 1/hour }]";
const SERVICE: &str = "envoy.service.ratelimit.v3.RateLimitService";

#[tokio::test]
async fn reflection_names_the_services_and_describes_them() {
    let server = Running::start(ANY).await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let ask = |question| v1::ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let questions = futures_util::stream::iter([
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(SERVICE.to_owned())),
    ]);
    let mut answers = client.server_reflection_info(questions).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list")
    };
    let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in [SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let Some(MessageResponse::FileDescriptorResponse(files)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no file")
    };
    assert!(
        DESCRIPTORS
            .windows(files.file_descriptor_proto[0].len())
            .any(|part| part == files.file_descriptor_proto[0])
    );
}

#[tokio::test]
async fn older_clients_find_reflection_under_its_older_name() {
    let server = Running::start(ANY).await;
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let list = v1alpha::server_reflection_request::MessageRequest::ListServices(String::new());
    let question = v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut answers =
        client.server_reflection_info(futures_util::stream::iter([question])).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().unwrap().message_response.is_some());
}
