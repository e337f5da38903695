//! Reading objects, wherever in the database they are: in a row, or in chunks.

use super::{
    mysql_chunks::{Manifest, pieces},
    mysql_rows::{Rows, text},
};
use crate::{
    Error, ErrorKind, Result,
    driver::{
        mysql::{DEADLINE, Params, Value},
        repeat,
    },
};
use bytes::Bytes;
use framedb_core::{Key, sql};
use std::collections::HashMap;
use tokio::time::Instant;

/// How often a reader looks again for an object that changes while its chunks are read.
const MAX_TRIES: usize = 8;

/// A key as it is in the table, its row's data, and what its manifest says.
type Place = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>, Option<u64>, Option<u64>);

/// A line of a listing: a key as it is in the table, and its size.
pub(super) type Line = (Vec<u8>, Option<u64>);

/// Where an object was found.
#[derive(Debug, Clone)]
enum Found {
    Row(Bytes),
    Chunks(Manifest),
}

/// Reads values; one answer per key, in order.
pub(super) async fn values(rows: &Rows, keys: &[Key]) -> Vec<Result<Option<Bytes>>> {
    let mut found = match places(rows, keys).await {
        Ok(found) => found,
        Err(error) => return repeat(&error, keys.len()),
    };
    let mut answers = Vec::with_capacity(keys.len());
    for key in keys {
        answers.push(match found.remove(key.as_str().as_bytes()) {
            None => Ok(None),
            Some(Found::Row(data)) => {
                // A key may be asked for twice.
                found.insert(key.as_str().into(), Found::Row(data.clone()));
                Ok(Some(data))
            }
            Some(Found::Chunks(manifest)) => {
                found.insert(key.as_str().into(), Found::Chunks(manifest.clone()));
                whole(rows, key, manifest).await
            }
        });
    }
    answers
}

/// Reads an object in chunks, or what takes its place meanwhile.
async fn whole(rows: &Rows, key: &Key, mut manifest: Manifest) -> Result<Option<Bytes>> {
    for _ in 0..MAX_TRIES {
        if let Some(data) = pieces(rows, key, &manifest).await? {
            return Ok(Some(data));
        }
        match places(rows, std::slice::from_ref(key)).await?.remove(key.as_str().as_bytes()) {
            None => return Ok(None),
            Some(Found::Row(data)) => return Ok(Some(data)),
            Some(Found::Chunks(same)) if same == manifest => {
                let message = format!("cannot read {key}: chunks of it are missing");
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
            Some(Found::Chunks(newer)) => manifest = newer,
        }
    }
    let message = format!("cannot read {key}: it is replaced again and again");
    Err(Error::new(ErrorKind::Conflict, message).with_temporary(true))
}

/// Where objects are; what is in rows comes along.
async fn places(rows: &Rows, keys: &[Key]) -> Result<HashMap<Vec<u8>, Found>> {
    let sql = sql::places(keys.len(), rows.chunk_tables);
    let mut values: Vec<Value> = keys.iter().map(text).collect();
    if rows.chunk_tables {
        values.extend(keys.iter().map(text));
    }
    let read = async {
        let mut session = rows.server.session().await?;
        session.rows::<Place>(&sql, Params::Positional(values)).await
    };
    let read = rows.server.within("read objects", Instant::now() + DEADLINE, read).await?;
    let mut found = HashMap::with_capacity(read.len());
    for place in read {
        match place {
            (key, Some(data), ..) => drop(found.insert(key, Found::Row(data.into()))),
            (key, None, Some(write_id), Some(chunks), Some(size)) => {
                let manifest = Manifest { write_id, chunks, size };
                found.entry(key).or_insert(Found::Chunks(manifest));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Up to `limit` lines within bounds, in byte order. A key may be there twice in succession.
pub(super) async fn page(
    rows: &Rows,
    bounds: &[(&'static str, String)],
    limit: usize,
) -> Result<Vec<Line>> {
    let conditions = |key: &str| {
        let conditions: Vec<_> = bounds.iter().map(|(is, _)| format!("{key} {is} ?")).collect();
        match conditions.as_slice() {
            [] => String::new(),
            some => format!("WHERE {}", some.join(" AND ")),
        }
    };
    let key = rows.table.key;
    let mut sql = format!(
        "SELECT CAST({key} AS BINARY) AS k, LENGTH(`data`) AS s, 0 AS o FROM data_table {} \
        ORDER BY {key} LIMIT {limit}",
        conditions(key)
    );
    let bound = |(_, bound): &(_, String)| Value::Bytes(bound.clone().into_bytes());
    let mut values: Vec<Value> = bounds.iter().map(bound).collect();
    if rows.chunk_tables {
        sql = format!(
            "SELECT k, s, o FROM (({sql}) UNION ALL (SELECT `key`, `size`, 1 \
            FROM framedb_manifests {} ORDER BY `key` LIMIT {limit})) AS listed \
            ORDER BY k, o LIMIT {limit}",
            conditions("`key`")
        );
        values.extend(bounds.iter().map(bound));
    }
    let list = async {
        let mut session = rows.server.session().await?;
        session.rows::<(Vec<u8>, Option<u64>, u64)>(&sql, Params::Positional(values)).await
    };
    let listed = rows.server.within("list objects", Instant::now() + DEADLINE, list).await?;
    Ok(listed.into_iter().map(|(key, size, _)| (key, size)).collect())
}
