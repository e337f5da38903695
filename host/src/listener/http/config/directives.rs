//! Settings of a server that runs: `CONFIG SET` for clients of the config service.

use super::{answer, fields, find, refused, registration};
use crate::{Family, InstanceRecord, listener::http::problem::Problem, node::Node};
use axum::{body::Body, extract::State, http::StatusCode, response::Response};
use serde_json::Value;
use std::sync::Arc;

/// What clients are told when it is done (contract 5.1 and 5.2).
pub(super) const UPDATED: &str = "Configuration updated on Redis";

/// Settings that would let a client write files, load code or lock others out.
const REFUSED: [&str; 12] = [
    "aclfile",
    "appenddirname",
    "appendfilename",
    "dbfilename",
    "dir",
    "logfile",
    "masterauth",
    "masteruser",
    "requirepass",
    "tls-ca-cert-file",
    "tls-cert-file",
    "tls-key-file",
];

/// `POST /global/framedb/set-config`: `framedb_id` and `config`.
pub(super) async fn set(State(node): State<Arc<Node>>, body: Body) -> Result<Response, Problem> {
    let fields = fields(&node, body).await?;
    let id = registration::text(&fields, "framedb_id")?;
    let config = fields.get("config").ok_or_else(|| registration::missing("config"))?;
    // The existing service answers 404 whatever is refused.
    let not_found = |problem: Problem| problem.with_status(StatusCode::NOT_FOUND);
    let record = find(&node, Family::InMemory, &id).await.map_err(not_found)?;
    let record =
        record.ok_or_else(|| Problem::not_found(format_args!("Instance not found: {id}")))?;
    apply(&node, record, config).await.map_err(not_found)?;
    Ok(answer::data(UPDATED))
}

/// Applies directives to the server, and keeps them with its record: the next one who asks
/// sees what holds.
pub(super) async fn apply(
    node: &Node,
    mut record: InstanceRecord,
    config: &Value,
) -> Result<(), Problem> {
    let directives = read(config)?;
    let id = record.framedb_id.clone();
    let instance = node.instances.get(&id).await.map_err(|error| refused(&error))?;
    instance.objects.configure(&directives).await.map_err(|error| refused(&error))?;
    if node.instances.is_configured(&id) {
        return Ok(());
    }
    let kept = record.more.get("redis_config").map(read).transpose()?.unwrap_or_default();
    let mut lines: Vec<(String, String)> = kept
        .into_iter()
        .filter(|(name, _)| directives.iter().all(|(changed, _)| changed != name))
        .collect();
    lines.extend(directives);
    let lines: Vec<Value> =
        lines.into_iter().map(|(name, value)| format!("{name} {value}").into()).collect();
    record.more.insert("redis_config".into(), lines.into());
    node.instances.write(&record).await.map_err(|error| refused(&error))
}

/// Directives as a list of lines (`"maxmemory 64mb"`), as documented, or as an object, as the
/// existing service reads them.
fn read(config: &Value) -> Result<Vec<(String, String)>, Problem> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let directives: Option<Vec<_>> = match config {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| Some((name.to_ascii_lowercase(), text(value)?)))
            .collect(),
        Value::Array(lines) => lines
            .iter()
            .map(|line| {
                let (name, value) = line.as_str()?.trim().split_once(char::is_whitespace)?;
                Some((name.to_ascii_lowercase(), value.trim().to_owned()))
            })
            .collect(),
        _ => None,
    };
    let directives = directives.ok_or_else(|| {
        Problem::refused("the settings are neither a list of lines nor an object of texts")
            .with_hint("write `[\"maxmemory 64mb\"]` or `{\"maxmemory\": \"64mb\"}`")
    })?;
    match directives.iter().find(|(name, _)| REFUSED.contains(&name.as_str())) {
        Some((name, _)) => {
            let error = format!("the setting `{name}` is not changed over the network");
            Err(Problem::refused(error))
        }
        None => Ok(directives),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn directives_are_read_as_documented_and_as_implemented() {
        let both = [
            json!(["maxmemory 64mb", "SAVE 900 1"]),
            json!({"maxmemory": "64mb", "save": "900 1"}),
        ];
        for config in both {
            let read = read(&config).unwrap();
            assert_eq!(read[0], ("maxmemory".into(), "64mb".into()));
            assert_eq!(read[1], ("save".into(), "900 1".into()));
        }
    }

    #[test]
    fn settings_that_write_files_are_refused() {
        assert!(read(&json!(["dir /tmp"])).is_err());
        assert!(read(&json!({ "dbfilename": "x" })).is_err());
        assert!(read(&json!("maxmemory 1")).is_err());
    }
}
