//! Back pressure: telling the producers of sources to pause, or to go on (D31).

use super::{
    Sources,
    change::{Done, Edit},
    mapping::Mapping,
    no_source, not_written,
    update::News,
};
use crate::{Error, ErrorKind, Result};

impl Sources {
    /// Switches back pressure of a source: on the nodes of a tag, or everywhere.
    ///
    /// # Errors
    ///
    /// When the source is not written there, there is no update channel, and as
    /// [`change`](Sources::change).
    pub(crate) async fn press(&self, source: &str, node_tag: Option<&str>, on: bool) -> Result<()> {
        self.check_channel()?;
        self.press_one(source, node_tag, on).await.map(drop)
    }

    /// Switches back pressure of all sources on the nodes of a tag.
    ///
    /// # Errors
    ///
    /// When no source is written there, there is no update channel, and when a source's
    /// producers could not be told, with how many were.
    pub(crate) async fn press_node(&self, node_tag: &str, on: bool) -> Result<()> {
        self.check_channel()?;
        let is_concerned = |mapping: &Mapping| mapping.target(node_tag).is_some();
        let press =
            |source: String| async move { self.press_one(&source, Some(node_tag), on).await };
        match self.each("told", is_concerned, press).await? {
            0 => {
                let message = format!("No source is writing to {node_tag}");
                Err(Error::new(ErrorKind::NotFound, message))
            }
            _ => Ok(()),
        }
    }

    /// Switches back pressure of all sources of a cluster.
    ///
    /// # Errors
    ///
    /// As [`Sources::press_node`].
    pub(crate) async fn press_instance(&self, framedb: &str, on: bool) -> Result<()> {
        self.check_channel()?;
        let (name, node_tag) = self.find(framedb).await?;
        let is_concerned = |mapping: &Mapping| mapping.is_on(&node_tag, &name);
        let press = |source: String| {
            let node_tag = node_tag.as_str();
            async move { self.press_one(&source, Some(node_tag), on).await }
        };
        match self.each("told", is_concerned, press).await? {
            0 => {
                let message = format!("No source is writing to {framedb}");
                Err(Error::new(ErrorKind::NotFound, message))
            }
            _ => Ok(()),
        }
    }

    async fn press_one(&self, source: &str, node_tag: Option<&str>, on: bool) -> Result<Done> {
        let (name, node_tag) = (source.to_owned(), node_tag.map(ToOwned::to_owned));
        self.change(source, move |mapping| {
            if mapping.targets.is_empty() {
                return Err(no_source(&name));
            }
            let Some(node_tag) = node_tag.clone() else {
                return Ok(Edit::Changed(News::SourcePressure { on, source: name.clone() }));
            };
            let target = mapping.target(&node_tag).ok_or_else(|| not_written(&name, &node_tag))?;
            let cluster = target.cluster_name.clone();
            Ok(Edit::Changed(News::NodePressure { on, node_tag, cluster }))
        })
        .await
    }

    fn check_channel(&self) -> Result<()> {
        match &self.channel {
            Some(_) => Ok(()),
            None => {
                let message = "cannot switch back pressure: this node has no update channel";
                Err(Error::new(ErrorKind::Config, message)
                    .with_hint("name a Redis in `sources.pubsub-url`"))
            }
        }
    }
}
