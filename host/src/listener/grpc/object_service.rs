//! `framedb.ObjectService`: what existing clients call.
//!
//! Follows section 2 of the wire contract to the letter: application failures are answers with
//! `success` or `found` false, never gRPC errors; every message of a set ends in ` (key=…)`.

use super::framedb::{
    GetObjectRequest, GetObjectResponse, Object, SetObjectRequest, SetObjectResponse,
    object_service_server::ObjectService,
};
use crate::{Error, ErrorKind, node::Node, pipeline::Arrival};
use bytes::Bytes;
use framedb_core::{FailureClass, Key, Kind, Outcome, Route, Stage};
use std::{str::FromStr, sync::Arc};
use tonic::{Request, Response, Status};

/// What a default client receives at most: gRPC's own limit of 4 MiB on a message.
const CLIENT_LIMIT: usize = 4 << 20;

/// What a reply has beside the payload and the metadata: key, ids, message, field headers.
const REPLY_OVERHEAD: usize = 2 << 10;

/// How an answer about an unknown instance begins.
const NOT_FOUND: &str = "FrameDB instance not found";

pub(super) struct Objects {
    node: Arc<Node>,
}

impl Objects {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    async fn find(&self, asked: &str) -> Result<(Object, &'static str), String> {
        let unknown = || format!("Object/stream '{asked}' not found in routing service");
        let key = Key::new(asked).map_err(|_| unknown())?;
        let reader = &self.node.reader;
        let route = reader.route(&key).await;
        let route = route.map_err(|error| format!("Routing lookup failed: {}", error.chain()))?;
        let route = route.ok_or_else(unknown)?;
        let room = CLIENT_LIMIT - REPLY_OVERHEAD - route.metadata.len() - asked.len();
        let failed = |error: Error| match error.kind() {
            ErrorKind::TooLarge => too_large(&error.to_string(), &key, &route),
            // Routes that clients registered may name instances that nobody knows here.
            ErrorKind::Invalid if error.to_string().starts_with(NOT_FOUND) => error.to_string(),
            _ => format!("Data read failed: {}", error.chain()),
        };
        let found = if route.kind == Kind::Stream {
            let element = reader.pop(&key, Some(room)).await.map_err(failed)?;
            element.map(|element| (element.data, element.route.framedb_id))
        } else {
            let found = reader.get(&key).await.map_err(failed)?;
            found.map(|found| (found.data, found.framedb_id))
        };
        let (data, framedb_id) = found.ok_or_else(|| format!("No data found for key '{asked}'"))?;
        if data.len() > room {
            let what = format!("`{key}` has {} bytes", data.len());
            return Err(too_large(&what, &key, &route));
        }
        let metadata = match &*route.metadata {
            "" => "{}".to_owned(),
            metadata => metadata.to_owned(),
        };
        let object = Object {
            key: asked.to_owned(),
            framedb_id: (*framedb_id).to_owned(),
            data,
            metadata,
            r#type: route.kind.as_str().to_owned(),
        };
        Ok((object, "Object retrieved successfully"))
    }
}

#[tonic::async_trait]
impl ObjectService for Objects {
    async fn set_object(
        &self,
        request: Request<SetObjectRequest>,
    ) -> Result<Response<SetObjectResponse>, Status> {
        let object = request.into_inner().object.unwrap_or_default();
        let key = match object.key.trim() {
            "" => uuid::Uuid::new_v4().to_string(),
            key => key.to_owned(),
        };
        let answer = |success: bool, message: &str, key: &str| {
            let message = format!("{message} (key={key})");
            Ok(Response::new(SetObjectResponse { success, message, key: key.to_owned() }))
        };
        let Ok(kind) = Kind::from_str(&object.r#type) else {
            return answer(false, &format!("Unsupported type: {}", object.r#type), &key);
        };
        let arrival = Arrival {
            key: Bytes::from(key.clone()),
            kind: Some(kind),
            framedb_id: object.framedb_id,
            metadata: Bytes::from(object.metadata),
            data: object.data,
            ..Arrival::default()
        };
        let receipt = self.node.ingress.ingest(arrival).await;
        let message = match &receipt.outcome {
            Outcome::Failed(failure) => match (failure.class, failure.stage) {
                (FailureClass::Unknown, _) => failure.told(),
                (_, Stage::Sink) => format!("Write failed: {}", failure.told()),
                (_, Stage::Registration) => {
                    format!("Routing registration failed: {}", failure.told())
                }
                _ => failure.told(),
            },
            outcome => outcome.message(),
        };
        answer(receipt.outcome.is_success(), &message, &receipt.key)
    }

    async fn get_object(
        &self,
        request: Request<GetObjectRequest>,
    ) -> Result<Response<GetObjectResponse>, Status> {
        let response = match self.find(&request.into_inner().key).await {
            Ok((object, message)) => {
                GetObjectResponse { found: true, object: Some(object), message: message.into() }
            }
            Err(message) => GetObjectResponse { found: false, object: None, message },
        };
        Ok(Response::new(response))
    }
}

/// Says where an object that default clients could not receive can be read.
fn too_large(what: &str, key: &Key, route: &Route) -> String {
    let name =
        percent_encoding::utf8_percent_encode(key.as_str(), percent_encoding::NON_ALPHANUMERIC);
    let path = match route.kind {
        Kind::Stream => format!("POST /streams/{name}/pop"),
        _ => format!("GET /objects/{name}"),
    };
    format!(
        "{what}, more than the 4 MiB that gRPC clients receive by default: use {path} over HTTP"
    )
}
