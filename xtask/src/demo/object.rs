//! `Object`: what the demo sends, and `Run`: by which way through the node.

use super::client::pb::Kind;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use std::{fs, path::PathBuf, time::Duration};

/// One way through the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// What it is called in reports.
    pub(crate) name: &'static str,
    /// The source of its objects, by which the node chooses a pipeline.
    pub(crate) source: &'static str,
}

impl Run {
    /// Stored as sent, by the default pipeline.
    pub(crate) const RAW: Self = Self { name: "raw", source: "demo-raw" };
    /// Through the compressing serializer; the node's configuration names this source.
    pub(crate) const LZ4: Self = Self { name: "lz4", source: "demo-lz4" };
}

/// What objects have in common that stand in one row of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class {
    /// What they are called in reports.
    pub(crate) name: &'static str,
    /// How they are kept.
    pub(crate) kind: Kind,
    /// Where they are kept.
    pub(crate) framedb_id: &'static str,
}

impl Class {
    /// Pictures of the camera.
    pub(crate) const FRAMES: Self =
        Self { name: "frames", kind: Kind::InMemory, framedb_id: "memory" };
    /// Batches of measurements.
    pub(crate) const SENSORS: Self =
        Self { name: "sensors", kind: Kind::Storage, framedb_id: "disk" };
    /// Files of a folder.
    pub(crate) const FILES: Self = Self { name: "files", kind: Kind::Storage, framedb_id: "disk" };
}

/// The bytes of an object.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    /// Made here, and shared by the runs.
    Made(Bytes),
    /// Read each time, because a folder may be larger than memory.
    File(PathBuf),
}

impl Payload {
    /// How many bytes there are; a file that has gone since has none.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Made(bytes) => bytes.len() as u64,
            Self::File(path) => fs::metadata(path).map_or(0, |metadata| metadata.len()),
        }
    }

    /// The bytes.
    pub(crate) fn read(&self) -> Result<Bytes> {
        match self {
            Self::Made(bytes) => Ok(bytes.clone()),
            Self::File(path) => {
                fs::read(path).map(Bytes::from).with_context(|| format!("read {}", path.display()))
            }
        }
    }
}

/// An object to send.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// Under which it is found.
    pub(crate) key: String,
    /// Whether the run's name leads the key, so that the node keeps one copy of each run.
    pub(crate) key_by_run: bool,
    /// The run's source, once there is a run.
    pub(crate) source: &'static str,
    /// Its row in the report.
    pub(crate) class: Class,
    /// When it is sent, from the start of the run: a camera has a pace.
    pub(crate) at: Duration,
    /// What it is declared to be; empty is undeclared.
    pub(crate) content_type: &'static str,
    /// Opaque text that comes back with the bytes.
    pub(crate) metadata: String,
    /// Its bytes.
    pub(crate) payload: Payload,
}

impl Object {
    /// The same object on its way through the node.
    pub(crate) fn for_run(&self, run: Run) -> Self {
        let mut object = self.clone();
        object.source = run.source;
        if self.key_by_run {
            object.key = format!("{}/{}", run.name, self.key);
        }
        object
    }
}
