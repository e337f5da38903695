//! `framedb.edge.v1.Ingest`: the node's own ingestion service.

use super::{
    convert,
    edge_v1::{self as pb, ingest_server::Ingest},
    stream::{self, Receipts},
};
use crate::{Error, ErrorKind, node::Node, registry::Query};
use framedb_core::{Failure, FailureClass, Key, Outcome};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};

/// Routes that one listing answers at most.
const PAGE: usize = 1000;

pub(super) struct Edge {
    node: Arc<Node>,
    closing: CancellationToken,
}

impl Edge {
    pub(super) fn new(node: Arc<Node>, closing: CancellationToken) -> Self {
        Self { node, closing }
    }
}

#[tonic::async_trait]
impl Ingest for Edge {
    type StreamStream = Receipts;

    async fn stream(
        &self,
        request: Request<Streaming<pb::StreamRequest>>,
    ) -> Result<Response<Receipts>, Status> {
        let receipts =
            stream::start(self.node.ingress.clone(), request.into_inner(), self.closing.clone());
        Ok(Response::new(receipts))
    }

    async fn put(&self, request: Request<pb::PutRequest>) -> Result<Response<pb::Receipt>, Status> {
        let put = request.into_inner();
        if put.more {
            return Err(Status::invalid_argument(
                "`more` announces chunks, which only Stream takes: send the whole payload, or use Stream",
            ));
        }
        let ingress = &self.node.ingress;
        let (arrival, problem) = convert::arrival(put);
        let receipt = match problem {
            Some(problem) => ingress.refuse(&arrival, Failure::invalid(problem)),
            None => ingress.ingest(arrival).await,
        };
        match &receipt.outcome {
            Outcome::Failed(failure) if failure.class == FailureClass::Busy => Err(busy(failure)),
            _ => Ok(Response::new(convert::receipt(receipt))),
        }
    }

    async fn get(
        &self,
        request: Request<pb::GetRequest>,
    ) -> Result<Response<pb::GetResponse>, Status> {
        let key = key(&request.into_inner().key)?;
        match self.node.reader.get(&key).await.map_err(|error| status(&error))? {
            Some(found) => {
                let mut info = convert::info(&key, &found.route);
                info.framedb_id = (*found.framedb_id).to_owned();
                info.kind = convert::kind_number(Some(found.kind));
                if found.foreign {
                    // The route speaks of other bytes.
                    info.codec.clear();
                }
                let (data, foreign) = (found.data, found.foreign);
                Ok(Response::new(pb::GetResponse { info: Some(info), data, foreign }))
            }
            None => Err(Status::not_found(format!("no object `{key}`"))),
        }
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteRequest>,
    ) -> Result<Response<pb::DeleteResponse>, Status> {
        let key = key(&request.into_inner().key)?;
        let deleted = self.node.reader.delete(&key).await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::DeleteResponse { deleted }))
    }

    async fn list(
        &self,
        request: Request<pb::ListRequest>,
    ) -> Result<Response<pb::ListResponse>, Status> {
        let request = request.into_inner();
        let text = |what: &str, bytes: &[u8]| {
            std::str::from_utf8(bytes)
                .map(ToOwned::to_owned)
                .map_err(|_| Status::invalid_argument(format!("the {what} is not UTF-8")))
        };
        let limit = match request.limit as usize {
            0 => PAGE,
            limit => limit.min(PAGE),
        };
        let query = Query {
            prefix: text("prefix", &request.prefix)?,
            after: Some(text("key in `after`", &request.after)?).filter(|key| !key.is_empty()),
            limit,
            kind: convert::kind(request.kind)
                .map_err(|number| Status::invalid_argument(format!("unknown kind {number}")))?,
            framedb_id: None,
        };
        let routes = self.node.reader.list(&query).await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::ListResponse {
            more: routes.len() >= limit,
            objects: routes.iter().map(|(key, route)| convert::info(key, route)).collect(),
        }))
    }
}

fn key(bytes: &[u8]) -> Result<Key, Status> {
    Key::from_bytes(bytes).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn busy(failure: &Failure) -> Status {
    let details = ErrorDetails::with_retry_info(failure.retry_after);
    Status::with_error_details(Code::ResourceExhausted, failure.message.clone(), details)
}

fn status(error: &Error) -> Status {
    let code = match error.kind() {
        ErrorKind::Invalid => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Conflict => Code::FailedPrecondition,
        ErrorKind::TooLarge | ErrorKind::Full => Code::ResourceExhausted,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Timeout => Code::DeadlineExceeded,
        ErrorKind::Corrupt => Code::DataLoss,
        ErrorKind::Config | ErrorKind::Denied | ErrorKind::Plugin => Code::Internal,
    };
    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    Status::new(code, format!("{}{hint}", error.chain()))
}
