//! `/routing/*` of clusters: who has which sources, and moving them.

use super::envelope::answer;
use crate::node::Node;
use axum::{body::Body, extract::State, response::Response};
use std::sync::Arc;

/// The sources of a cluster.
pub(super) async fn by_instance(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [framedb] = fields.texts(["framedb"])?;
        Ok(node.sources.by_instance(&framedb).await?)
    })
    .await
}

/// The clusters on the nodes of a tag, with their sources.
pub(super) async fn by_node(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [node_tag] = fields.texts(["nodeTag"])?;
        Ok(node.sources.by_node(&node_tag).await?)
    })
    .await
}

/// The cluster with the fewest sources.
pub(super) async fn least(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [node_tag] = fields.texts(["nodeTag"])?;
        Ok(node.sources.least_assigned(&node_tag).await?)
    })
    .await
}

/// The cluster with the most sources.
pub(super) async fn most(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [node_tag] = fields.texts(["nodeTag"])?;
        Ok(node.sources.most_assigned(&node_tag).await?)
    })
    .await
}

/// Moves all sources of a cluster to others.
pub(super) async fn reassign_instance(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [node_tag, framedb] = fields.texts(["nodeTag", "framedb"])?;
        node.sources.reassign_all(&node_tag, &framedb).await?;
        Ok("Updated and reassigned")
    })
    .await
}

/// Moves one source to a cluster.
pub(super) async fn reassign_source(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [node_tag, source, framedb] = fields.texts(["nodeTag", "sourceId", "framedb"])?;
        node.sources.reassign(&source, &node_tag, &framedb).await?;
        Ok("Reassigned source and published updates")
    })
    .await
}
