//! `MysqlObjects`: objects in a table of TiDB, MariaDB or MySQL, as existing clients keep them.
//!
//! The table has a key and data, nothing else: when an object expires, and how it was encoded,
//! is for its route to say.

use super::{
    Limits, Listed, ObjectStore, Record,
    mysql_groups::Groups,
    mysql_rows::{MAX_TRIES, Rows},
};
use crate::{
    Result,
    driver::{
        mysql::{DEADLINE, Failure, Fault, Params, Server, Table, Value},
        repeat,
    },
    retry::Backoff,
};
use async_trait::async_trait;
use bytes::Bytes;
use framedb_core::Key;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::time::Instant;

/// Keys that one statement asks for.
const MAX_KEYS: usize = 256;

/// Objects in the table `data_table` of a database.
#[derive(Debug)]
pub struct MysqlObjects {
    rows: Arc<Rows>,
    /// How concurrent writes share statements; `None` where each call writes its own.
    groups: Option<Groups>,
}

impl MysqlObjects {
    /// Connects to the database at `url`, and creates database and table where there are none.
    pub(super) async fn open(url: &str, max_value: u64, grouping: bool) -> Result<Self> {
        let server = Server::connect(url).await?;
        let table = Table::open(&server).await?;
        let rows = Arc::new(Rows::new(server, table, max_value));
        let groups = grouping.then(|| Groups::new(rows.clone()));
        Ok(Self { rows, groups })
    }

    /// Reads up to [`MAX_KEYS`] values.
    async fn read(&self, keys: &[Key]) -> Result<HashMap<Vec<u8>, Bytes>> {
        let read = async {
            let marks = vec!["?"; keys.len()].join(",");
            let sql = format!("SELECT `key`,`data` FROM data_table WHERE `key` IN ({marks})");
            let keys = Params::Positional(keys.iter().map(text).collect());
            self.rows.server.session().await?.rows::<(Vec<u8>, Option<Vec<u8>>)>(&sql, keys).await
        };
        let found =
            self.rows.server.within("read objects", Instant::now() + DEADLINE, read).await?;
        Ok(found.into_iter().filter_map(|(key, data)| Some((key, data?.into()))).collect())
    }

    /// Removes up to [`MAX_KEYS`] values; the keys of those there were.
    async fn remove(&self, keys: &[Key], deadline: Instant) -> Result<HashSet<Vec<u8>>, Failure> {
        let marks = vec!["?"; keys.len()].join(",");
        // The second condition keeps a table that ignores case from removing other keys.
        let rows = format!(
            "data_table WHERE `key` IN ({marks}) AND \
            CAST(CONVERT(`key` USING utf8mb4) AS BINARY) IN ({marks})"
        );
        let values: Vec<Value> = keys.iter().chain(keys).map(text).collect();
        let parameters = || Params::Positional(values.clone());
        let remove = async {
            let mut session = self.rows.server.session().await?;
            if let [key] = keys {
                let removed = session.execute(&format!("DELETE FROM {rows}"), parameters()).await?;
                let key = (removed > 0).then(|| key.as_str().as_bytes().to_vec());
                return Ok(key.into_iter().collect());
            }
            session.begin().await?;
            let sql = format!("SELECT `key` FROM {rows} FOR UPDATE");
            let found: Vec<Vec<u8>> = session.rows(&sql, parameters()).await?;
            session.execute(&format!("DELETE FROM {rows}"), parameters()).await?;
            session.commit().await?;
            Ok(found.into_iter().collect())
        };
        self.rows.server.within("delete objects", deadline, remove).await
    }

    /// As [`Self::remove`], again while other transactions are in the way.
    async fn remove_at_last(&self, keys: &[Key]) -> Result<HashSet<Vec<u8>>> {
        let deadline = Instant::now() + DEADLINE;
        let mut backoff = Backoff::until(deadline);
        for _ in 1..MAX_TRIES {
            match self.remove(keys, deadline).await {
                Err(Failure { fault: Fault::Repeat, .. }) => {}
                result => return Ok(result?),
            }
            tokio::time::sleep(backoff.next(None).unwrap_or_default()).await;
        }
        Ok(self.remove(keys, deadline).await?)
    }

