//! Receipts as JSON.

use super::{Answer, json, problem::retry_after};
use crate::{Attribute, Failure, Outcome, Receipt, Stage};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};

/// The answer to a sender.
#[must_use]
pub fn answer(receipt: &Receipt) -> Answer {
    let (status, delay) = match &receipt.outcome {
        Outcome::Stored | Outcome::Dropped(_) | Outcome::DeadLettered { .. } => {
            (StatusCode::OK, None)
        }
        Outcome::Failed(Failure { class, retry_after, .. }) => {
            let status = StatusCode::from_u16(class.http_status());
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), *retry_after)
        }
    };
    let mut answer = json(status, &body(receipt));
    if let Some(delay) = delay {
        answer.headers_mut().insert(header::RETRY_AFTER, retry_after(delay));
    }
    answer
}

fn body(receipt: &Receipt) -> Value {
    let mut body = Map::new();
    let mut add = |name: &str, value: Value| body.insert(name.into(), value);
    add("success", receipt.outcome.is_success().into());
    add("outcome", receipt.outcome.as_str().into());
    if !receipt.id.is_empty() {
        add("id", (*receipt.id).into());
    }
    add("key", (*receipt.key).into());
    match &receipt.outcome {
        Outcome::Stored => {
            add("framedb_id", json!(receipt.framedb_id.as_deref()));
            add("type", json!(receipt.kind));
            add("size", receipt.stored_size.into());
            add("codec", json!(receipt.codec));
            add("synced", receipt.synced.into());
        }
        Outcome::Dropped(reason) => {
            add("reason", reason.as_str().into());
        }
        Outcome::DeadLettered { id, reason } => {
            add("reason", reason.as_str().into());
            add("dead_letter", (**id).into());
        }
        Outcome::Failed(failure) => {
            add("error", failure.told().into());
            if let Some(id) = &failure.dead_letter {
                add("dead_letter", (**id).into());
            }
            add("class", failure.class.as_str().into());
            add("stage", failure.stage.as_str().into());
        }
    }
    // An object that did not get past the door spent no time, and no plugin saw it.
    if matches!(&receipt.outcome, Outcome::Failed(f) if f.stage == Stage::Admission) {
        return Value::Object(body);
    }
    add("attributes", attributes(&receipt.attributes));
    let times = receipt.times.iter().map(|(stage, time)| {
        (stage.as_str().to_owned(), u64::try_from(time.as_micros()).unwrap_or(u64::MAX).into())
    });
    add("times", Value::Object(times.collect()));
    Value::Object(body)
}

/// Attributes as a JSON object; values keep their types.
#[must_use]
pub fn attributes(attributes: &[Attribute]) -> Value {
    attributes.iter().map(|a| (a.name.clone(), json!(a.value))).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FailureClass, Kind, Value as Attr};
    use std::{sync::Arc, time::Duration};

    fn receipt(outcome: Outcome) -> Receipt {
        Receipt {
            id: "1".into(),
            key: "k".into(),
            outcome,
            framedb_id: Some("disk".into()),
            kind: Some(Kind::Storage),
            stored_size: 3,
            codec: Some("lz4/1".parse().unwrap()),
            attributes: Arc::from([Attribute { name: "width".into(), value: Attr::Integer(640) }]),
            synced: true,
            times: Default::default(),
        }
    }

    #[test]
    fn a_stored_object_says_where_it_is() {
        let body = body(&receipt(Outcome::Stored));
        assert_eq!(body["success"], true);
        assert_eq!((&body["framedb_id"], &body["type"]), (&json!("disk"), &json!("storage")));
        assert_eq!((&body["codec"], &body["size"]), (&json!("lz4/1"), &json!(3)));
        assert_eq!(body["attributes"], json!({ "width": 640 }));
        assert_eq!(body["times"]["ingest"], 0);
    }

    #[test]
    fn a_drop_is_a_success_with_a_reason_and_a_failure_has_its_status() {
        let dropped = body(&receipt(Outcome::Dropped("dark".into())));
        assert_eq!((&dropped["success"], &dropped["outcome"]), (&json!(true), &json!("dropped")));
        assert_eq!(dropped["reason"], "dark");
        let mut failure = Failure::new(FailureClass::Busy, Stage::Admission, "busy");
        failure.retry_after = Some(Duration::from_millis(1200));
        let response = answer(&receipt(Outcome::Failed(failure)));
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
