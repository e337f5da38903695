//! `/routing/*` of one source: where it is written.

use super::envelope::answer;
use crate::{node::Node, sources::Created};
use axum::{body::Body, extract::State, response::Response};
use std::sync::Arc;

/// Where a source is written.
pub(super) async fn get(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [source] = fields.bare().texts(["sourceId"])?;
        Ok(node.sources.mapping(&source).await?)
    })
    .await
}

/// Maps a source to the least assigned cluster on the nodes of a tag.
pub(super) async fn create(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let fields = fields.bare();
        let [source, node_tag] = fields.texts(["sourceId", "nodeTag"])?;
        let metadata = fields.value("metadata");
        Ok(match node.sources.create(&source, &node_tag, metadata).await? {
            Created::Saved => "Saved to database",
            Created::WasThere => "Source already in the mapping",
        })
    })
    .await
}

/// Ends a mapping.
pub(super) async fn remove(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [source, node_tag] = fields.bare().texts(["sourceId", "nodeTag"])?;
        node.sources.remove(&source, &node_tag).await?;
        Ok("Source removed")
    })
    .await
}

/// Looks for the master again, and tells producers where it is.
pub(super) async fn update(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [source, node_tag] = fields.bare().texts(["sourceId", "nodeTag"])?;
        node.sources.refresh(&source, &node_tag).await?;
        Ok("Published routing table")
    })
    .await
}

/// Replaces the metadata that producers read.
pub(super) async fn describe(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        fields.require(&["sourceId", "nodeTag", "metadata"])?;
        let [source, node_tag] = fields.texts(["sourceId", "nodeTag"])?;
        node.sources.describe(&source, &node_tag, fields.value("metadata")).await?;
        Ok(format!("Updated metadata for {source}--->{node_tag}"))
    })
    .await
}

/// The metadata that producers read.
pub(super) async fn metadata(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [source, node_tag] = fields.texts(["sourceId", "nodeTag"])?;
        Ok(node.sources.metadata(&source, &node_tag).await?)
    })
    .await
}
