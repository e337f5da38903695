//! Objects that no row takes: in chunks, where the instance allows them.

use crate::{
    engines::{keys, record},
    mariadb::{self, Server},
    mysql::{get, opened_with, prepared, put},
};
use framedb_host::{
    ErrorKind,
    store::{ObjectStore, Options},
};
use mysql_async::{Conn, prelude::Queryable as _};
use std::{sync::Arc, time::Duration};

/// What a row takes in these tests, keys and all.
const ENTRY: u64 = 16 << 10;

fn allowing() -> Options {
    Options { chunks: true, max_entry: Some(ENTRY), ..Options::default() }
}

/// A store that allows chunks, its database's name, and another client of the database.
async fn chunked() -> (Arc<dyn ObjectStore>, String, Conn) {
    let (server, name, client) = prepared(&[]).await;
    let store = opened_with(&server.url(&name), 1 << 20, allowing()).await.unwrap();
    (store, name, client)
}

/// Bytes that differ from place to place, and from those of another seed everywhere.
fn bytes(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|n| (n / 251 + n % 251) as u8 ^ seed).collect()
}

/// How many rows, manifests, writes in chunks and chunks there are.
async fn counts(client: &mut Conn) -> (u64, u64, u64, u64) {
    let sql = "SELECT (SELECT COUNT(*) FROM data_table), \
        (SELECT COUNT(*) FROM framedb_manifests), \
        (SELECT COUNT(DISTINCT write_id) FROM framedb_chunks), \
        (SELECT COUNT(*) FROM framedb_chunks)";
    client.query_first(sql).await.unwrap().unwrap()
}

