//! Plugins that attack what lies behind their grants: an address in place of a label, a key, a
//! command, a table, a statement in disguise. Each is refused before anything is sent; the
//! neighbours of the object that ordered the attack are stored.

use crate::{evil::attacked, sql_calls::Database};
use framedb_core::FailureClass;
use framedb_tests::{
    TestNode, asking,
    servers::{redis::RedisServer, web::Web},
};
use serde_json::{Value, json};

/// How many addresses the attacks try.
const ADDRESSES: u64 = 21;

/// The attack is refused, in words that say so and hold no secret; so many refusals are told to
/// the operator.
async fn refused(node: &TestNode, argument: &str, parts: &[&str], refusals: u64) {
    let failure = attacked(node, argument).await;
    assert_eq!(failure.class, FailureClass::Reject, "{}", failure.message);
    for part in parts {
        assert!(failure.message.contains(part), "`{part}` is not in {}", failure.message);
    }
    assert!(!failure.message.contains("s3cret"), "{}", failure.message);
    assert_eq!(node.counted("framedb_plugin_refusals_total", ""), refusals);
}

/// A node with an attack, and a Redis that holds a secret beside what the plugin may use.
async fn beside_redis(name: &str) -> (RedisServer, TestNode) {
    let server = RedisServer::start();
    server.command(&["SET", "secret", "s3cret"]);
    let grant = json!({
        "url": server.url(), "keys": ["own:*"], "commands": ["read", "write"],
    });
    let node = asking(name, &json!({ "redis": { "own": grant } })).start().await;
    (server, node)
}

async fn beside_database(name: &str) -> (Database, TestNode) {
    let database = Database::new().await;
    let grant: Value = json!({ "url": database.url(), "tables": { "own": ["*"] } });
    let node = asking(name, &json!({ "mysql": { "own": grant } })).start().await;
    (database, node)
}

#[tokio::test]
async fn addresses_in_place_of_a_label_of_redis_lead_nowhere() {
    let (server, node) = beside_redis("evil-redis-addresses").await;
    let port = server.port().to_string();
    let parts = [&*format!("{ADDRESSES}: "), "is not granted"];
    refused(&node, &port, &parts, ADDRESSES).await;
}

#[tokio::test]
async fn addresses_in_place_of_a_label_of_a_database_lead_nowhere() {
    let (database, node) = beside_database("evil-sql-addresses").await;
    let port = database.port().to_string();
    let parts = [&*format!("{ADDRESSES}: "), "is not granted"];
    refused(&node, &port, &parts, ADDRESSES).await;
}

#[tokio::test]
async fn a_key_outside_of_the_prefix_is_not_read() {
    let (_server, node) = beside_redis("evil-redis-key").await;
    refused(&node, "own", &["the key `secret` is not granted to GET"], 1).await;
}

#[tokio::test]
async fn a_command_outside_of_the_grant_is_not_run() {
    let (server, node) = beside_redis("evil-redis-command").await;
    refused(&node, "own", &["FLUSHALL"], 1).await;
    assert_eq!(server.command(&["GET", "secret"]), "$6\r\ns3cret");
}

#[tokio::test]
async fn a_table_outside_of_the_grant_is_not_read_behind_one_inside() {
    let (_database, node) = beside_database("evil-sql-table").await;
    refused(&node, "own", &["`other`", "is not granted"], 1).await;
}

#[tokio::test]
async fn a_second_statement_is_not_run() {
    let (mut database, node) = beside_database("evil-sql-second").await;
    refused(&node, "own", &["statement"], 1).await;
    assert_eq!(database.count("other").await, 1);
}

#[tokio::test]
async fn what_a_comment_hides_is_not_run() {
    let (_database, node) = beside_database("evil-sql-comment").await;
    refused(&node, "own", &["comment"], 1).await;
}

#[tokio::test]
async fn addresses_in_place_of_a_granted_host_are_not_asked() {
    let web = Web::start().await;
    let grant = json!({ "host": "granted.example", "schemes": ["http"], "private": ["127.0.0.1"] });
    let node = asking("evil-http-addresses", &json!({ "http": { "own": grant } })).start().await;
    let failure = attacked(&node, &web.port().to_string()).await;
    assert_eq!(failure.class, FailureClass::Reject, "{}", failure.message);
    assert!(failure.message.contains(&format!("{ADDRESSES}: ")), "{}", failure.message);
    assert!(failure.message.contains("are not granted"), "{}", failure.message);
    assert_eq!(web.connections(), 0);
}
