//! What the MySQL-protocol engine promises beside the suite.

use crate::{
    engines::{self, expiring, key, keys, record, route},
    mariadb::{self, Server},
};
use framedb_host::{
    Error, ErrorKind, Result,
    driver::{Arena, Disks},
    registry::sweep,
    store::{ObjectStore, OpenContext, Options, open},
};
use mysql_async::prelude::Queryable as _;
use std::{
    future::ready,
    sync::Arc,
    time::{Duration, SystemTime},
};

async fn opened(url: &str, max_object: u64, grouping: bool) -> Result<Arc<dyn ObjectStore>> {
    opened_with(url, max_object, Options { grouping, ..Options::default() }).await
}

/// An instance `one` at `url`.
pub(crate) async fn opened_with(
    url: &str,
    max_object: u64,
    options: Options,
) -> Result<Arc<dyn ObjectStore>> {
    let directory = tempfile::tempdir().unwrap();
    let context = OpenContext {
        arena: Arc::new(Arena::new()),
        disks: Arc::new(Disks::new(directory.path())),
        framedb_id: "one".into(),
        max_object,
        options,
    };
    open(url, &context).await.map(|instance| instance.objects)
}

async fn store(url: &str) -> Arc<dyn ObjectStore> {
    opened(url, 1 << 20, true).await.unwrap()
}

async fn refused(url: &str) -> Error {
    let error = opened(url, 1 << 20, true).await.unwrap_err();
    assert!(!format!("{error:?} {}", error.chain()).contains("secret"), "{error:?}");
    let start = "cannot open the instance `one`: ";
    assert!(error.to_string().starts_with(start), "{error}");
    error
}

pub(crate) async fn put(store: &Arc<dyn ObjectStore>, name: &str, data: &[u8]) {
    store.put(&[record(name, data)]).await.pop().unwrap().unwrap();
}

pub(crate) async fn get(store: &Arc<dyn ObjectStore>, name: &str) -> Option<Vec<u8>> {
    let data = store.get(&keys(&[name])).await.pop().unwrap().unwrap();
    data.map(|data| data.to_vec())
}

