//! The node's words as messages of the service, and its verdicts as the node's.

use crate::proto::{self, attribute::Value as Said, verdict::Verdict as Case};
use framedb_plugin::resolve::{Attribute, Envelope, Kind, Placement, Retry, Value, Verdict};

/// An object, as the service is told of it.
pub(crate) fn envelope(envelope: &Envelope<'_>) -> proto::Envelope {
    proto::Envelope {
        id: envelope.id.to_owned(),
        attempt: envelope.attempt,
        key: envelope.key.to_owned(),
        source: envelope.source.to_owned(),
        kind: envelope.kind.map_or(proto::Kind::Unspecified, said).into(),
        framedb_id: envelope.framedb_id.unwrap_or_default().to_owned(),
        content_type: envelope.content_type.unwrap_or_default().to_owned(),
        metadata: envelope.metadata.to_owned(),
        attributes: envelope.attributes.iter().map(attribute).collect(),
        size: envelope.size,
    }
}

/// What the service says of an object.
///
/// # Errors
///
/// When it says nothing, or what cannot be understood.
pub(crate) fn verdict(verdict: proto::Verdict, envelope: &Envelope<'_>) -> Result<Verdict, String> {
    match verdict.verdict {
        Some(Case::Place(placement)) => place(placement, envelope),
        Some(Case::Reject(reason)) => Ok(Verdict::reject(reason)),
        Some(Case::Drop(reason)) => Ok(Verdict::drop(reason)),
        Some(Case::Retry(proto::Retry { reason, after_ms })) => {
            Ok(Verdict::Retry(Retry { reason, after: nanos(after_ms) }))
        }
        None => Err("it has no verdict for this object".to_owned()),
    }
}

fn place(placement: proto::Placement, envelope: &Envelope<'_>) -> Result<Verdict, String> {
    let kind = match proto::Kind::try_from(placement.kind) {
        Ok(proto::Kind::Unspecified) => envelope.kind.unwrap_or(Kind::Storage),
        Ok(proto::Kind::InMemory) => Kind::InMemory,
        Ok(proto::Kind::Storage) => Kind::Storage,
        Ok(proto::Kind::Stream) => Kind::Stream,
        Err(_) => return Err(format!("it has the unknown kind {}", placement.kind)),
    };
    let framedb_id = match (placement.framedb_id, envelope.framedb_id) {
        (named, Some(sender)) if named.is_empty() => sender.to_owned(),
        (named, None) if named.is_empty() => {
            return Err("it names no instance, and the sender named none".to_owned());
        }
        (named, _) => named,
    };
    Ok(Verdict::Place(Placement {
        framedb_id,
        kind,
        key: (!placement.key.is_empty()).then_some(placement.key),
        time_to_live: nanos(placement.time_to_live_ms),
    }))
}

/// Milliseconds of the service, of which none are not said, as the node has them.
fn nanos(millis: u64) -> Option<u64> {
    (millis > 0).then(|| millis.saturating_mul(1_000_000))
}

fn said(kind: Kind) -> proto::Kind {
    match kind {
        Kind::InMemory => proto::Kind::InMemory,
        Kind::Storage => proto::Kind::Storage,
        Kind::Stream => proto::Kind::Stream,
    }
}

fn attribute(attribute: &Attribute) -> proto::Attribute {
    let value = match &attribute.value {
        Value::Text(text) => Said::Text(text.clone()),
        Value::Integer(number) => Said::Integer(*number),
        Value::Real(number) => Said::Real(*number),
        Value::Boolean(boolean) => Said::Boolean(*boolean),
    };
    proto::Attribute { name: attribute.name.clone(), value: Some(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(placement: proto::Placement, envelope: &Envelope<'_>) -> Result<Verdict, String> {
        verdict(proto::Verdict { verdict: Some(Case::Place(placement)) }, envelope)
    }

    #[test]
    fn what_the_service_leaves_open_the_sender_said() {
        let envelope =
            Envelope { framedb_id: Some("disk"), kind: Some(Kind::Stream), ..Envelope::default() };
        let open = proto::Placement::default();
        assert_eq!(placed(open.clone(), &envelope), Ok(Verdict::place("disk", Kind::Stream)));
        assert!(placed(open, &Envelope::default()).is_err());
        let said = proto::Placement {
            framedb_id: "memory".into(),
            kind: proto::Kind::InMemory.into(),
            ..proto::Placement::default()
        };
        assert_eq!(placed(said, &envelope), Ok(Verdict::place("memory", Kind::InMemory)));
    }

    #[test]
    fn what_is_not_understood_is_no_verdict() {
        let envelope = Envelope::default();
        assert!(verdict(proto::Verdict { verdict: None }, &envelope).is_err());
        let strange =
            proto::Placement { framedb_id: "disk".into(), kind: 7, ..proto::Placement::default() };
        assert!(placed(strange, &envelope).unwrap_err().contains("unknown kind 7"));
    }
}
