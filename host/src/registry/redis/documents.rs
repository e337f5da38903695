//! Documents: a hash for each table, whose rows begin with their revisions.

use super::RedisRegistry;
use crate::{
    Error, ErrorKind, Result,
    driver::redis::cmd,
    registry::{Document, Documents, Table, documents::overtaken},
};
use async_trait::async_trait;
use framedb_core::redis::registry::{document_of_row, generation_text};
use serde_json::Value;

#[async_trait]
impl Documents for RedisRegistry {
    async fn document(&self, table: Table, id: &str) -> Result<Option<Document>> {
        check(table, id)?;
        let mut command = cmd("HGET");
        command.arg(self.keys.documents(table.as_str())).arg(id);
        let row: Option<Vec<u8>> = self.ask(&format!("read {}", name(table, id)), command).await?;
        row.map(|row| read(table, id.to_owned(), &row)).transpose()
    }

    async fn documents(&self, table: Table) -> Result<Vec<Document>> {
        let mut command = cmd("HGETALL");
        command.arg(self.keys.documents(table.as_str()));
        let rows: Vec<(Vec<u8>, Vec<u8>)> =
            self.ask(&format!("list {}", table.as_str()), command).await?;
        let mut documents = Vec::with_capacity(rows.len());
        for (id, row) in rows {
            // The row without a name is the last revision.
            if !id.is_empty() {
                documents.push(read(table, String::from_utf8_lossy(&id).into_owned(), &row)?);
            }
        }
        documents.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(documents)
    }

    async fn write_document(
        &self,
        table: Table,
        id: &str,
        body: &Value,
        revision: Option<u64>,
    ) -> Result<u64> {
        check(table, id)?;
        let encoded = serde_json::to_vec(body).map_err(|cause| {
            let message = format!("cannot write {}", name(table, id));
            Error::new(ErrorKind::Invalid, message).with_source(cause)
        })?;
        let mut call = self.scripts.write.call(&[self.keys.documents(table.as_str())]);
        call.arg(id).arg(encoded);
        call.arg(revision.map(generation_text).unwrap_or_default());
        let written: Option<String> =
            self.run(&format!("write {}", name(table, id)), &call).await?;
        let written = written.ok_or_else(|| overtaken(table, id))?;
        written.parse().map_err(|cause| {
            let message = format!("cannot read the new revision of {}", name(table, id));
            Error::new(ErrorKind::Corrupt, message).with_source(cause)
        })
    }

    async fn remove_document(&self, table: Table, id: &str, revision: Option<u64>) -> Result<bool> {
        check(table, id)?;
        let mut call = self.scripts.delete.call(&[self.keys.documents(table.as_str())]);
        call.arg(id);
        call.arg(revision.map(generation_text).unwrap_or_default());
        let removed: Option<u64> = self.run(&format!("remove {}", name(table, id)), &call).await?;
        removed.map(|removed| removed > 0).ok_or_else(|| overtaken(table, id))
    }
}

/// The empty name is taken.
fn check(table: Table, id: &str) -> Result<()> {
    if id.is_empty() {
        let message = format!("a document in {} has no name", table.as_str());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}

fn name(table: Table, id: &str) -> String {
    format!("{}/{id}", table.as_str())
}

fn read(table: Table, id: String, row: &[u8]) -> Result<Document> {
    let read = document_of_row(row)
        .and_then(|(revision, body)| Some((revision, serde_json::from_slice(body).ok()?)));
    let Some((revision, body)) = read else {
        let message = format!("cannot read the document {} in Redis", name(table, &id));
        return Err(Error::new(ErrorKind::Corrupt, message));
    };
    Ok(Document { id, body, revision })
}
