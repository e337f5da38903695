//! What plugins may know of sources and instances.

use super::{OwnFrameDb, because, check_name, late};
use crate::{
    ErrorKind, InstanceRecord,
    plugin::framedb::{Condition, Target, Unserved},
};
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

impl OwnFrameDb {
    pub(super) async fn targets(
        &self,
        deadline: Instant,
        source: &str,
    ) -> Result<Vec<Target>, Unserved> {
        check_name("source", source)?;
        let targets = match timeout_at(deadline, self.sources.targets(source)).await {
            Ok(targets) => targets.map_err(|error| because(&error, source))?,
            Err(_) => return Err(late(source)),
        };
        let target = |(node_tag, cluster)| Target { node_tag, cluster };
        Ok(targets.into_iter().map(target).collect())
    }

    pub(super) async fn records(
        &self,
        deadline: Instant,
    ) -> Result<Vec<Arc<InstanceRecord>>, Unserved> {
        match timeout_at(deadline, self.shared.instances.records()).await {
            Ok(records) => records.map_err(|error| because(&error, "the instances")),
            Err(_) => Err(late("the instances")),
        }
    }

    pub(super) async fn condition(
        &self,
        deadline: Instant,
        framedb_id: &str,
    ) -> Result<Condition, Unserved> {
        check_name("instance's id", framedb_id)?;
        let instances = &self.shared.instances;
        let known = match timeout_at(deadline, instances.record(framedb_id)).await {
            Ok(known) => known.map_err(|error| because(&error, framedb_id))?,
            Err(_) => return Err(late(framedb_id)),
        };
        if known.is_none() {
            return Ok(Condition::Unknown);
        }
        let asked = async { instances.get(framedb_id).await?.objects.health().await };
        let why = match timeout_at(deadline, asked).await {
            Ok(Ok(())) => return Ok(Condition::Usable),
            Ok(Err(error)) => {
                tracing::debug!(framedb_id, error = error.chain(), "an instance cannot be used");
                match error.kind() {
                    ErrorKind::Unavailable => "it cannot be reached",
                    ErrorKind::Timeout => "it did not answer in time",
                    ErrorKind::Full => "it is full",
                    _ => "it cannot be used",
                }
            }
            Err(_) => "it did not answer in time",
        };
        Ok(Condition::Unusable(why.into()))
    }
}
