//! `Documents`: what a registry holds beside routes.

use crate::{Error, ErrorKind, Result};
use async_trait::async_trait;
use serde_json::Value;
use std::fmt::Debug;

/// A table of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// FrameDB instances that were registered while the node ran, by FrameDB id.
    Instances,
    /// Source mappings, by source id.
    Sources,
    /// What the node remembers for services, by name: versions, settings.
    State,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 3] = [Self::Instances, Self::Sources, Self::State];

    /// The table's name, as engines write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Sources => "sources",
            Self::State => "state",
        }
    }
}

/// A document and its revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its name in its table.
    pub id: String,
    /// What it says.
    pub body: Value,
    /// Another number after every write of this document; never 0.
    pub revision: u64,
}

/// Small JSON documents by name, few enough for every node to know all of them.
///
/// - A write with a revision succeeds only while the document still has it: 0 means that there
///   is none. Otherwise the answer is a temporary [`Conflict`](crate::ErrorKind::Conflict):
///   read again, decide again. A write without one replaces whatever is there.
/// - What one node wrote, every node of the registry reads. An engine that caches is told of
///   writes by its server, and reads its own at once.
/// - Absence is never an error.
#[async_trait]
pub trait Documents: Debug + Send + Sync {
    /// One document.
    async fn document(&self, table: Table, id: &str) -> Result<Option<Document>>;

    /// All documents of a table, in byte order of their ids.
    async fn documents(&self, table: Table) -> Result<Vec<Document>>;

    /// Writes a document; its new revision.
    async fn write_document(
        &self,
        table: Table,
        id: &str,
        body: &Value,
        revision: Option<u64>,
    ) -> Result<u64>;

    /// Removes a document; whether there was one.
    async fn remove_document(&self, table: Table, id: &str, revision: Option<u64>) -> Result<bool>;
}

/// The error of a write that somebody else was quicker with.
pub(crate) fn overtaken(table: Table, id: &str) -> Error {
    let message = format!("{}/{id} was changed by somebody else meanwhile", table.as_str());
    Error::new(ErrorKind::Conflict, message).with_temporary(true)
}
