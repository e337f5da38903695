//! Where a source goes: to the cluster with the fewest sources among those that have a master.

use super::{
    Sources, assignment,
    change::{Edit, Saved},
    mapping::{Mapping, Target},
};
use crate::{Error, ErrorKind, Result, driver::redis::Node};
use std::collections::HashMap;
use tokio::time::timeout;

impl Sources {
    /// Saves a mapping with a place on the nodes of a tag, other than the cluster `except`.
    ///
    /// Clusters without a master are passed over. Choices are saved one after the other, so that
    /// sources that come together are spread; nodes that share a registry may be off by those
    /// that they save at the same moment.
    ///
    /// # Errors
    ///
    /// When no cluster takes the source, and as [`save`](Sources::save).
    pub(super) async fn place(
        &self,
        source: &str,
        node_tag: &str,
        except: Option<&str>,
        mut edit: impl FnMut(&mut Mapping, Target) -> Result<Edit> + Send,
    ) -> Result<Saved> {
        let mut masters: HashMap<String, Node> = HashMap::new();
        let mut failures: Vec<(String, Error)> = Vec::new();
        loop {
            let placing = timeout(self.patience, self.placing.lock()).await.map_err(|_| {
                let message = format!("`{source}` was not mapped: its turn did not come in time");
                Error::new(ErrorKind::Timeout, message)
            })?;
            let mut open = assignment::on(node_tag, &self.clusters, &self.load_all().await?);
            open.retain(|assignment| {
                let cluster = &assignment.cluster;
                self.clusters.get(cluster).is_some_and(|cluster| cluster.node_tag() == node_tag)
                    && except != Some(cluster)
                    && failures.iter().all(|(failed, _)| failed != cluster)
            });
            let chosen = assignment::least(open, |cluster| masters.contains_key(cluster));
            let Some(cluster) = chosen.and_then(|chosen| self.clusters.get(&chosen.cluster)) else {
                return Err(no_place(source, node_tag, except, failures));
            };
            if let Some(master) = masters.get(cluster.name()) {
                let mut edit = |mapping: &mut Mapping| edit(mapping, cluster.target(master));
                return self.save(source, &mut edit).await;
            }
            // Nobody waits for a cluster that does not answer, but who asked for it.
            drop(placing);
            match cluster.discovery().verified_master().await {
                Ok(master) => drop(masters.insert(cluster.name().to_owned(), master)),
                Err(error) => failures.push((cluster.name().to_owned(), error)),
            }
        }
    }
}

/// Why no cluster takes a source.
fn no_place(
    source: &str,
    node_tag: &str,
    except: Option<&str>,
    mut failures: Vec<(String, Error)>,
) -> Error {
    if let Some((cluster, cause)) = failures.pop() {
        let message = match failures.len() {
            0 => format!("cannot map `{source}`: the cluster `{cluster}` has no master"),
            others => format!(
                "cannot map `{source}`: neither the cluster `{cluster}` nor {others} more on the \
                 nodes `{node_tag}` has a master"
            ),
        };
        return Error::new(cause.kind(), message).with_source(cause);
    }
    let other = except.map(|name| format!("other than `{name}` ")).unwrap_or_default();
    let message = format!("cannot map `{source}`: no cluster {other}has the node tag `{node_tag}`");
    Error::new(ErrorKind::NotFound, message)
        .with_hint("add one to the configuration as `[clusters.NAME]`")
}
