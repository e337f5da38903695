//! `ingest-audit-sql`, the plugin that comes with the node, against a real server.

use framedb_core::FailureClass;
use framedb_tests::{
    Build, Describe, TestNode, arrival, component, failure,
    servers::mariadb::{self, Server},
    stored,
};
use mysql_async::prelude::Queryable as _;
use serde_json::json;

/// The table as the plugin's page has it.
fn table() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../components/ingest-audit-sql/README.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```sql\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

async fn database(server: &Server) -> (String, mysql_async::Conn) {
    let (name, mut client) = (mariadb::fresh_name(), server.client().await);
    client.query_drop(format!("CREATE DATABASE {name}")).await.unwrap();
    client.query_drop(format!("USE {name}")).await.unwrap();
    (name, client)
}

fn node(url: &str, on_error: &str) -> Build {
    let grant = json!({ "url": url, "tables": { "audit": ["insert", "update"] } });
    let grants = serde_json::from_value(json!({ "mysql": { "db": grant } })).unwrap();
    TestNode::build()
        .plugin("audit", component("ingest-audit-sql"), |plugin| {
            plugin.grants = grants;
            plugin.settings.insert("audit_sql_address".into(), "db".into());
            plugin.settings.insert("audit_sql_on_error".into(), on_error.into());
        })
        .pipeline("default", |pipeline| pipeline.ingest = vec!["audit".into()])
}

#[tokio::test]
async fn every_object_has_one_row_however_often_it_comes() {
    let server = mariadb::shared().await;
    let (name, mut client) = database(server).await;
    client.query_drop(table()).await.unwrap();
    let node = node(&server.url(&name), "retry").start().await;
    let object = |n| {
        let arrival = arrival(&format!("k-{n}")).id(&format!("id-{n}")).source("cam");
        arrival.content_type("text/plain")
    };
    for receipt in node.ingest_all((0..120).map(object)).await {
        let _ = stored(receipt);
    }
    let _ = stored(node.ingest(object(7)).await);
    let rows: u64 = client.query_first("SELECT COUNT(*) FROM audit").await.unwrap().unwrap();
    assert_eq!(rows, 120);
    let sql = "SELECT object_key, source, content_type, size FROM audit WHERE id = 'id-7'";
    let row: Option<(String, String, String, u64)> = client.query_first(sql).await.unwrap();
    let expected = ("k-7".to_owned(), "cam".to_owned(), "text/plain".to_owned(), 14);
    assert_eq!(row, Some(expected));
}

#[tokio::test]
async fn an_object_without_a_row_is_accepted_or_refused_as_the_setting_says() {
    let server = mariadb::shared().await;
    let (name, _client) = database(server).await;
    let url = server.url(&name);
    let accepts = node(&url, "accept").start().await;
    let _ = stored(accepts.ingest(arrival("a")).await);
    let rejects = node(&url, "reject").start().await;
    let refused = failure(rejects.ingest(arrival("a")).await);
    assert_eq!(refused.class, FailureClass::Reject);
    assert!(refused.message.contains("there is no such table"), "{}", refused.message);
    let retries = node(&url, "retry")
        .config(|config| config.limits.deadline = std::time::Duration::from_secs(1))
        .start()
        .await;
    let late = failure(retries.ingest(arrival("a")).await);
    assert!(late.message.contains("cannot write the audit row"), "{}", late.message);
    assert_ne!(late.class, FailureClass::Reject);
}

#[tokio::test]
async fn a_row_that_is_not_granted_is_refused_at_once() {
    let server = mariadb::shared().await;
    let (name, _client) = database(server).await;
    let node = node(&server.url(&name), "retry")
        .configure("audit", |plugin| {
            plugin.settings.insert("audit_sql_address".into(), "elsewhere".into());
        })
        .start()
        .await;
    let refused = failure(node.ingest(arrival("a")).await);
    assert_eq!(refused.class, FailureClass::Reject);
    let message = refused.message;
    assert!(message.contains("the database `elsewhere` is not granted"), "{message}");
}
