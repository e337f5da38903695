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
use framedb_core::{FailureClass, Key, Kind, instances::NOT_FOUND, object_service as words};
use std::{str::FromStr, sync::Arc};
use tonic::{Request, Response, Status};

pub(super) struct Objects {
    node: Arc<Node>,
}

impl Objects {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    async fn find(&self, asked: &str) -> Result<(Object, &'static str), String> {
        let unknown = || words::not_found(asked);
        let key = Key::new(asked).map_err(|_| unknown())?;
        let reader = &self.node.reader;
        let route = reader.route(&key).await;
        let route = route.map_err(|error| words::lookup_failed(error.chain()))?;
        let route = route.ok_or_else(unknown)?;
        let room = words::room(&route, asked);
        let failed = |error: Error| match error.kind() {
            ErrorKind::TooLarge => words::too_large(&error.to_string(), &key, route.kind),
            // Routes that clients registered may name instances that nobody knows here.
            ErrorKind::Invalid if error.to_string().starts_with(NOT_FOUND) => error.to_string(),
            _ => words::read_failed(error.chain()),
        };
        let found = if route.kind == Kind::Stream {
            let element = reader.pop(&key, Some(room)).await.map_err(failed)?;
            element.map(|element| (element.data, element.route.framedb_id, Kind::Stream))
        } else {
            let found = reader.get(&key).await.map_err(failed)?;
            found.map(|found| (found.data, found.framedb_id, found.kind))
        };
        let (data, framedb_id, kind) = found.ok_or_else(|| words::no_data(asked))?;
        if data.len() > room {
            let what = format!("`{key}` has {} bytes", data.len());
            return Err(words::too_large(&what, &key, route.kind));
        }
        let object = Object {
            key: asked.to_owned(),
            framedb_id: (*framedb_id).to_owned(),
            data,
            metadata: words::metadata(&route),
            r#type: kind.as_str().to_owned(),
        };
        Ok((object, words::RETRIEVED))
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
            let message = words::about(message, key);
            Ok(Response::new(SetObjectResponse { success, message, key: key.to_owned() }))
        };
        let Ok(kind) = Kind::from_str(&object.r#type) else {
            self.node.telemetry.refused(FailureClass::Invalid);
            return answer(false, &words::unsupported(&object.r#type), &key);
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
        let message = words::set(&receipt.outcome);
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