/// A database with tables that somebody else made.
pub(crate) async fn prepared(statements: &[&str]) -> (&'static Server, String, mysql_async::Conn) {
    let server = mariadb::shared().await;
    let name = mariadb::fresh_name();
    let mut client = server.client().await;
    client.query_drop(format!("CREATE DATABASE {name}")).await.unwrap();
    client.query_drop(format!("USE {name}")).await.unwrap();
    for statement in statements {
        client.query_drop(*statement).await.unwrap();
    }
    (server, name, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_created() {
    let (server, name) = (mariadb::shared().await, mariadb::fresh_name());
    let store = store(&server.url(&name)).await;
    put(&store, "a", b"1").await;
    let mut client = server.client().await;
    let found: Option<Vec<u8>> =
        client.query_first(format!("SELECT data FROM {name}.data_table")).await.unwrap();
    assert_eq!(found.unwrap(), b"1");
    let described = store.describe();
    assert!(described.starts_with("MySQL protocol at 127.0.0.1:"), "{described}");
    assert!(described.contains(&format!("/{name} (MariaDB ")), "{described}");
    assert!(store.durable() && store.synced() && store.domain().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_named_and_not_shown() {
    let (server, name, mut client) = prepared(&[]).await;
    client.query_drop(format!("CREATE USER u_{name} IDENTIFIED BY 'right'")).await.unwrap();
    let error = refused(&server.url_of(&format!("u_{name}"), "secret", &name)).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("denies access"), "{error}");
    assert!(error.hint().unwrap().contains("password"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_named() {
    let (server, name, mut client) = prepared(&[]).await;
    client.query_drop(format!("CREATE USER u_{name} IDENTIFIED BY 'secret'")).await.unwrap();
    let url = |database: &str| server.url_of(&format!("u_{name}"), "secret", database);
    let error = refused(&url("not_there")).await;
    assert!(error.to_string().contains("may neither use nor create"), "{error}");
    client.query_drop(format!("GRANT SELECT ON {name}.* TO u_{name}")).await.unwrap();
    let error = refused(&url(&name)).await;
    assert!(error.to_string().contains("has not the right"), "{error}");
    assert!(error.hint().unwrap().contains("grant"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_write_is_told_before_the_first_write() {
    let (server, name, mut client) = prepared(&[]).await;
    store(&server.url(&name)).await;
    client.query_drop(format!("CREATE USER u_{name} IDENTIFIED BY 'secret'")).await.unwrap();
    let url = server.url_of(&format!("u_{name}"), "secret", &name);
    for (granted, missing) in [("SELECT", "INSERT, DELETE"), ("INSERT", "DELETE"), ("DELETE", "")] {
        client
            .query_drop(format!("GRANT {granted} ON {name}.data_table TO u_{name}"))
            .await
            .unwrap();
        if !missing.is_empty() {
            let error = refused(&url).await;
            assert!(error.chain().contains(&format!("{missing} command denied")), "{error:?}");
            assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Denied, false));
        }
    }
    let store = store(&url).await;
    put(&store, "a", b"1").await;
    store.health().await.unwrap();
    client.query_drop(format!("REVOKE INSERT ON {name}.data_table FROM u_{name}")).await.unwrap();
    let error = store.health().await.unwrap_err();
    assert!(error.chain().contains("INSERT command denied"), "{error:?}");
    let error = store.put(&[record("a", b"2")]).await.pop().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Denied, false), "{error:?}");
    assert_eq!(get(&store, "a").await.unwrap(), b"1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_column_does_not_take_is_too_large_and_not_tried_again() {
    let table = "CREATE TABLE data_table (`key` VARCHAR(10) CHARACTER SET latin1 PRIMARY KEY, \
        `data` LONGBLOB)";
    let (server, name, _client) = prepared(&[table]).await;
    let store = store(&server.url(&name)).await;
    let records = [record("longer-than-10", b"1"), record("short", b"2"), record("中", b"3")];
    let answers = store.put(&records).await;
    let error = answers[0].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::TooLarge, false), "{error:?}");
    answers[1].as_ref().unwrap();
    let error = answers[2].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Invalid, false), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_of_certificates_is_named() {
    let file = "/no/such/authority.pem";
    let error = refused(&format!("mysql://u:secret@h/d?ssl-mode=verify-ca&ssl-ca={file}")).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains(file), "{error}");
    assert!(error.hint().unwrap().contains("`ssl-ca`"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_host_is_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = refused(&format!("mysql+pymysql://u:secret@127.0.0.1:{port}/d")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.is_temporary());
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    let told = error.chain().to_lowercase();
    assert_eq!(told.matches("refused").count(), 1, "{told}");
    assert!(!told.contains("input/output"), "{told}");
    // One that takes connections and says nothing does not hang anybody.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let error = refused(&format!("mysql://u:secret@127.0.0.1:{port}/d")).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_differ_by_case_or_spaces_stay_apart() {
    let server = mariadb::shared().await;
    let store = store(&server.url(&mariadb::fresh_name())).await;
    let names = ["key", "Key", "key ", "k\u{e9}y", "kEy"];
    let records: Vec<_> = names.iter().map(|name| record(name, name.as_bytes())).collect();
    for answer in store.put(&records).await {
        answer.unwrap();
    }
    for name in names {
        assert_eq!(get(&store, name).await.unwrap(), name.as_bytes());
    }
    assert!(store.delete(&keys(&["key"])).await.pop().unwrap().unwrap());
    assert_eq!(store.list("", None, 9).await.unwrap().len(), names.len() - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_clients_and_the_store_read_each_other() {
    // As they create it, on a server whose default collation ignores case.
    let table = "CREATE TABLE IF NOT EXISTS data_table (`key` VARCHAR(255) PRIMARY KEY, \
        `data` LONGBLOB) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
    let row = "REPLACE INTO data_table (`key`, `data`) VALUES ('theirs', X'00FF27')";
    let (server, name, mut client) = prepared(&[table, row]).await;
    let store = store(&server.url(&name)).await;
    assert_eq!(get(&store, "theirs").await.unwrap(), [0x00, 0xff, 0x27]);
    let bytes: Vec<u8> = (0..=255).collect();
    put(&store, "ours", &bytes).await;
    let sql = "SELECT `data` FROM data_table WHERE `key` = 'ours'";
    let found: Option<Vec<u8>> = client.query_first(sql).await.unwrap();
    assert_eq!(found.unwrap(), bytes);
    // What is asked for in another case is not there, and its deletion takes nothing along.
    assert_eq!(get(&store, "OURS").await, None);
    let answers = store.delete(&keys(&["OURS"])).await.into_iter();
    assert!(answers.chain(store.delete(&keys(&["Ours", "x"])).await).all(|a| !a.unwrap()));
    put(&store, "Z", b"").await;
    let listed = store.list("", None, 9).await.unwrap();
    let names: Vec<_> = listed.iter().map(|line| line.key.as_str()).collect();
    assert_eq!(names, ["Z", "ours", "theirs"]);
    let listed = store.list("o", None, 9).await.unwrap();
    assert_eq!((listed.len(), listed[0].size), (1, 256));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_clients_and_the_store_mean_the_same_keys_in_any_encoding() {
    for collation in ["latin1_swedish_ci", "utf8mb3_bin", "utf8mb4_bin", "utf8mb4_general_ci"] {
        let encoding = collation.split('_').next().unwrap_or_default();
        let table = format!(
            "CREATE TABLE data_table (`key` VARCHAR(255) CHARACTER SET {encoding} \
            COLLATE {collation} PRIMARY KEY, `data` LONGBLOB)"
        );
        let row = "REPLACE INTO data_table (`key`, `data`) VALUES ('th\u{e9}', X'00FF27')";
        let (server, name, mut client) = prepared(&[&table, row]).await;
        let store = store(&server.url(&name)).await;
        assert_eq!(get(&store, "th\u{e9}").await.unwrap(), [0x00, 0xff, 0x27], "{collation}");
        put(&store, "caf\u{e9}", b"\xff").await;
        let sql = "SELECT `data` FROM data_table WHERE `key` = 'caf\u{e9}'";
        let found: Option<Vec<u8>> = client.query_first(sql).await.unwrap();
        assert_eq!(found.as_deref(), Some(&b"\xff"[..]), "{collation}");
        let listed = store.list("", None, 9).await.unwrap();
        let names: Vec<_> = listed.iter().map(|line| line.key.as_str()).collect();
        assert_eq!(names, ["caf\u{e9}", "th\u{e9}"], "{collation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_another_shape_is_refused() {
    for (table, why) in [
        ("CREATE TABLE data_table (id INT PRIMARY KEY)", "no column `key`"),
        ("CREATE TABLE data_table (`key` VARCHAR(255), `data` LONGBLOB)", "not unique"),
        (
            "CREATE TABLE data_table (`key` VARCHAR(255) PRIMARY KEY, `data` LONGTEXT)",
            "does not keep bytes",
        ),
        (
            "CREATE TABLE data_table (`key` VARCHAR(255) PRIMARY KEY, `data` LONGBLOB, \
            n INT NOT NULL)",
            "`n` needs a value",
        ),
    ] {
        let (server, name, _client) = prepared(&[table]).await;
        let error = refused(&server.url(&name)).await;
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_over_the_packet_limit_fails_alone() {
    let server = mariadb::shared().await;
    let url = server.url(&mariadb::fresh_name());
    for grouping in [true, false] {
        let store = opened(&url, 64 << 20, grouping).await.unwrap();
        let most = usize::try_from(store.limits().max_value).unwrap();
        assert!(most < 16 << 20, "the server takes 16 MiB at once");
        let records = [
            record("a", b"1"),
            record("large", &vec![0; most + 1]),
            record("most", &vec![7; most]),
            record("b", b"2"),
        ];
        let answers = store.put(&records).await;
        assert!(answers[0].is_ok() && answers[3].is_ok());
        answers[2].as_ref().unwrap();
        let error = answers[1].as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("max_allowed_packet"), "{error}");
        assert_eq!(get(&store, "most").await.unwrap().len(), most);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_server_refuses_fails_alone() {
    let table = "CREATE TABLE data_table (`key` VARCHAR(255) COLLATE utf8mb4_nopad_bin \
        PRIMARY KEY, `data` LONGBLOB, CHECK (LENGTH(`data`) <> 13))";
    let (server, name, _client) = prepared(&[table]).await;
    for grouping in [true, false] {
        let store = opened(&server.url(&name), 1 << 20, grouping).await.unwrap();
        let records: Vec<_> = (0..40).map(|n| record(&format!("k{n}"), &vec![1; n])).collect();
        for (n, answer) in store.put(&records).await.into_iter().enumerate() {
            assert_eq!(answer.is_err(), n == 13, "{n}: {answer:?}");
        }
        assert_eq!(store.list("", None, 99).await.unwrap().len(), 39);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writes_share_statements() {
    // A server of its own, whose counters nobody else moves.
    let server = Server::start(&[]).await;
    let mut counts = Vec::new();
    for grouping in [true, false] {
        let url = server.url(&mariadb::fresh_name());
        let store = opened(&url, 1 << 20, grouping).await.unwrap();
        let mut client = server.client().await;
        let before = replaces(&mut client).await;
        let mut senders = tokio::task::JoinSet::new();
        for n in 0..64 {
            let store = store.clone();
            senders.spawn(async move { put(&store, &format!("k{n}"), b"data").await });
        }
        senders.join_all().await;
        counts.push(replaces(&mut client).await - before);
        assert_eq!(store.list("", None, 99).await.unwrap().len(), 64);
    }
    assert!(counts[0] <= 20, "64 writes took {} statements", counts[0]);
    assert_eq!(counts[1], 64);
}

async fn replaces(client: &mut mysql_async::Conn) -> u64 {
    let sql = "SHOW GLOBAL STATUS LIKE 'Com_replace'";
    let (_, count): (String, u64) = client.query_first(sql).await.unwrap().unwrap();
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_takes_two_keys_for_one_refuses_the_second() {
    let table = "CREATE TABLE data_table (`key` VARCHAR(255) PRIMARY KEY, `data` LONGBLOB) \
        CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
    for grouping in [true, false] {
        let (server, name, mut client) = prepared(&[table]).await;
        let store = opened(&server.url(&name), 1 << 20, grouping).await.unwrap();
        put(&store, "gen-Case", b"first").await;
        for other in ["gen-case", "GEN-CASE", "gen-Case ", "gén-Case"] {
            let error = store.put(&[record(other, b"second")]).await.pop().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{other}: {}", error.chain());
            assert!(error.hint().unwrap().contains("_bin"), "{error:?}");
        }
        // Of two in one statement the table has room for one, and for all that are none of theirs.
        let together = ["a", "two", "Two", "b", "gen-Case"].map(|name| record(name, b"new"));
        let stored: Vec<_> = store.put(&together).await.into_iter().map(|a| a.is_ok()).collect();
        assert_eq!(stored.iter().filter(|stored| !**stored).count(), 1, "{stored:?}");
        for (record, stored) in together.iter().zip(stored) {
            let found = get(&store, record.key.as_str()).await;
            assert_eq!(found.is_some_and(|data| data == b"new"), stored, "{}", record.key);
        }
        let count: Option<u64> =
            client.query_first("SELECT COUNT(*) FROM data_table").await.unwrap();
        assert_eq!(count, Some(4));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_no_longer_takes_is_named() {
    let server = Server::start(&["--max-allowed-packet=1M"]).await;
    // It counts what the server takes, not what the configuration hopes.
    let said = Options { max_packet: Some(64 << 20), ..Options::default() };
    let store = opened_with(&server.url("d"), 4 << 20, said).await.unwrap();
    let error = store.put(&[record("k", &[1; 2 << 20])]).await.pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{}", error.chain());
    assert!(error.to_string().contains("`max_allowed_packet`"), "{error}");
    put(&store, "k", &[1; 500_000]).await;
    // It takes less from here on, from connections that are opened from here on.
    let mut client = server.client().await;
    client.query_drop("SET GLOBAL max_allowed_packet = 65536").await.unwrap();
    let sql = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = 'd'";
    for id in client.query::<u64, _>(sql).await.unwrap() {
        client.query_drop(format!("KILL {id}")).await.unwrap();
    }
    let answers = store.put(&[record("large", &[2; 500_000]), record("small", b"3")]).await;
    let [large, small] = <[Result<()>; 2]>::try_from(answers).unwrap();
    let error = large.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::TooLarge, false), "{error:?}");
    small.unwrap();
    assert_eq!(get(&store, "small").await.unwrap(), b"3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_gone_or_changed_is_unhealthy() {
    let (server, name, mut client) = prepared(&[]).await;
    let store = store(&server.url(&name)).await;
    store.health().await.unwrap();
    client.query_drop("ALTER TABLE data_table DROP PRIMARY KEY").await.unwrap();
    let error = store.health().await.unwrap_err();
    assert!(error.to_string().contains("`key` is not unique"), "{error}");
    client.query_drop("DROP TABLE data_table").await.unwrap();
    let error = store.health().await.unwrap_err();
    assert!(error.to_string().ends_with("is missing") && error.is_temporary(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_server_is_named() {
    let server = Server::start(&[]).await;
    let mut client = server.client().await;
    client.query_drop("CREATE DATABASE d").await.unwrap();
    client.query_drop("CREATE USER u IDENTIFIED BY 'secret'").await.unwrap();
    client.query_drop("GRANT ALL ON d.* TO u").await.unwrap();
    let store = store(&server.url_of("u", "secret", "d")).await;
    put(&store, "a", b"1").await;
    store.health().await.unwrap();
    client.query_drop("SET GLOBAL read_only = 1").await.unwrap();
    let error = store.put(&[record("a", b"2")]).await.pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("read-only") && error.is_untouched(), "{error}");
    assert!(store.health().await.unwrap_err().to_string().contains("read-only"));
    assert_eq!(get(&store, "a").await.unwrap(), b"1");
    client.query_drop("SET GLOBAL read_only = 0").await.unwrap();
    put(&store, "a", b"2").await;
    assert!(!format!("{store:?}").contains("secret"));
    drop(server);
    let error = store.get(&[key("a")]).await.pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = store.put(&[record("a", b"3")]).await.pop().unwrap().unwrap_err();
    assert!(error.is_temporary() && !format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_data_goes_with_its_route() {
    let engine = engines::mysql().await;
    let store = &engine.one.objects;
    let now = SystemTime::now();
    for (name, at) in [("old", now), ("new", now + Duration::from_secs(60))] {
        put(store, name, b"abc").await;
        let route = expiring(route("one", engine.kind, 1), at);
        engine.registry.register(&[(key(name), route)]).await.pop().unwrap().unwrap();
    }
    let later = now + Duration::from_secs(1);
    let swept = sweep(&*engine.registry, &engine, |_| ready(()), |_| false, later, 9).await;
    assert_eq!(swept.unwrap(), 1);
    assert_eq!(get(store, "old").await, None);
    assert_eq!(get(store, "new").await.unwrap(), b"abc");
    assert_eq!(engine.registry.count().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_the_same_keys_end() {
    let server = mariadb::shared().await;
    let store = opened(&server.url(&mariadb::fresh_name()), 1 << 20, false).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_usize {
        let store = store.clone();
        writers.spawn(async move {
            for round in 0..10 {
                let names: Vec<_> =
                    (0..20).map(|n| format!("{}", (n * (writer + 1)) % 20)).collect();
                let records: Vec<_> = names.iter().map(|name| record(name, b"x")).collect();
                for answer in store.put(&records).await {
                    answer.unwrap();
                }
                let gone: Vec<_> = names.iter().skip(round).map(|name| key(name)).collect();
                for answer in store.delete(&gone).await {
                    answer.unwrap();
                }
            }
        });
    }
    tokio::time::timeout(Duration::from_secs(60), writers.join_all()).await.unwrap();
}
