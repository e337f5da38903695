//! Settings of a server that runs: `CONFIG SET` for clients of the config service.

use super::{answer, fields, find, refused, registration};
use crate::{Family, InstanceRecord, listener::http::problem::Problem, node::Node};
use axum::{body::Body, extract::State, http::StatusCode, response::Response};
use serde_json::Value;
use std::sync::Arc;

/// What clients are told when it is done (contract 5.1 and 5.2).
pub(super) const UPDATED: &str = "Configuration updated on Redis";

/// Settings that would let a client write files, load code or lock others out.
const REFUSED: [&str; 14] = [
    "aclfile",
    "appenddirname",
    "appendfilename",
    "bind",
    "dbfilename",
    "dir",
    "logfile",
    "masterauth",
    "masteruser",
    "port",
    "primaryauth",
    "primaryuser",
    "protected-mode",
    "requirepass",
];

/// What the names of all settings of TLS begin with: files, and ports.
const REFUSED_PREFIX: &str = "tls-";

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
    check(&directives)?;
    let id = record.framedb_id.clone();
    let instance = node.instances.get(&id).await.map_err(|error| refused(&error))?;
    instance.objects.configure(&directives).await.map_err(|error| refused(&error))?;
    if node.instances.is_configured(&id) {
        return Ok(());
    }
    // What was registered may be anything.
    let kept = record.more.get("redis_config").and_then(|kept| read(kept).ok()).unwrap_or_default();
    let mut lines: Vec<(String, String)> = kept
        .into_iter()
        .filter(|(name, _)| directives.iter().all(|(changed, _)| changed != name))
        .collect();
    lines.extend(directives);
    let lines: Vec<Value> =
        lines.into_iter().map(|(name, value)| line(&name, &value).into()).collect();
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
                Some((name.to_ascii_lowercase(), unquoted(value.trim())))
            })
            .collect(),
        _ => None,
    };
    directives.ok_or_else(|| {
        Problem::refused("the settings are neither a list of lines nor an object of texts")
            .with_hint("write `[\"maxmemory 64mb\"]` or `{\"maxmemory\": \"64mb\"}`")
    })
}

/// A setting as a line, which reads back as it is.
fn line(name: &str, value: &str) -> String {
    match value.is_empty() {
        true => format!("{name} \"\""),
        false => format!("{name} {value}"),
    }
}

/// A value as the server's own configuration file has it: `""` is the empty text.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value).to_owned()
}

/// Refuses settings that are not for clients, and a request without any.
fn check(directives: &[(String, String)]) -> Result<(), Problem> {
    if directives.is_empty() {
        return Err(Problem::refused("there is no setting to change"));
    }
    let refused = |name: &str| REFUSED.contains(&name) || name.starts_with(REFUSED_PREFIX);
    match directives.iter().find(|(name, _)| refused(name)) {
        Some((name, _)) => {
            let error = format!("the setting `{name}` is not changed over the network");
            Err(Problem::refused(error))
        }
        None => Ok(()),
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
        let empty = read(&json!([line("save", "")])).unwrap();
        assert_eq!(empty, [("save".to_owned(), String::new())]);
    }

    #[test]
    fn settings_that_write_files_are_refused() {
        let refused = |config| read(&config).and_then(|settings| check(&settings)).is_err();
        for config in [
            json!(["dir /tmp"]),
            json!(["maxmemory 1", "DIR /tmp"]),
            json!({ "dbfilename": "x" }),
            json!({ "tls-key-file": "x" }),
            json!({ "port": 1 }),
            json!([]),
            json!({}),
            json!("maxmemory 1"),
            json!(["maxmemory"]),
            json!({ "maxmemory": [1] }),
        ] {
            assert!(refused(config.clone()), "{config}");
        }
        assert!(!refused(json!(["maxmemory 1"])));
    }
}
