//! Health and reflection, which tools expect of a gRPC door.

use framedb_tests::TestNode;
use std::collections::BTreeSet;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

#[tokio::test]
async fn health_answers_for_the_node_and_for_both_services() {
    let node = TestNode::build().open().await;
    let mut client = HealthClient::new(node.channel().await);
    for service in ["", "framedb.ObjectService", "framedb.edge.v1.Ingest"] {
        let request = HealthCheckRequest { service: service.into() };
        let answer = client.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let request = HealthCheckRequest { service: "other".into() };
    assert_eq!(client.check(request).await.unwrap_err().code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn reflection_lists_both_services_and_describes_them() {
    let node = TestNode::build().open().await;
    let mut client = ServerReflectionClient::new(node.channel().await);
    let mut ask = async |message_request| {
        let request =
            ServerReflectionRequest { host: String::new(), message_request: Some(message_request) };
        let mut answers =
            client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
        answers.message().await.unwrap().unwrap().message_response.unwrap()
    };
    let listed = ask(MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(listed) = listed else { panic!("{listed:?}") };
    let services: BTreeSet<_> = listed.service.into_iter().map(|service| service.name).collect();
    for service in ["framedb.ObjectService", "framedb.edge.v1.Ingest"] {
        assert!(services.contains(service), "{services:?}");
        let described = ask(MessageRequest::FileContainingSymbol(service.into())).await;
        assert!(matches!(described, MessageResponse::FileDescriptorResponse(_)), "{described:?}");
    }
}
