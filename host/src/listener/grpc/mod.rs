//! The gRPC door: the object service of existing clients, the node's own ingestion service,
//! health and reflection.

mod convert;
mod edge;
pub(crate) mod fuzz;
mod object_service;
mod stream;

use crate::node::Node;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Server, server::TcpIncoming};

/// Generated from `proto/framedb.proto`.
pub mod framedb {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]
    tonic::include_proto!("framedb");
}

/// Generated from `proto/framedb/edge/v1/ingest.proto`.
pub mod edge_v1 {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]
    tonic::include_proto!("framedb.edge.v1");
}

/// Both services' definitions, for reflection.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// What a message may have beside the payload: its other fields.
const MESSAGE_OVERHEAD: u64 = 1 << 20;

/// Bytes that one stream, and one connection, may have on the way; with HTTP/2's default of
/// 64 KiB a sender of large objects waits more than it sends.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// Serves until `closing`, then answers the calls under way.
pub(super) async fn serve(node: Arc<Node>, listener: TcpListener, closing: CancellationToken) {
    // Twice as much, so that an object that is only somewhat too large gets a receipt that
    // names the limit rather than gRPC's own error, which ends a stream.
    let max_message = node.ingress.admission().max_object().saturating_mul(2);
    let max_message = max_message.saturating_add(MESSAGE_OVERHEAD);
    let max_message = usize::try_from(max_message).unwrap_or(usize::MAX);
    let objects = framedb::object_service_server::ObjectServiceServer::new(
        object_service::Objects::new(node.clone()),
    )
    .max_decoding_message_size(max_message)
    .max_encoding_message_size(usize::MAX);
    let ingest =
        edge_v1::ingest_server::IngestServer::new(edge::Edge::new(node.clone(), closing.clone()))
            .max_decoding_message_size(max_message)
            .max_encoding_message_size(usize::MAX);
    let (health, health_service) = tonic_health::server::health_reporter();
    health
        .set_serving::<framedb::object_service_server::ObjectServiceServer<object_service::Objects>>(
        )
        .await;
    health.set_serving::<edge_v1::ingest_server::IngestServer<edge::Edge>>().await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
    };
    let (reflection, reflection_alpha) =
        (reflection().build_v1().ok(), reflection().build_v1alpha().ok());
    let closed = async move {
        closing.cancelled().await;
        health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    };
    let served = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(objects)
        .add_service(ingest)
        .add_service(health_service)
        .add_optional_service(reflection)
        .add_optional_service(reflection_alpha)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), closed)
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the gRPC door failed");
    }
}
