//! Documents: read from memory while the watch keeps them, written by compare and set.

use super::{EtcdRegistry, follow::number, layout::Subject, mirror::unreadable, read::behind};
use crate::{
    Error, ErrorKind, Result,
    driver::etcd::{
        Again, KeyValue, RequestOp, TxnRequest, delete, deleted, end_of, is_at, put, scan,
    },
    registry::{Document, Documents, Table, documents::overtaken},
};
use async_trait::async_trait;
use serde_json::Value;

/// Documents that are read in one answer.
const PAGE: usize = 500;

#[async_trait]
impl Documents for EtcdRegistry {
    async fn document(&self, table: Table, id: &str) -> Result<Option<Document>> {
        {
            let mirror = self.reads.followed.mirror.read();
            if mirror.is_current() {
                return mirror.document(table, id);
            }
        }
        let request = scan(self.reads.layout.document(table, id), Vec::new(), 1);
        let answer = self.reads.range(&format!("read {}", name(table, id)), request).await?;
        let found = answer.kvs.into_iter().next();
        found.map(|found| read(table, id.to_owned(), &found)).transpose()
    }

    async fn documents(&self, table: Table) -> Result<Vec<Document>> {
        {
            let mirror = self.reads.followed.mirror.read();
            if mirror.is_current() {
                return mirror.documents(table);
            }
        }
        let prefix = self.reads.layout.table(table);
        let (mut start, end) = (prefix.clone(), end_of(&prefix));
        let mut documents = Vec::new();
        loop {
            let request = scan(start, end.clone(), PAGE);
            let page = self.reads.range(&format!("list {}", table.as_str()), request).await?;
            for found in &page.kvs {
                if let Some(Subject::Document(_, id)) = self.reads.layout.subject(&found.key) {
                    documents.push(read(table, id, found)?);
                }
            }
            match page.kvs.last() {
                Some(last) if page.more => start = behind(&last.key),
                _ => return Ok(documents),
            }
        }
    }

    async fn write_document(
        &self,
        table: Table,
        id: &str,
        body: &Value,
        revision: Option<u64>,
    ) -> Result<u64> {
        let encoded = serde_json::to_vec(body).map_err(|cause| {
            let message = format!("cannot write {}", name(table, id));
            Error::new(ErrorKind::Invalid, message).with_source(cause)
        })?;
        let key = self.reads.layout.document(table, id);
        let request = put(&key, encoded.clone());
        let (written, _) = self.change("write", table, id, request, revision).await?;
        self.reads.followed.mirror.write().note(table, id, written, Some(&encoded));
        Ok(written)
    }

    async fn remove_document(&self, table: Table, id: &str, revision: Option<u64>) -> Result<bool> {
        let request = delete(&self.reads.layout.document(table, id));
        let (written, removed) = self.change("remove", table, id, request, revision).await?;
        self.reads.followed.mirror.write().note(table, id, written, None);
        Ok(removed)
    }
}

impl EtcdRegistry {
    /// Changes a document if it is at the revision that is wanted; the store's revision, and
    /// whether something was deleted. What may have been done is not done again.
    async fn change(
        &self,
        verb: &str,
        table: Table,
        id: &str,
        request: RequestOp,
        wanted: Option<u64>,
    ) -> Result<(u64, bool)> {
        let key = self.reads.layout.document(table, id);
        let compare = match wanted.map(i64::try_from) {
            None => Vec::new(),
            Some(Ok(wanted)) => vec![is_at(&key, wanted)],
            // No document ever had it.
            Some(Err(_)) => return Err(overtaken(table, id)),
        };
        let request = TxnRequest { compare, success: vec![request], failure: Vec::new() };
        let answer = self.reads.client.txn(Again::No, request).await.map_err(|failure| {
            self.reads.failed(&format!("{verb} {}", name(table, id)), failure)
        })?;
        if !answer.succeeded {
            return Err(overtaken(table, id));
        }
        let revision = number(answer.header.unwrap_or_default().revision);
        Ok((revision, answer.responses.iter().any(|answer| deleted(answer) > 0)))
    }
}

fn name(table: Table, id: &str) -> String {
    format!("{}/{id}", table.as_str())
}

fn read(table: Table, id: String, found: &KeyValue) -> Result<Document> {
    let body = serde_json::from_slice(&found.value).map_err(|_| unreadable(table, &id))?;
    Ok(Document { id, body, revision: number(found.mod_revision) })
}
