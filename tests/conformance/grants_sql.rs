//! What the SQL guard lets through, held against a real server: its texts, its syntax, and the
//! privileges of a user who may do no more than the grant says.

use crate::mariadb::{self, Server};
use framedb_host::{
    Config,
    grants::{Grants, sql::SqlGuard},
};
use mysql_async::{Conn, Error, Opts, OptsBuilder, prelude::Queryable as _};

/// A guard that allows these tables.
fn guard(tables: &str) -> SqlGuard {
    let text =
        format!("[plugins.ingest-inspect.grants.mysql.db]\nurl = 'mysql://h'\ntables = {tables}\n");
    let config = Config::parse(&text).unwrap();
    let grants = Grants::new("p", &config.plugins["ingest-inspect"].grants);
    grants.mysql("db").unwrap().guard.clone().unwrap()
}

/// A database of one's own with a table that is granted and one that is not.
async fn database(server: &Server) -> (Conn, String) {
    let name = mariadb::fresh_name();
    let root = Opts::from_url(&server.url("mysql")).unwrap();
    let mut conn = Conn::new(root).await.unwrap();
    let setup = format!(
        "CREATE DATABASE {name}; USE {name}; \
         CREATE TABLE t (a INT, b VARCHAR(100), c DATETIME); \
         CREATE TABLE u (a INT, b VARCHAR(100), c DATETIME); \
         CREATE TABLE secret (a INT, b VARCHAR(100), c DATETIME); \
         INSERT INTO t VALUES (1, 'x', NOW()); INSERT INTO secret VALUES (7, 'x', NOW())"
    );
    conn.query_drop(setup).await.unwrap();
    (conn, name)
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_arrive_as_they_were_meant_and_end_in_every_sql_mode() {
    let server = mariadb::shared().await;
    let (mut conn, _) = database(server).await;
    let guard = guard("{}");
    let literals = [
        (r"'it''s'", "it's"),
        (r"'it\'s'", "it's"),
        (r#""it's ""x""""#, "it's \"x\""),
        (r"'\\'", "\\"),
        (r"'\\\''", "\\'"),
        (r"'\\''; DROP TABLE t -- '", "\\'; DROP TABLE t -- "),
        (r"'a\'' ' b'", "a' b"),
        (r"'\a\f\q\n\t\Z\0'", "afq\n\t\u{1a}\0"),
        (r"'100\%\_'", "100\\%\\_"),
        ("'ä\u{1F600} /* x */ # -- '", "ä\u{1F600} /* x */ # -- "),
        (r"'\\\\\\'''''", "\\\\\\''"),
    ];
    for (literal, value) in literals {
        let sent = guard.check(&format!("SELECT {literal}, 'end'")).unwrap();
        for mode in ["", "ANSI_QUOTES", "ANSI", "PIPES_AS_CONCAT,IGNORE_SPACE", "ORACLE"] {
            conn.query_drop(format!("SET SESSION sql_mode = '{mode}'")).await.unwrap();
            let row: Option<(String, String)> = conn.query_first(sent.as_str()).await.unwrap();
            assert_eq!(row, Some((value.to_owned(), "end".to_owned())), "{mode}: {sent}");
        }
        conn.query_drop("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'").await.unwrap();
        let row: Option<(String, String)> = conn.query_first(sent.as_str()).await.unwrap();
        assert_eq!(row.unwrap().1, "end", "{sent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_the_servers_sql() {
    let server = mariadb::shared().await;
    let (mut conn, _) = database(server).await;
    let guard = guard("{ t = ['*'], u = ['*'] }");
    for sql in [
        "SELECT a, t.b AS `group`, \"x\" FROM t WHERE a = ? AND b LIKE 'x\\_%' ORDER BY c DESC LIMIT 1, 2",
        "SELECT DISTINCT t.* FROM t JOIN u USING (a) LEFT JOIN u AS v ON v.a = t.a, u w",
        "SELECT COUNT(*), MAX(a), GROUP_CONCAT(DISTINCT b ORDER BY b SEPARATOR ',') FROM t GROUP BY c WITH ROLLUP",
        "SELECT CASE a WHEN 1 THEN 'x' ELSE ? END, IF(a, b, c), a <=> 1, - -1, NOT a, ~a, a DIV 2, 5--1 FROM t",
        "SELECT CAST(a AS UNSIGNED), CAST(b AS CHAR(10)), CONVERT(a, DECIMAL(10,2)), CONVERT(b USING utf8mb4) FROM t",
        "SELECT SUBSTRING(b, 1, 2), TRIM(BOTH 'x' FROM b), EXTRACT(YEAR FROM c), CEIL(a), POSITION('a' IN b) FROM t",
        "SELECT TIMESTAMPDIFF(SECOND, c, NOW()), DATE_ADD(c, INTERVAL 1 MINUTE), CURRENT_TIMESTAMP, c - INTERVAL 1 DAY FROM t",
        "SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) FROM t",
        "SELECT SUM(a) OVER w FROM t WINDOW w AS (ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n",
        "SELECT a FROM (SELECT a FROM t UNION ALL SELECT a FROM u) x WHERE EXISTS (SELECT 1 FROM u WHERE u.a = x.a)",
        "SELECT a FROM t WHERE (a, b) IN ((1, 'x'), (?, ?)) AND c BETWEEN ? AND NOW() AND b REGEXP '^x'",
        "SELECT a FROM t WHERE a = ANY (SELECT a FROM u) FOR UPDATE",
        "SELECT _utf8mb4'x' COLLATE utf8mb4_bin, 0x1F, DATE '2020-01-01', 1 FROM DUAL",
        "INSERT INTO t (a, b) VALUES (?, 'it''s'), (1, DEFAULT) ON DUPLICATE KEY UPDATE b = VALUES(b)",
        "INSERT IGNORE INTO t SET a = ?, b = CONCAT('x', ?)",
        "INSERT INTO t (a) SELECT a FROM u WHERE b = ?",
        "INSERT INTO t (a) VALUES (?) RETURNING a",
        "REPLACE INTO t VALUES (1, ?, NOW(6))",
        "UPDATE t SET a = a + 1, b = ? WHERE c < NOW() ORDER BY a LIMIT 1",
        "UPDATE t JOIN u ON t.a = u.a SET t.b = u.b WHERE u.a = ?",
        "DELETE FROM t WHERE a = ? ORDER BY b LIMIT 5",
        "DELETE t FROM t JOIN u ON t.a = u.a",
        "DELETE FROM t USING t JOIN u ON t.a = u.a",
    ] {
        let sent = guard.check(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
        let prepared = conn.prep(sent.as_str()).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{sql}\n{sent}\n{error}"));
        let placeholders = sql.matches('?').count();
        assert_eq!(usize::from(prepared.num_params()), placeholders, "{sent}");
    }
}

/// Mangled statements that the guard lets through never ask for more than a user has who was
/// given just what the grant says.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_same_rights_is_never_denied() {
    let server = mariadb::shared().await;
    let (mut root, name) = database(server).await;
    let user = format!("u_{name}");
    let setup = format!(
        "CREATE USER {user}; GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.t TO {user}; \
         GRANT SELECT ON {name}.u TO {user}"
    );
    root.query_drop(setup).await.unwrap();
    let options = Opts::from_url(&server.url(&name)).unwrap();
    let options = OptsBuilder::from_opts(options).user(Some(&user)).pass(None::<&str>);
    let mut conn = Conn::new(options).await.unwrap();
    let guard = guard("{ t = ['*'], u = ['select'] }");
    let seeds = [
        "SELECT t.a, secret.b FROM t JOIN u AS secret ON t.a = secret.a WHERE t.b = 'x''y'",
        "WITH secret AS (SELECT a FROM t) SELECT * FROM secret, (SELECT a FROM u) x LIMIT 2",
        "SELECT * FROM (WITH secret AS (SELECT 1) SELECT * FROM secret) x UNION SELECT a FROM t",
        "INSERT INTO t (a) SELECT a FROM u WHERE b = (SELECT MAX(b) FROM t)",
        "UPDATE t JOIN u AS secret ON t.a = secret.a SET t.b = 'z' WHERE secret.a < 3",
        "DELETE t FROM t JOIN u ON t.a = u.a WHERE u.b LIKE '\\_%'",
        "DELETE FROM t WHERE a IN (SELECT a FROM u)",
        "REPLACE INTO t (a, b) VALUES (1, \"q\"), (2, CONCAT('\\\\', 'x'))",
    ];
    let parts = [
        "secret",
        " secret ",
        " u ",
        " t ",
        "t.",
        "u.",
        "secret.",
        " AS secret ",
        ", secret ",
        " JOIN secret ON 1 ",
        "(SELECT a FROM secret)",
        " UNION SELECT a FROM secret ",
        "`",
        "'",
        "\"",
        "\\",
        "(",
        ")",
        ",",
        ";",
        "/*",
        "*/",
        "-- ",
        "#",
        "WITH secret AS (SELECT 1) ",
        " FOR UPDATE ",
        "mysql.user",
        "information_schema.tables",
        "@x",
        " SET ",
        " a ",
        " 1 ",
    ];
    let mut random = fastrand::Rng::with_seed(4);
    let mut ran = 0;
    conn.query_drop("START TRANSACTION").await.unwrap();
    for _ in 0..20_000 {
        let mut sql = seeds[random.usize(..seeds.len())].to_owned();
        for _ in 0..random.usize(1..4) {
            // Between words more often than within them.
            let places: Vec<_> =
                sql.match_indices([' ', ',', '(', ')']).map(|(at, _)| at).collect();
            let Some(&place) = places.get(random.usize(..places.len().max(1))) else { break };
            match random.u8(..4) {
                0 | 1 => sql.insert_str(place, parts[random.usize(..parts.len())]),
                2 => {
                    let end = sql[place + 1..].find(' ').map_or(sql.len(), |end| place + 1 + end);
                    sql.replace_range(place + 1..end, parts[random.usize(..parts.len())].trim());
                }
                _ => drop(sql.remove(place)),
            }
        }
        let Ok(sent) = guard.check(&sql) else { continue };
        ran += 1;
        if let Err(Error::Server(error)) = conn.query_drop(sent.as_str()).await {
            let denied = [1044, 1045, 1142, 1143, 1227, 1370].contains(&error.code);
            assert!(!denied, "{sql}\nwas sent as {sent}\nand denied: {error}");
        }
    }
    assert!(ran > 500, "only {ran} statements were let through");
}
