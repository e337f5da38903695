//! `/backpressure/*`: producers are to pause, or may go on.

use super::envelope::answer;
use crate::node::Node;
use axum::{body::Body, extract::State, response::Response};
use std::sync::Arc;

/// What every path answers.
const PUBLISHED: &str = "Published updates";

/// Producers of a source are to pause.
pub(super) async fn enable(State(node): State<Arc<Node>>, body: Body) -> Response {
    source(&node, body, true).await
}

/// Producers of a source may go on.
pub(super) async fn disable(State(node): State<Arc<Node>>, body: Body) -> Response {
    source(&node, body, false).await
}

/// Producers on the nodes of a tag are to pause.
pub(super) async fn node_enable(State(node): State<Arc<Node>>, body: Body) -> Response {
    nodes(&node, body, true).await
}

/// Producers on the nodes of a tag may go on.
pub(super) async fn node_disable(State(node): State<Arc<Node>>, body: Body) -> Response {
    nodes(&node, body, false).await
}

/// Producers that write to a cluster are to pause.
pub(super) async fn instance_enable(State(node): State<Arc<Node>>, body: Body) -> Response {
    instance(&node, body, true).await
}

/// Producers that write to a cluster may go on.
pub(super) async fn instance_disable(State(node): State<Arc<Node>>, body: Body) -> Response {
    instance(&node, body, false).await
}

async fn source(node: &Node, body: Body, on: bool) -> Response {
    answer(node, body, async |fields| {
        let [source] = fields.texts(["sourceId"])?;
        let node_tag = fields.text("nodeTag")?;
        node.sources.press(&source, node_tag.as_deref(), on).await?;
        Ok(PUBLISHED)
    })
    .await
}

async fn nodes(node: &Node, body: Body, on: bool) -> Response {
    answer(node, body, async |fields| {
        let [node_tag] = fields.texts(["nodeTag"])?;
        node.sources.press_node(&node_tag, on).await?;
        Ok(PUBLISHED)
    })
    .await
}

async fn instance(node: &Node, body: Body, on: bool) -> Response {
    answer(node, body, async |fields| {
        let [framedb] = fields.texts(["framedb"])?;
        node.sources.press_instance(&framedb, on).await?;
        Ok(PUBLISHED)
    })
    .await
}
