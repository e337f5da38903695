//! `spin:mysql` and `fermyon:spin/mysql` in a real guest against a real server: values of all
//! types, what is refused, how connections are shared, and rows that nobody reads.

use framedb_tests::{
    Build, TestNode, answers, arrival, ask, asking, calls, error, eventually,
    servers::mariadb::{self, Server},
    stored,
};
use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};
use std::time::Duration;

/// A database of its own, with the table `own` that is granted and `other` that is not.
pub(crate) struct Database {
    server: &'static Server,
    name: String,
    client: mysql_async::Conn,
}

impl Database {
    pub(crate) async fn new() -> Self {
        let server = mariadb::shared().await;
        let (name, mut client) = (mariadb::fresh_name(), server.client().await);
        for statement in [
            format!("CREATE DATABASE {name}"),
            format!("USE {name}"),
            "CREATE TABLE own (id INT PRIMARY KEY, text VARCHAR(2000) CHARACTER SET utf8mb4)"
                .into(),
            "CREATE TABLE other (id INT PRIMARY KEY)".into(),
            "INSERT INTO other VALUES (1)".into(),
        ] {
            client.query_drop(statement).await.unwrap();
        }
        Self { server, name, client }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url(&self.name)
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    pub(crate) fn node(&self) -> Build {
        granted(&self.url())
    }

    /// Puts so many thousands of rows into `own`, of some 1500 bytes each.
    pub(crate) async fn fill(&mut self, rows: u32) {
        for n in (0..rows).step_by(1000) {
            let sql = "INSERT INTO own VALUES (?, ?)".to_owned() + &", (?, ?)".repeat(999);
            let text = "x".repeat(1500);
            let row = |id: u32| [id.into(), text.clone().into()];
            let values: Vec<mysql_async::Value> = (n..n + 1000).flat_map(row).collect();
            self.client.exec_drop(sql, values).await.unwrap();
        }
    }

    /// Waits until no connection of the node is at work.
    pub(crate) async fn becomes_idle(&mut self) {
        let idle = async {
            while !self.commands().await.iter().all(|command| command == "Sleep") {
                tokio::task::yield_now().await;
            }
        };
        framedb_tests::within("statements end", idle).await;
    }

    pub(crate) async fn count(&mut self, table: &str) -> u64 {
        self.client.query_first(format!("SELECT COUNT(*) FROM {table}")).await.unwrap().unwrap()
    }

    /// What the connections of the node are doing: nothing, or a statement.
    async fn commands(&mut self) -> Vec<String> {
        let sql = "SELECT command FROM information_schema.processlist \
                   WHERE db = ? AND id <> CONNECTION_ID()";
        self.client.exec(sql, (&self.name,)).await.unwrap()
    }
}

fn granted(url: &str) -> Build {
    let tables = json!({ "own": ["select", "insert", "update", "delete", "replace"] });
    asking("asks-sql", &json!({ "mysql": { "db": { "url": url, "tables": tables } } }))
}

fn refusals(node: &TestNode) -> u64 {
    node.counted("framedb_plugin_refusals_total", "capability=\"mysql\"")
}

#[tokio::test]
async fn statements_are_run_with_their_parameters_in_both_versions() {
    let mut database = Database::new().await;
    let node = database.node().start().await;
    let text = "it's \\ \"ü\" 🎞";
    let asked = json!([
        ["execute", "INSERT INTO own VALUES (?, ?), (?, ?)", 1, text, 2, null],
        ["query", "SELECT id, text FROM own ORDER BY id"],
        ["execute-v2", "UPDATE own SET text = ? WHERE id = ?", "two", 2],
        ["query-v2", "SELECT text FROM own WHERE id = ?", 2],
        ["query", "SELECT id FROM own WHERE text = 'it''s \\\\ \"ü\" 🎞'"],
        ["execute", "DELETE FROM own WHERE id = 1"],
    ]);
    let expected = json!([
        null,
        {
            "columns": ["id DbDataType::Int32", "text DbDataType::Str"],
            "rows": [["DbValue::Int32(1)", text], ["DbValue::Int32(2)", null]],
        },
        null,
        { "columns": ["text DbDataType::Str"], "rows": [["two"]] },
        { "columns": ["id DbDataType::Int32"], "rows": [["DbValue::Int32(1)"]] },
        null,
    ]);
    assert_eq!(json!(ask(&node, "db", &asked).await), expected);
    assert_eq!(database.count("own").await, 1);
}

#[tokio::test]
async fn values_have_the_types_that_spin_gives_them() {
    let mut database = Database::new().await;
    let table = "CREATE TABLE kinds (a TINYINT, b SMALLINT UNSIGNED, c MEDIUMINT, d INT UNSIGNED, \
        e BIGINT, f BIGINT UNSIGNED, g FLOAT, h DOUBLE, i VARBINARY(9), j TEXT, k BLOB, \
        l TINYINT UNSIGNED, m DATETIME)";
    database.client.query_drop(table).await.unwrap();
    let row = "INSERT INTO kinds VALUES (-1, 65535, -3, 4, -5, 18446744073709551615, 0.5, 0.25, \
        'i', 'j', 'k', 200, '2026-01-02 03:04:05')";
    database.client.query_drop(row).await.unwrap();
    let url = database.server.url(&database.name);
    let grant = json!({ "url": url, "tables": { "kinds": ["select"] } });
    let node = asking("asks-sql", &json!({ "mysql": { "db": grant } })).start().await;
    let asked = json!([
        ["query", "SELECT a, b, c, d, e, f, g, h, i, j, k, l FROM kinds"],
        ["query", "SELECT m FROM kinds"],
    ]);
    let answers = ask(&node, "db", &asked).await;
    let expected = json!([
        "DbValue::Int8(-1)",
        "DbValue::Uint16(65535)",
        "DbValue::Int32(-3)",
        "DbValue::Uint32(4)",
        "DbValue::Int64(-5)",
        "DbValue::Uint64(18446744073709551615)",
        "DbValue::Floating32(0.5)",
        "DbValue::Floating64(0.25)",
        "DbValue::Binary([105])",
        "j",
        "DbValue::Binary([107])",
        "DbValue::Uint8(200)",
    ]);
    assert_eq!(answers[0]["rows"][0], expected);
    let text = error(&answers[1]);
    assert!(text.contains("`m`") && !text.contains("2026"), "{text}");
}

#[tokio::test]
async fn what_is_not_granted_is_an_error_that_the_guest_reads_and_nothing_is_run() {
    let mut database = Database::new().await;
    let node = database.node().start().await;
    let statements = [
        ("SELECT * FROM other", "`select` of the table `other` is not granted"),
        ("DELETE FROM other", "[plugins.asks-sql.grants.mysql.db]"),
        ("INSERT INTO own SELECT id, 'x' FROM other", "`select` of the table `other`"),
        ("INSERT INTO own VALUES (1, 'a'); DELETE FROM other", "more than one SQL statement"),
        ("INSERT INTO own VALUES (1, 'a') /*!50000 , (2, 'b') */", "comment"),
        ("SELECT id FROM own /*T! , (SELECT 1 FROM other) */", "comment"),
        ("SET SESSION sql_mode = ''", ""),
        ("DROP TABLE own", ""),
        ("SELECT SLEEP(1) FROM own", "sleep"),
        ("SELECT * FROM mysql.user", "`mysql.user`"),
        ("USE mysql", ""),
        ("not SQL at all", "cannot read the SQL statement"),
    ];
    let functions = ["query", "execute", "query-v2", "execute-v2"];
    let asked: Vec<Value> = statements
        .iter()
        .flat_map(|(sql, _)| functions.map(|function| json!([function, sql])))
        .collect();
    let answers = ask(&node, "db", &json!(asked)).await;
    for (four, (sql, part)) in answers.chunks(4).zip(statements) {
        for answer in four {
            let text = error(answer).to_lowercase();
            assert!(text.contains(&part.to_lowercase()), "{sql}: `{part}` is not in {text}");
        }
    }
    assert_eq!(refusals(&node), 4 * statements.len() as u64);
    assert_eq!((database.count("own").await, database.count("other").await), (0, 1));
    let answers = ask(&node, "elsewhere", &json!([["query", "SELECT 1"]])).await;
    assert!(error(&answers[0]).contains("[plugins.asks-sql.grants.mysql.elsewhere]"));
    let address = "mysql://root:hunter2@127.0.0.1/own";
    let answers = ask(&node, address, &json!([["query", "SELECT 1"]])).await;
    let text = error(&answers[0]);
    assert!(text.contains("[plugins.asks-sql.grants.mysql.LABEL]"), "{text}");
    assert!(text.contains("`mysql://…@127.0.0.1/own`") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn what_the_server_refuses_is_told_without_its_address_and_user() {
    let database = Database::new().await;
    let node = database.node().start().await;
    let asked = json!([
        ["execute", "INSERT INTO own VALUES (1, 'a')"],
        ["execute", "INSERT INTO own VALUES (1, 'b')"],
        ["query", "SELECT nothing FROM own"],
        ["query", "SELECT id FROM own WHERE id = ?"],
        ["execute", "INSERT INTO own VALUES (2, REPEAT('x', 3000))"],
    ]);
    let answers = ask(&node, "db", &asked).await;
    let parts = ["Duplicate entry '1'", "nothing", "1 parameters but 0", "too long"];
    for (answer, part) in answers[1..].iter().zip(parts) {
        assert!(error(answer).contains(part), "`{part}` is not in {answer}");
        assert!(!error(answer).contains("root") && !error(answer).contains("127.0.0.1"));
    }
}

#[tokio::test]
async fn rows_that_nobody_reads_end_their_statement() {
    let mut database = Database::new().await;
    database.fill(5000).await;
    let patient = |plugin: &mut framedb_host::plugin::PluginConfig| {
        plugin.limits.time = Duration::from_secs(20);
        plugin.limits.batch_time = Duration::from_secs(20);
        plugin.limits.cpu = Duration::from_secs(20);
        plugin.limits.batch_cpu = Duration::from_secs(20);
    };
    let node = database.node().configure("asks-sql", patient).start().await;
    // More often than there are connections: each is given back or closed.
    let first: Vec<Value> =
        (0..40).map(|_| json!(["first", "SELECT id FROM own ORDER BY id"])).collect();
    for answer in ask(&node, "db", &json!(first)).await {
        assert_eq!(answer, json!(["DbValue::Int32(0)"]));
    }
    let all = ask(&node, "db", &json!([["query", "SELECT text FROM own"]])).await;
    assert_eq!(all[0]["rows"].as_array().map(Vec::len), Some(5000));
    database.becomes_idle().await;
}

#[tokio::test]
async fn statements_of_many_objects_share_a_few_connections() {
    let mut database = Database::new().await;
    let node = database.node().start().await;
    let objects = (0..256).map(|n| {
        let asked = json!([["execute", "INSERT INTO own VALUES (?, 'x')", n]]);
        calls(&format!("o-{n}"), "db", &asked)
    });
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
    assert_eq!(database.count("own").await, 256);
    let connections = database.commands().await.len();
    assert!((1..=16).contains(&connections), "{connections}");
}

#[tokio::test]
async fn a_server_that_is_down_is_an_error_and_neighbours_are_stored() {
    let mut server = Server::start(&[]).await;
    server.client().await.query_drop("CREATE DATABASE d").await.unwrap();
    server.client().await.query_drop("CREATE TABLE d.own (id INT)").await.unwrap();
    let node = granted(&server.url("d")).start().await;
    let asked = json!([["execute", "INSERT INTO own VALUES (1)"]]);
    assert_eq!(ask(&node, "db", &asked).await, [Value::Null]);
    server.pause(true);
    let slow = node.ingest_all([calls("slow", "db", &asked), arrival("beside-slow")]).await;
    server.pause(false);
    server.stop();
    let down = node.ingest_all([calls("down", "db", &asked), arrival("beside-down")]).await;
    for receipt in slow.into_iter().chain(down) {
        let _ = stored(receipt);
    }
    let text = answers(&node, "slow").await;
    assert!(error(&text[0]).contains("did not answer in time"), "{text:?}");
    let text = answers(&node, "down").await;
    assert!(error(&text[0]).contains("no connection to the server"), "{text:?}");
    assert!(!error(&text[0]).contains("127.0.0.1"), "{text:?}");
    server.start_again().await;
    let back = async || (ask(&node, "db", &asked).await == [Value::Null]).then_some(());
    eventually("the database is used again", back).await;
}