    /// One page of rows behind a bound, with keys as they are in the table.
    async fn page(
        &self,
        bounds: &[(&'static str, String)],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Option<u64>)>> {
        let key = self.rows.table.key;
        let conditions: Vec<_> = bounds.iter().map(|(is, _)| format!("{key} {is} ?")).collect();
        let conditions = match conditions.as_slice() {
            [] => String::new(),
            some => format!("WHERE {}", some.join(" AND ")),
        };
        let sql = format!(
            "SELECT `key`, LENGTH(`data`) FROM data_table {conditions} ORDER BY {key} LIMIT {limit}"
        );
        let bounds = bounds.iter().map(|(_, bound)| Value::Bytes(bound.clone().into_bytes()));
        let bounds = Params::Positional(bounds.collect());
        let list = async { self.rows.server.session().await?.rows(&sql, bounds).await };
        let deadline = Instant::now() + DEADLINE;
        Ok(self.rows.server.within("list objects", deadline, list).await?)
    }
}

#[async_trait]
impl ObjectStore for MysqlObjects {
    async fn put(&self, records: &[Record]) -> Vec<Result<()>> {
        let mut answers: Vec<Result<()>> = Vec::with_capacity(records.len());
        let mut rows = Vec::with_capacity(records.len());
        // Where the row of a key is; of two records with one key the later one is kept.
        let mut places: HashMap<&Key, usize> = HashMap::with_capacity(records.len());
        let mut slots: Vec<Option<usize>> = Vec::with_capacity(records.len());
        for record in records {
            let checked = self.rows.check(&record.key, &record.data);
            slots.push(checked.is_ok().then(|| {
                let row = (record.key.clone(), record.data.clone());
                let place = *places.entry(&record.key).or_insert(rows.len());
                match rows.get_mut(place) {
                    Some(earlier) => *earlier = row,
                    None => rows.push(row),
                }
                place
            }));
            answers.push(checked);
        }
        let written = match &self.groups {
            Some(groups) => groups.write(&rows).await,
            None => {
                let mut order: Vec<usize> = (0..rows.len()).collect();
                order.sort_by(|a, b| rows.get(*a).map(|r| &r.0).cmp(&rows.get(*b).map(|r| &r.0)));
                let sorted: Vec<_> = order.iter().filter_map(|n| rows.get(*n).cloned()).collect();
                let mut written: Vec<_> =
                    order.into_iter().zip(self.rows.write(&sorted).await).collect();
                written.sort_by_key(|(n, _)| *n);
                written.into_iter().map(|(_, result)| result).collect()
            }
        };
        for (answer, slot) in answers.iter_mut().zip(slots) {
            if let Some(Err(error)) = slot.and_then(|place| written.get(place)) {
                *answer = repeat(error, 1).pop().unwrap_or(Ok(()));
            }
        }
        answers
    }

    async fn get(&self, keys: &[Key]) -> Vec<Result<Option<Bytes>>> {
        let mut answers = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MAX_KEYS) {
            match self.read(keys).await {
                Ok(found) => answers
                    .extend(keys.iter().map(|key| Ok(found.get(key.as_str().as_bytes()).cloned()))),
                Err(error) => answers.extend(repeat(&error, keys.len())),
            }
        }
        answers
    }

    async fn delete(&self, keys: &[Key]) -> Vec<Result<bool>> {
        let mut answers = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MAX_KEYS) {
            match self.remove_at_last(keys).await {
                Ok(found) => answers
                    .extend(keys.iter().map(|key| Ok(found.contains(key.as_str().as_bytes())))),
                Err(error) => answers.extend(repeat(&error, keys.len())),
            }
        }
        answers
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
            let page = self.page(&bounds, wanted).await?;
            let last = page.last().and_then(|(key, _)| String::from_utf8(key.clone()).ok());
            let complete = page.len() < wanted;
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
        self.rows.server.health().await
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

fn text(key: &Key) -> Value {
    Value::Bytes(key.as_str().as_bytes().to_vec())
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
