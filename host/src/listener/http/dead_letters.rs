//! `/admin/dead-letters`: list, show, payload, evidence, replay, drop.

use super::{answer, problem::Problem, query};
use crate::{
    dead_letters::{DeadLetter, LEAST_PREFIX},
    node::Node,
};
use axum::{
    Json,
    body::{Body, HttpBody, to_bytes},
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use framedb_core::http::{listing::time, receipt};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Dead letters on a page when nobody says how many.
const PAGE: usize = 1000;

/// Bytes that a component may have which stands in for a plugin.
const MAX_COMPONENT: usize = 64 << 20;

/// How long sending such a component may take.
const SENT_WITHIN: Duration = Duration::from_secs(30);

/// A page of dead letters, without what makes them long.
pub(super) async fn list(State(node): State<Arc<Node>>, uri: Uri) -> Result<Json<Value>, Problem> {
    let query: query::Letters = query::parse(&uri)?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let page = node.dead_letters.list(query.after, limit).await?;
    let next = page.last().filter(|_| page.len() >= limit).map(|letter| letter.id.clone());
    let totals = node.dead_letters.totals().await?;
    Ok(Json(json!({
        "success": true,
        "dead_letters": page.iter().map(line).collect::<Vec<_>>(),
        "next": next,
        "count": totals.count,
        "bytes": totals.bytes,
        "max_bytes": node.dead_letters.max_bytes(),
    })))
}

/// All that is known of a dead letter; with `/payload` behind its id, the object's bytes, and with
/// `/evidence` what its plugin failed with, or null.
pub(super) async fn get(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    if let Some(id) = id(&uri).strip_suffix("/payload") {
        let letter = find(&node, id).await?;
        let data = node.dead_letters.payload(&letter.id).await?;
        let data = data.ok_or_else(|| missing(id))?;
        let content_type = [(header::CONTENT_TYPE, "application/octet-stream")];
        return Ok((content_type, data).into_response());
    }
    if let Some(id) = id(&uri).strip_suffix("/evidence") {
        let letter = find(&node, id).await?;
        let evidence = node.dead_letters.evidence(&letter.id).await?;
        return Ok(Json(json!({ "success": true, "evidence": evidence })).into_response());
    }
    let letter = find(&node, id(&uri)).await?;
    Ok(Json(json!({ "success": true, "dead_letter": whole(&letter) })).into_response())
}

/// Sends the object through its pipeline again (`…/replay`); the body, where there is one, is
/// the component that stands in for the plugin that failed. The answer is the object's receipt.
pub(super) async fn replay(
    State(node): State<Arc<Node>>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let Some(id) = id(&uri).strip_suffix("/replay") else {
        return Err(Problem::no_such_path(uri.path()));
    };
    let component = component(body).await?;
    // What is begun goes on to its end, also when nobody waits for the answer any more: the letter
    // of an object that was stored has to go.
    let (replaying, id) = (node.clone(), find(&node, id).await?.id);
    let replay = async move { replaying.replay(&id, component).await };
    let ended = node.tasks.spawn(replay).await;
    let (_, receipt) = ended.map_err(|_| Problem::refused("the replay ended early"))??;
    Ok(answer(receipt::answer(&receipt)))
}

/// Removes a dead letter with its object.
pub(super) async fn remove(
    State(node): State<Arc<Node>>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let letter = find(&node, id(&uri)).await?;
    match node.dead_letters.remove(&letter.id, None).await? {
        true => Ok(Json(json!({ "success": true, "id": letter.id }))),
        false => Err(missing(&letter.id)),
    }
}

fn id(uri: &Uri) -> &str {
    uri.path().trim_start_matches("/admin/dead-letters/")
}

async fn find(node: &Node, id: &str) -> Result<DeadLetter, Problem> {
    let found = node.dead_letters.get(id).await?;
    found.ok_or_else(|| missing(id))
}

fn missing(id: &str) -> Problem {
    let short = id.len() < LEAST_PREFIX;
    let id: String = id.chars().take(80).collect();
    if short {
        return Problem::not_found(format_args!("`{id}` is too short for the start of an id"))
            .with_hint(format!("give at least {LEAST_PREFIX} characters of it"));
    }
    Problem::not_found(format_args!("there is no dead letter {id}"))
        .with_hint("`framedb dlq ls` shows those that there are")
}

/// The body, if there is one.
async fn component(body: Body) -> Result<Option<Bytes>, Problem> {
    if HttpBody::size_hint(&body).exact() == Some(0) {
        return Ok(None);
    }
    match tokio::time::timeout(SENT_WITHIN, to_bytes(body, MAX_COMPONENT)).await {
        Ok(Ok(bytes)) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format_args!(
                "the component did not come whole, or has more than {MAX_COMPONENT} bytes"
            ),
        )),
        Err(_) => Err(Problem::refused("the component did not come in time")),
    }
}

fn line(letter: &DeadLetter) -> Value {
    json!({
        "id": &*letter.id,
        "object_id": &*letter.object.id,
        "key": letter.object.key,
        "size": letter.size,
        "pipeline": &*letter.pipeline,
        "stage": letter.stage,
        "plugin": letter.plugin.as_ref().map(|plugin| &plugin.name),
        "class": letter.class,
        "error": letter.error,
        "attempts": letter.attempts,
        "first_at": time(letter.first_at),
        "last_at": time(letter.last_at),
    })
}

fn whole(letter: &DeadLetter) -> Value {
    let mut value = serde_json::to_value(letter).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("first_at".into(), time(letter.first_at).into());
        fields.insert("last_at".into(), time(letter.last_at).into());
    }
    value
}
