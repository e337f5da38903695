//! What can be changed of a mapping.

use super::{
    Sources,
    change::{Done, Edit, Saved},
    mapping::{Mapping, Target, no_metadata},
    no_instance, no_source, not_written,
    update::News,
};
use crate::{Error, ErrorKind, Result};
use framedb_core::check_metadata;
use serde_json::Value;

/// Bytes that the name of a source or the tag of a node may have.
const MAX_NAME: usize = 255;

/// What creating a mapping came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Created {
    /// It is new.
    Saved,
    /// It was there, and subscribers have been told now.
    WasThere,
}

impl Sources {
    /// Maps a source to the least assigned cluster on the nodes of a tag.
    ///
    /// # Errors
    ///
    /// When it is mapped there already, no cluster takes it, and as
    /// [`change`](Sources::change).
    pub(crate) async fn create(
        &self,
        source: &str,
        node_tag: &str,
        metadata: Value,
    ) -> Result<Created> {
        check_name("sourceId", source)?;
        check_name("nodeTag", node_tag)?;
        let metadata = described(metadata)?;
        let node_tag = node_tag.to_owned();
        let create = |sources: Self, source: String| async move {
            let there =
                || Error::new(ErrorKind::Conflict, "Mapping already exist, no need to update");
            let (mapping, _) = sources.load(&source).await?;
            let saved = if mapping.target(&node_tag).is_some() {
                Saved::AsWanted(there())
            } else {
                let place = |mapping: &mut Mapping, mut target: Target| {
                    if mapping.target(&node_tag).is_some() {
                        return Ok(Edit::AsWanted(there()));
                    }
                    target.metadata = metadata.clone();
                    Ok(Edit::Changed(mapping.put(target)))
                };
                sources.place(&source, &node_tag, None, place).await?
            };
            saved.done(sources.tell(&source).await?)
        };
        Ok(match self.in_turn(source, create).await? {
            Done::Changed => Created::Saved,
            Done::ToldLate => Created::WasThere,
        })
    }

    /// Ends a source's mapping on the nodes of a tag; its other mappings, and the cluster's other
    /// sources, stay (D30).
    ///
    /// # Errors
    ///
    /// When there is no such mapping, and as [`change`](Sources::change).
    pub(crate) async fn remove(&self, source: &str, node_tag: &str) -> Result<()> {
        let (name, node_tag) = (source.to_owned(), node_tag.to_owned());
        self.change(source, move |mapping| {
            if mapping.target(&node_tag).is_none() {
                return Ok(Edit::AsWanted(absent(mapping, &name, &node_tag)));
            }
            mapping.targets.retain(|target| target.node_tag != node_tag);
            Ok(Edit::Changed(News::Removed(node_tag.clone())))
        })
        .await
        .map(drop)
    }

    /// Looks for the master of a source's cluster again, and tells subscribers where it is.
    ///
    /// # Errors
    ///
    /// When there is no such mapping, the cluster has no master now, and as
    /// [`change`](Sources::change).
    pub(crate) async fn refresh(&self, source: &str, node_tag: &str) -> Result<()> {
        let node_tag = node_tag.to_owned();
        let refresh = |sources: Self, source: String| async move {
            let (mapping, _) = sources.load(&source).await?;
            let Some(known) = mapping.target(&node_tag) else {
                let message =
                    format!("Mapping between {source} and {node_tag} does not exist to update");
                return Err(Error::new(ErrorKind::NotFound, message));
            };
            let name = known.cluster_name.clone();
            let target = sources.target(&name, &format!("cannot update `{source}`")).await?;
            let mut edit = |mapping: &mut Mapping| match mapping.is_on(&node_tag, &name) {
                true => Ok(Edit::Changed(mapping.put(target.clone()))),
                false => Err(absent(mapping, &source, &node_tag)),
            };
            let saved = sources.save(&source, &mut edit).await?;
            saved.done(sources.tell(&source).await?)
        };
        self.in_turn(source, refresh).await.map(drop)
    }

