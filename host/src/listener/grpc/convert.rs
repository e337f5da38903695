//! Conversions between the wire's messages and the node's types.

use super::edge_v1 as pb;
use crate::pipeline::Arrival;
use bytes::Bytes;
use framedb_core::{Attribute, Key, Kind, Outcome, Receipt, Route, Stage, StageTimes, Value};
use std::time::Duration;

/// A put's fields, and what is wrong with them that the ingress could not see.
pub(super) fn arrival(put: pb::PutRequest) -> (Arrival, Option<String>) {
    let kind = kind(put.kind);
    let problem = kind.as_ref().err().map(|number| {
        format!(
            "unknown kind {number}: one of KIND_IN_MEMORY (1), KIND_STORAGE (2), KIND_STREAM (3)"
        )
    });
    let arrival = Arrival {
        id: put.id,
        key: put.key,
        source: put.source,
        kind: kind.ok().flatten(),
        framedb_id: put.framedb_id,
        content_type: put.content_type,
        metadata: put.metadata,
        data: put.data,
    };
    (arrival, problem)
}

/// A kind's number; 0 is unspecified.
pub(super) fn kind(number: i32) -> Result<Option<Kind>, i32> {
    match pb::Kind::try_from(number) {
        Ok(pb::Kind::Unspecified) => Ok(None),
        Ok(pb::Kind::InMemory) => Ok(Some(Kind::InMemory)),
        Ok(pb::Kind::Storage) => Ok(Some(Kind::Storage)),
        Ok(pb::Kind::Stream) => Ok(Some(Kind::Stream)),
        Err(_) => Err(number),
    }
}

pub(super) fn kind_number(kind: Option<Kind>) -> i32 {
    let kind = match kind {
        None => pb::Kind::Unspecified,
        Some(Kind::InMemory) => pb::Kind::InMemory,
        Some(Kind::Storage) => pb::Kind::Storage,
        Some(Kind::Stream) => pb::Kind::Stream,
    };
    kind.into()
}

pub(super) fn receipt(receipt: Receipt) -> pb::Receipt {
    let (outcome, message, failure) = match receipt.outcome {
        Outcome::Stored => (pb::Outcome::Stored, String::new(), None),
        Outcome::Dropped(reason) => (pb::Outcome::Dropped, reason, None),
        Outcome::DeadLettered { id, reason } => {
            (pb::Outcome::DeadLettered, format!("{reason} (dead letter {id})"), None)
        }
        Outcome::Failed(failure) => {
            let message = failure.told();
            let detail = pb::Failure {
                class: failure.class.as_str().into(),
                stage: failure.stage.as_str().into(),
                retry_after: nanos(failure.retry_after.unwrap_or_default()),
                dead_letter: failure.dead_letter.as_deref().unwrap_or_default().to_owned(),
            };
            (pb::Outcome::Failed, message, Some(detail))
        }
    };
    pb::Receipt {
        id: (*receipt.id).to_owned(),
        key: Bytes::copy_from_slice(receipt.key.as_bytes()),
        outcome: outcome.into(),
        message,
        failure,
        framedb_id: receipt.framedb_id.as_deref().unwrap_or_default().to_owned(),
        kind: kind_number(receipt.kind),
        stored_size: receipt.stored_size,
        codec: receipt.codec.map(|format| format.to_string()).unwrap_or_default(),
        synced: receipt.synced,
        attributes: attributes(&receipt.attributes),
        times: Some(times(&receipt.times)),
    }
}

pub(super) fn info(key: &Key, route: &Route) -> pb::ObjectInfo {
    pb::ObjectInfo {
        key: Bytes::copy_from_slice(key.as_str().as_bytes()),
        framedb_id: (*route.framedb_id).to_owned(),
        kind: kind_number(Some(route.kind)),
        size: route.size.unwrap_or_default(),
        content_type: route.content_type.as_deref().unwrap_or_default().to_owned(),
        metadata: Bytes::copy_from_slice(route.metadata.as_bytes()),
        attributes: attributes(&route.attributes),
        codec: route.codec.as_ref().map(|r| r.codec.format.to_string()).unwrap_or_default(),
        expires_at: route.expires_at.unwrap_or_default(),
        stored_at: route.stored_at,
    }
}

fn attributes(attributes: &[Attribute]) -> Vec<pb::Attribute> {
    use pb::attribute::Value as Wire;
    let value = |value: &Value| match value {
        Value::Boolean(truth) => Wire::Boolean(*truth),
        Value::Integer(number) => Wire::Integer(*number),
        Value::Real(number) => Wire::Real(*number),
        Value::Text(text) => Wire::Text(text.clone()),
    };
    attributes
        .iter()
        .map(|attribute| pb::Attribute {
            name: attribute.name.clone(),
            value: Some(value(&attribute.value)),
        })
        .collect()
}

fn times(times: &StageTimes) -> pb::StageTimes {
    let time = |stage| nanos(times.get(stage));
    pb::StageTimes {
        admission: time(Stage::Admission),
        ingest: time(Stage::Ingest),
        resolve: time(Stage::Resolve),
        serialize: time(Stage::Serialize),
        sink: time(Stage::Sink),
        registration: time(Stage::Registration),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