async fn delete(store: &Arc<dyn ObjectStore>, name: &str) -> bool {
    store.delete(&keys(&[name])).await.pop().unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_over_the_limit_is_kept_in_chunks_and_read_whole() {
    let (store, _, mut client) = chunked().await;
    assert!(store.limits().max_value >= 1 << 20);
    let (small, large) = (bytes(0, 1000), bytes(1, 300_001));
    let records = [record("small", &small), record("b/large", &large), record("b/x", b"x")];
    for answer in store.put(&records).await {
        answer.unwrap();
    }
    assert_eq!(get(&store, "b/large").await.unwrap(), large);
    assert_eq!(get(&store, "small").await.unwrap(), small);
    let twice = store.get(&keys(&["b/large", "no", "b/large"])).await;
    let found: Vec<_> = twice.into_iter().map(|answer| answer.unwrap().map(|d| d.len())).collect();
    assert_eq!(found, [Some(300_001), None, Some(300_001)]);
    let (rows, manifests, writes, chunks) = counts(&mut client).await;
    assert_eq!((rows, manifests, writes), (2, 1, 1));
    assert!(chunks > 300_000 / ENTRY, "{chunks}");
    let all = store.list("", None, 9).await.unwrap();
    let all: Vec<_> = all.iter().map(|line| (line.key.as_str(), line.size)).collect();
    assert_eq!(all, [("b/large", 300_001), ("b/x", 1), ("small", 1000)]);
    let page = store.list("b/", Some("b/large"), 1).await.unwrap();
    assert_eq!((page.len(), page[0].key.as_str()), (1, "b/x"));
    assert!(delete(&store, "b/large").await && !delete(&store, "b/large").await);
    assert_eq!(get(&store, "b/large").await, None);
    assert_eq!(counts(&mut client).await, (2, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_and_chunks_replace_each_other_completely() {
    for grouping in [true, false] {
        let (server, name, mut client) = prepared(&[]).await;
        let options = Options { grouping, ..allowing() };
        let store = opened_with(&server.url(&name), 1 << 20, options).await.unwrap();
        for (seed, length) in [10, 50_000, 90_000, 20, 40_000, 40_000, 30].into_iter().enumerate() {
            let data = bytes(seed as u8, length);
            put(&store, "key", &data).await;
            assert_eq!(get(&store, "key").await.unwrap(), data);
            let (rows, manifests, writes, _) = counts(&mut client).await;
            let large = u64::from(length > 1000);
            assert_eq!((rows, manifests, writes), (1 - large, large, large), "{length}");
            assert_eq!(store.list("", None, 9).await.unwrap()[0].size, length as u64);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_over_the_limit_is_refused_where_chunks_are_not_allowed() {
    let server = mariadb::shared().await;
    let url = server.url(&mariadb::fresh_name());
    for (options, name) in [
        (Options { max_entry: Some(ENTRY), ..Options::default() }, "`max-entry`"),
        (Options { max_packet: Some(ENTRY), ..Options::default() }, "`max-packet`"),
    ] {
        let store = opened_with(&url, 1 << 20, options).await.unwrap();
        let most = usize::try_from(store.limits().max_value).unwrap();
        assert!(most < 16 << 10, "{most}");
        put(&store, "most", &bytes(1, most)).await;
        let error = store.put(&[record("large", &bytes(1, most + 1))]).await.pop().unwrap();
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains(name), "{error}");
        assert!(error.hint().unwrap().contains("`chunks`"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_small_packets_keeps_large_objects_in_chunks() {
    let server = Server::start(&["--max-allowed-packet=64K"]).await;
    let url = server.url("small");
    let data = bytes(3, 1 << 20);
    let store = opened_with(&url, 1 << 20, Options::default()).await.unwrap();
    let error = store.put(&[record("k", &data)]).await.pop().unwrap().unwrap_err();
    assert!(error.to_string().contains("max_allowed_packet"), "{error}");
    let allowing = Options { chunks: true, ..Options::default() };
    let store = opened_with(&url, 1 << 20, allowing).await.unwrap();
    put(&store, "k", &data).await;
    assert_eq!(get(&store, "k").await.unwrap(), data);
    let error = store.put(&[record("k", &bytes(1, 2 << 20))]).await.pop().unwrap().unwrap_err();
    assert!(error.hint().unwrap().contains("max-object"), "{error:?}");
    assert_eq!(get(&store, "k").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_between_chunks_and_manifest_leaves_the_old_object() {
    let (store, name, mut client) = chunked().await;
    let mut other = mariadb::shared().await.client().await;
    let [old, lost, new] = [1, 2, 3].map(|seed| bytes(seed, 100_000 + usize::from(seed)));
    put(&store, "key", &old).await;
    // The next manifest waits here, behind its chunks.
    client.query_drop("START TRANSACTION").await.unwrap();
    let held: Option<u64> =
        client.query_first("SELECT chunks FROM framedb_manifests FOR UPDATE").await.unwrap();
    assert!(held.is_some());
    let putting = tokio::spawn({
        let (store, record) = (store.clone(), record("key", &lost));
        async move { store.put(&[record]).await.pop().unwrap() }
    });
    let sql = format!(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{name}' \
        AND INFO LIKE 'REPLACE INTO framedb_manifests%'"
    );
    let mut killed = 0;
    while !putting.is_finished() {
        let waiting: Vec<u64> = other.query(&sql).await.unwrap();
        for connection in waiting {
            // It may have ended by itself since.
            killed += u64::from(other.query_drop(format!("KILL {connection}")).await.is_ok());
        }
    }
    let error = putting.await.unwrap().unwrap_err();
    assert!(killed > 0 && error.is_temporary(), "{killed}, {error}");
    assert_eq!(get(&store, "key").await.unwrap(), old);
    client.query_drop("ROLLBACK").await.unwrap();
    assert_eq!(get(&store, "key").await.unwrap(), old);
    let (_, manifests, writes, _) = counts(&mut client).await;
    assert_eq!((manifests, writes), (1, 2), "the chunks of the lost write are there");
    // They go with the next write of the key.
    put(&store, "key", &new).await;
    assert_eq!(get(&store, "key").await.unwrap(), new);
    let (rows, manifests, writes, _) = counts(&mut client).await;
    assert_eq!((rows, manifests, writes), (0, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_finds_one_object_or_the_other_while_they_are_replaced() {
    let (store, name, _) = chunked().await;
    let url = mariadb::shared().await.url(&name);
    // A node of its own: nothing but the database keeps their order.
    let other = opened_with(&url, 1 << 20, allowing()).await.unwrap();
    let values: Vec<_> =
        [300_000, 10, 90_000, 500_000].iter().zip(1..).map(|(n, seed)| bytes(seed, *n)).collect();
    put(&store, "key", &values[0]).await;
    let mut writers = tokio::task::JoinSet::new();
    for (store, turn) in [(store.clone(), 1), (other.clone(), 2)] {
        let values = values.clone();
        writers.spawn(async move {
            for n in 0..40 {
                // Another writer may take the chunks away before they count: it won.
                let _ = store.put(&[record("key", &values[n * turn % values.len()])]).await;
            }
        });
    }
    let mut reads = 0;
    while !writers.is_empty() {
        let found = get(&store, "key").await.expect("there is an object at all times");
        assert!(values.contains(&found), "{} bytes of a mixture", found.len());
        reads += 1;
        while let Some(ended) = writers.try_join_next() {
            ended.unwrap();
        }
    }
    assert!(reads > 10, "{reads}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_takes_many_statements_is_read_whole_while_it_is_replaced() {
    let url = mariadb::shared().await.url(&mariadb::fresh_name());
    let options = Options { chunks: true, ..Options::default() };
    let store = opened_with(&url, 64 << 20, options).await.unwrap();
    // More than the 16 MiB that the server takes at once.
    let values = [1, 2].map(|seed| bytes(seed, (20 << 20) + usize::from(seed)));
    put(&store, "key", &values[0]).await;
    let writing = tokio::spawn({
        let (store, values) = (store.clone(), values.clone());
        async move {
            for n in 1..5 {
                put(&store, "key", &values[n % 2]).await;
            }
        }
    });
    while !writing.is_finished() {
        let found = get(&store, "key").await.expect("there is an object at all times");
        assert!(values.contains(&found), "{} bytes of a mixture", found.len());
    }
    writing.await.unwrap();
    assert_eq!(get(&store, "key").await.unwrap(), values[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_is_collected_by_a_deletion_and_at_the_next_start() {
    let (store, name, mut client) = chunked().await;
    let data = bytes(1, 50_000);
    put(&store, "kept", &data).await;
    let whole = chunks_of(&mut client, "kept").await;
    for (key, hours) in [("old", 2), ("kept", 3), ("young", 0), ("deleted", 0)] {
        for number in 0..3 {
            let sql = format!(
                "INSERT INTO framedb_chunks VALUES ('{key}', REPEAT('x', 16), {number}, 'data', \
                NOW() - INTERVAL {hours} HOUR)"
            );
            client.query_drop(sql).await.unwrap();
        }
    }
    for name in ["old", "deleted"] {
        assert_eq!(get(&store, name).await, None);
    }
    assert!(!delete(&store, "deleted").await);
    assert_eq!(chunks_of(&mut client, "deleted").await, 0);
    assert_eq!(chunks_of(&mut client, "old").await, 3);
    let url = mariadb::shared().await.url(&name);
    let _store = opened_with(&url, 1 << 20, allowing()).await.unwrap();
    let collected = async {
        while chunks_of(&mut client, "old").await > 0
            || chunks_of(&mut client, "kept").await > whole
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), collected).await.unwrap();
    assert_eq!(chunks_of(&mut client, "young").await, 3, "they may be of a write under way");
    assert_eq!(get(&store, "kept").await.unwrap(), data);
}

async fn chunks_of(client: &mut Conn, key: &str) -> u64 {
    let sql = format!("SELECT COUNT(*) FROM framedb_chunks WHERE `key` = '{key}'");
    client.query_first(sql).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_an_existing_client_is_newer_than_the_chunks() {
    let (store, _, mut client) = chunked().await;
    put(&store, "key", &bytes(1, 50_000)).await;
    client.query_drop("REPLACE INTO data_table VALUES ('key', 'theirs')").await.unwrap();
    assert_eq!(get(&store, "key").await.unwrap(), b"theirs");
    let listed = store.list("", None, 9).await.unwrap();
    assert_eq!((listed.len(), listed[0].size), (1, 6));
    assert!(delete(&store, "key").await);
    assert_eq!(get(&store, "key").await, None);
    assert_eq!(counts(&mut client).await, (0, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_stay_readable_where_no_new_ones_are_allowed() {
    let (store, name, mut client) = chunked().await;
    let data = bytes(1, 50_000);
    put(&store, "key", &data).await;
    let url = mariadb::shared().await.url(&name);
    let store = opened_with(&url, 1 << 20, Options::default()).await.unwrap();
    assert_eq!(get(&store, "key").await.unwrap(), data);
    put(&store, "key", b"small").await;
    assert_eq!(get(&store, "key").await.unwrap(), b"small");
    assert_eq!(counts(&mut client).await, (1, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_need_tables_with_transactions() {
    let table = "CREATE TABLE data_table (`key` VARBINARY(255) PRIMARY KEY, `data` LONGBLOB) \
        ENGINE=MyISAM";
    let (server, name, _client) = prepared(&[table]).await;
    let error = opened_with(&server.url(&name), 1 << 20, allowing()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("takes no part in transactions"), "{error}");
    opened_with(&server.url(&mariadb::fresh_name()), 1 << 20, allowing()).await.unwrap();
}