    /// Replaces the metadata of a source on the nodes of a tag.
    ///
    /// # Errors
    ///
    /// When there is no such mapping, the metadata is too large, and as
    /// [`change`](Sources::change).
    pub(crate) async fn describe(
        &self,
        source: &str,
        node_tag: &str,
        metadata: Value,
    ) -> Result<()> {
        let metadata = described(metadata)?;
        let (name, node_tag) = (source.to_owned(), node_tag.to_owned());
        self.change(source, move |mapping| {
            let Some(target) = mapping.target_mut(&node_tag) else {
                return Err(absent(mapping, &name, &node_tag));
            };
            target.metadata = metadata.clone();
            let (node_tag, metadata) = (node_tag.clone(), metadata.clone());
            Ok(Edit::Changed(News::Described { node_tag, metadata }))
        })
        .await
        .map(drop)
    }

    /// Moves a source to another cluster on the nodes of a tag.
    ///
    /// # Errors
    ///
    /// When there is no such mapping, the cluster is unknown, for other nodes or without a
    /// master, and as [`change`](Sources::change).
    pub(crate) async fn reassign(&self, source: &str, node_tag: &str, framedb: &str) -> Result<()> {
        let cluster = self.clusters.of(framedb).ok_or_else(|| no_instance(framedb))?;
        if cluster.node_tag() != node_tag {
            let message = format!(
                "cannot assign `{source}` to `{}`: that is for the nodes `{}`, not `{node_tag}`",
                cluster.name(),
                cluster.node_tag()
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let (name, node_tag) = (cluster.name().to_owned(), node_tag.to_owned());
        let reassign = |sources: Self, source: String| async move {
            let (mapping, _) = sources.load(&source).await?;
            if mapping.target(&node_tag).is_none() {
                return Err(absent(&mapping, &source, &node_tag));
            }
            let target = sources.target(&name, &format!("cannot assign `{source}`")).await?;
            let mut edit = |mapping: &mut Mapping| match mapping.target(&node_tag) {
                Some(_) => Ok(Edit::Changed(mapping.put(target.clone()))),
                None => Err(absent(mapping, &source, &node_tag)),
            };
            let saved = sources.save(&source, &mut edit).await?;
            saved.done(sources.tell(&source).await?)
        };
        self.in_turn(source, reassign).await.map(drop)
    }

    /// A cluster as a target, with the master that it has now.
    async fn target(&self, cluster: &str, attempt: &str) -> Result<Target> {
        let cluster = self.clusters.get(cluster).ok_or_else(|| {
            let message = format!("{attempt}: no cluster `{cluster}` is configured");
            Error::new(ErrorKind::NotFound, message)
                .with_hint(format!("add it as `[clusters.{cluster}]`"))
        })?;
        let master = cluster.discovery().verified_master().await.map_err(|cause| {
            let message = format!("{attempt}: the cluster `{}` has no master", cluster.name());
            Error::new(cause.kind(), message).with_source(cause)
        })?;
        Ok(cluster.target(&master))
    }
}

/// Why a source has nothing to change on the nodes of a tag.
pub(super) fn absent(mapping: &Mapping, source: &str, node_tag: &str) -> Error {
    if mapping.targets.is_empty() { no_source(source) } else { not_written(source, node_tag) }
}

/// Metadata as it is kept: some is always there.
fn described(metadata: Value) -> Result<Value> {
    match metadata {
        Value::Null => Ok(no_metadata()),
        metadata => {
            check_metadata(metadata.to_string().as_bytes()).map_err(|broken| {
                Error::new(ErrorKind::Invalid, "cannot keep the metadata").with_source(broken)
            })?;
            Ok(metadata)
        }
    }
}

fn check_name(field: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
        let message =
            format!("`{field}` is not a name of 1 to {MAX_NAME} bytes without control characters");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}
