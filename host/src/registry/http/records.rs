//! Instances as the existing config service knows them (contract 5.1).

use super::super::{Document, Table};
use crate::{
    Result,
    driver::http::{Service, refused},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The families, as paths and as records name them.
const FAMILIES: [(&str, &str); 2] =
    [("instances", "in-memory"), ("persistent-instances", "persistent")];

/// The record of an instance, whichever its family.
pub(super) async fn find(config: &Service, id: &str) -> Result<Option<Document>> {
    for (path, family) in FAMILIES {
        let answer = config.ask(Method::GET, &["global", "framedb", path, id], None).await?;
        if answer.is_success() {
            return Ok(Some(document(id.to_owned(), family, answer.data())));
        }
        if answer.status != StatusCode::NOT_FOUND {
            return Err(refused(&answer, &format!("look up the instance {id:?}")));
        }
    }
    Ok(None)
}

/// All records.
pub(super) async fn all(config: &Service) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for (path, family) in FAMILIES {
        let path = ["global", "framedb", path, "query"];
        let answer = config.ask(Method::POST, &path, Some(&json!({}))).await?;
        if !answer.is_success() {
            return Err(refused(&answer, &format!("list the {}", Table::Instances.as_str())));
        }
        for data in answer.data().as_array().into_iter().flatten() {
            if let Some(id) = data.get("framedb_id").and_then(Value::as_str) {
                documents.push(document(id.to_owned(), family, data.clone()));
            }
        }
    }
    documents.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(documents)
}

/// The reference leaves `cluster_id` out of some records, and its own id's name too.
fn document(id: String, family: &str, mut body: Value) -> Document {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        fields.insert("family".into(), family.into());
        fields.insert("framedb_id".into(), id.as_str().into());
    }
    Document { id, body, revision: 1 }
}
