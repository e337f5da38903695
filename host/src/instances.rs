//! `Instances`: the FrameDB instances that the node can write to, by id.

use crate::{
    Error, ErrorKind, Result,
    store::{Instance, ObjectStore, Queue, Stores},
};
use async_trait::async_trait;
use framedb_core::Kind;
use std::{collections::BTreeMap, sync::Arc};

/// The FrameDB instances of a node.
#[derive(Debug, Default)]
pub struct Instances(BTreeMap<Arc<str>, Instance>);

impl Instances {
    /// Adds an instance under its id.
    pub(crate) fn insert(&mut self, framedb_id: Arc<str>, instance: Instance) {
        self.0.insert(framedb_id, instance);
    }

    /// All instances, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Instance)> {
        self.0.iter()
    }

    /// The instance with this id, if it keeps objects of this kind.
    ///
    /// # Errors
    ///
    /// Says that there is none, or which kinds it keeps.
    pub fn find(&self, framedb_id: &str, kind: Kind) -> Result<&Instance> {
        let instance = self.get(framedb_id)?;
        if instance.kinds.contains(&kind) {
            return Ok(instance);
        }
        let kinds: Vec<_> = instance.kinds.iter().map(|kind| kind.as_str()).collect();
        Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "FrameDB instance not found: `{framedb_id}` keeps {}, not {kind}",
                kinds.join(" and ")
            ),
        ))
    }

    /// The instance with this id.
    ///
    /// # Errors
    ///
    /// Says that there is none, and which there are.
    pub fn get(&self, framedb_id: &str) -> Result<&Instance> {
        self.0.get(framedb_id).ok_or_else(|| {
            let known: Vec<_> = self.0.keys().map(|id| format!("`{id}`")).collect();
            let asked: String = framedb_id.chars().take(80).collect();
            Error::new(
                ErrorKind::Invalid,
                format!(
                    "FrameDB instance not found: no instance `{asked}` among {}",
                    known.join(", ")
                ),
            )
        })
    }

    /// The kind of objects that were sent to an instance without one: the first it keeps.
    #[must_use]
    pub fn natural_kind(&self, framedb_id: &str) -> Option<Kind> {
        self.0.get(framedb_id)?.kinds.first().copied()
    }

    pub(crate) fn store(&self, framedb_id: &str) -> Result<&Arc<dyn ObjectStore>> {
        Ok(&self.get(framedb_id)?.objects)
    }

    pub(crate) fn queue(&self, framedb_id: &str) -> Result<&Arc<dyn Queue>> {
        self.get(framedb_id)?.queue.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("the instance `{framedb_id}` keeps no queues"))
        })
    }
}

#[async_trait]
impl Stores for Instances {
    async fn objects(&self, framedb_id: &str) -> Result<Option<Arc<dyn ObjectStore>>> {
        Ok(self.0.get(framedb_id).map(|instance| instance.objects.clone()))
    }
}
