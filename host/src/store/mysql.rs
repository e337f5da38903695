//! `MysqlObjects`: objects in a table of TiDB, MariaDB or MySQL, as existing clients keep them.
//!
//! The table has a key and data, nothing else: when an object expires, and how it was encoded,
//! is for its route to say. What no row takes is kept in chunks, where the instance allows them.

use super::{
    Limits, Listed, ObjectStore, Options, Record,
    mysql_chunks::Chunks,
    mysql_groups::Groups,
    mysql_reads::{page, values},
    mysql_rows::{Row, Rows, Way, blob, repeated, text},
};
use crate::{
    Error, ErrorKind, Result,
    driver::{
        mysql::{
            Answer, DEADLINE, Failure, Params, Said, Server, Session, Value, check_table,
            chunk_tables, look_at_table, open_table,
        },
        repeat,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use framedb_core::{
    Key,
    sql::{chunks_of, manifests_of, rows_of},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::time::Instant;

/// Keys that one statement asks for.
const MAX_KEYS: usize = 256;

/// Objects in the table `data_table` of a database, and in chunks beside it.
#[derive(Debug)]
pub struct MysqlObjects {
    rows: Arc<Rows>,
    /// How concurrent writes share statements; `None` where each call writes its own.
    groups: Option<Groups>,
    /// Where objects go that no row takes, if they may.
    chunks: Option<Chunks>,
}

impl MysqlObjects {
    /// Connects to the database at `url`, and creates database and tables where there are none.
    pub(super) async fn open(url: &str, max_value: u64, options: &Options) -> Result<Self> {
        let Options { max_packet, max_entry, chunks, .. } = *options;
        let mut server = Server::connect(url, Said { max_packet, max_entry }).await?;
        let table = open_table(&server).await?;
        if table.verbatim {
            server.send_bytes()?;
        }
        let chunk_tables = chunk_tables(&server, chunks).await?;
        server.check_rights(&table, chunk_tables).await?;
        let rows = Arc::new(Rows { server, table, chunk_tables, chunks, max_value });
        let groups = options.grouping.then(|| Groups::new(rows.clone()));
        let chunks = chunks.then(|| Chunks::new(rows.clone())).transpose()?;
        Ok(Self { rows, groups, chunks })
    }

    /// Looks whether the database at `url` can be used, and makes nothing: the server in one
    /// phrase, and what [`MysqlObjects::open`] would make there.
    pub(super) async fn look(url: &str, options: &Options) -> Result<String> {
        let Options { max_packet, max_entry, chunks, .. } = *options;
        let (server, there) = Server::look(url, Said { max_packet, max_entry }).await?;
        let described = server.describe();
        if !there {
            server.check_creation().await?;
            let database = server.database();
            return Ok(format!(
                "{described}; the database `{database}` does not exist: the node creates it at \
                 its start"
            ));
        }
        let Some(table) = look_at_table(&server).await? else {
            server.check_creation().await?;
            return Ok(format!(
                "{described}; it has no table `data_table`: the node creates it at its start"
            ));
        };
        let chunk_tables = chunk_tables(&server, false).await?;
        server.health(&table, chunk_tables).await?;
        if chunks && !chunk_tables {
            return Ok(format!(
                "{described}; it has no tables for chunks: the node creates them at its start"
            ));
        }
        Ok(described)
    }

    /// Writes rows of different keys; one answer per row, in order.
    async fn write_rows(&self, rows: &[Row]) -> Vec<Result<()>> {
        if let Some(groups) = &self.groups {
            return groups.write(rows).await;
        }
        // In the order of their keys, so that writers of the same ones wait for each other
        // instead of blocking each other.
        let mut sorted: Vec<_> = rows.iter().cloned().enumerate().collect();
        sorted.sort_by(|(_, a), (_, b)| a.0.cmp(&b.0));
        let (order, sorted): (Vec<usize>, Vec<Row>) = sorted.into_iter().unzip();
        let written = self.rows.write(&sorted).await;
        let mut written: Vec<_> = order.into_iter().zip(written).collect();
        written.sort_by_key(|(n, _)| *n);
        written.into_iter().map(|(_, result)| result).collect()
    }

    /// Writes objects that no row takes, one after the other: each is large.
    async fn write_chunks(&self, large: &[Row]) -> Vec<Result<()>> {
        let mut answers = Vec::with_capacity(large.len());
        for row in large {
            answers.push(match &self.chunks {
                Some(chunks) => chunks.write(row).await,
                None => Err(Error::new(ErrorKind::TooLarge, "the instance allows no chunks")),
            });
        }
        answers
    }

    /// Removes up to [`MAX_KEYS`] values; the keys of those there were.
    async fn remove(&self, keys: &[Key], deadline: Instant) -> Result<HashSet<Vec<u8>>, Failure> {
        let rows = rows_of(keys.len());
        let twice: Vec<Value> = keys.iter().chain(keys).map(text).collect();
        let once: Vec<Value> = keys.iter().map(text).collect();
        let remove = async {
            let mut session = self.rows.server.session().await?;
            if let [key] = keys
                && !self.rows.chunk_tables
            {
                let sql = format!("DELETE FROM {rows}");
                let removed = session.execute(&sql, Params::Positional(twice)).await?;
                let key = (removed > 0).then(|| key.as_str().as_bytes().to_vec());
                return Ok(key.into_iter().collect());
            }
            session.begin().await?;
            let mut found: HashSet<_> = take(&mut session, &rows, twice).await?;
            if self.rows.chunk_tables {
                let manifests = manifests_of(keys.len());
                found.extend(take(&mut session, &manifests, once.clone()).await?);
                // What a crash left of an interrupted write goes along.
                let sql = format!("DELETE FROM {}", chunks_of(keys.len()));
                session.execute(&sql, Params::Positional(once)).await?;
            }
            session.commit().await?;
            Ok(found)
        };
        self.rows.server.within("delete objects", deadline, remove).await
    }
}

/// Deletes rows; the keys of those there were.
async fn take(session: &mut Session, rows: &str, values: Vec<Value>) -> Answer<HashSet<Vec<u8>>> {
    let sql = format!("SELECT `key` FROM {rows} FOR UPDATE");
    let found: Vec<Vec<u8>> = session.rows(&sql, Params::Positional(values.clone())).await?;
    if !found.is_empty() {
        session.execute(&format!("DELETE FROM {rows}"), Params::Positional(values)).await?;
    }
    Ok(found.into_iter().collect())
}

#[async_trait]
impl ObjectStore for MysqlObjects {
    async fn put(&self, records: &[Record]) -> Vec<Result<()>> {
        let mut answers: Vec<Result<()>> = Vec::with_capacity(records.len());
        let mut latest: Vec<(Row, Way)> = Vec::with_capacity(records.len());
        // Where the value of a key is; of two records with one key the later one is kept.
        let mut places: HashMap<&Key, usize> = HashMap::with_capacity(records.len());
        let mut slots: Vec<Option<usize>> = Vec::with_capacity(records.len());
        for record in records {
            let way = self.rows.way(&record.key, &record.data);
            slots.push(way.as_ref().ok().map(|way| {
                let value = ((record.key.clone(), record.data.clone()), *way);
                let place = *places.entry(&record.key).or_insert(latest.len());
                match latest.get_mut(place) {
                    Some(earlier) => *earlier = value,
                    None => latest.push(value),
                }
                place
            }));
            answers.push(way.map(drop));
        }
        let ways: Vec<Way> = latest.iter().map(|(_, way)| *way).collect();
        let (rows, large): (Vec<_>, Vec<_>) =
            latest.into_iter().partition(|(_, way)| *way == Way::Row);
        let bare = |values: Vec<(Row, Way)>| values.into_iter().map(|(row, _)| row).collect();
        let (rows, large): (Vec<Row>, Vec<Row>) = (bare(rows), bare(large));
        let (rows, large) = tokio::join!(self.write_rows(&rows), self.write_chunks(&large));
        let (mut rows, mut large) = (rows.into_iter(), large.into_iter());
        let next = |way: Way| match way {
            Way::Row => rows.next(),
            Way::Chunks => large.next(),
        };
        let written: Vec<_> = ways.into_iter().map(next).collect();
        for (answer, slot) in answers.iter_mut().zip(slots) {
            if let Some(Some(Err(error))) = slot.and_then(|place| written.get(place)) {
                *answer = repeat(error, 1).pop().unwrap_or(Ok(()));
            }
        }
        answers
    }

    async fn get(&self, keys: &[Key]) -> Vec<Result<Option<Bytes>>> {
        let mut answers = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MAX_KEYS) {
            answers.extend(values(&self.rows, keys).await);
        }
        answers
    }

    async fn delete(&self, keys: &[Key]) -> Vec<Result<bool>> {
        let mut answers = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MAX_KEYS) {
            let deadline = Instant::now() + DEADLINE;
            match repeated(deadline, || self.remove(keys, deadline)).await {
                Ok(found) => answers
                    .extend(keys.iter().map(|key| Ok(found.contains(key.as_str().as_bytes())))),
                Err(failure) => answers.extend(repeat(&failure.error, keys.len())),
            }
        }
        answers
    }

    async fn delete_unchanged(&self, key: &Key, data: &Bytes) -> Result<bool> {
        let deadline = Instant::now() + DEADLINE;
        if self.rows.chunk_tables {
            let found = self.get(std::slice::from_ref(key)).await.pop().transpose()?.flatten();
            let unchanged = found.as_ref() == Some(data);
            let delete = async {
                match self.delete(std::slice::from_ref(key)).await.pop() {
                    Some(deleted) => deleted,
                    None => Ok(false),
                }
            };
            return if unchanged { delete.await } else { Ok(false) };
        }
        let sql = format!("DELETE FROM {} AND `data` = ?", rows_of(1));
        let remove = || async {
            let values = Params::Positional(vec![text(key), text(key), blob(data)]);
            let remove = async { self.rows.server.session().await?.execute(&sql, values).await };
            self.rows.server.within("delete objects", deadline, remove).await
        };
        Ok(repeated(deadline, remove).await? > 0)
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Listed>> {
        let mut after = after.filter(|after| *after >= prefix).map(str::to_owned);
        let end = end_of(prefix);
        let mut listed = Vec::new();
        while listed.len() < limit {
            let mut bounds = Vec::new();
            match &after {
                Some(after) => bounds.push((">", after.clone())),
                None if prefix.is_empty() => {}
                None => bounds.push((">=", prefix.to_owned())),
            }
            bounds.extend(end.iter().map(|end| ("<", end.clone())));
            let wanted = limit - listed.len();
            let mut page = page(&self.rows, &bounds, wanted).await?;
            let last = page.last().and_then(|(key, _)| String::from_utf8(key.clone()).ok());
            let complete = page.len() < wanted;
            // A row of an existing client stands before the manifest that it replaces.
            page.dedup_by(|(later, _), (earlier, _)| later == earlier);
            // Foreign rows may have keys that no object can have; they are passed over.
            listed.extend(page.into_iter().filter_map(|(key, size)| {
                let key = Key::from_bytes(&key).ok()?;
                let size = size.unwrap_or_default();
                key.as_str().starts_with(prefix).then_some(Listed { key, size })
            }));
            if complete || last.is_none() {
                break;
            }
            after = last;
        }
        Ok(listed)
    }

    async fn health(&self) -> Result<()> {
        let Rows { server, table, chunk_tables, .. } = &*self.rows;
        server.health(table, *chunk_tables).await?;
        check_table(server).await
    }

    fn limits(&self) -> Limits {
        self.rows.limits()
    }

    fn durable(&self) -> bool {
        true
    }

    fn synced(&self) -> bool {
        true
    }

    fn keeps_expiry(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        self.rows.server.describe()
    }
}

/// The first text behind all that start with `prefix`; `None` when there is no end.
fn end_of(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // Between these two are no characters.
        let next =
            if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn a_prefix_ends_before_the_next_one() {
        assert_eq!(end_of("cam/").as_deref(), Some("cam0"));
        assert_eq!(end_of("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(end_of("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(end_of(""), None);
    }
}
