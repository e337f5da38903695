//! What servers answer to plugins is bounded: an answer that is too large is an error of the one
//! call, its neighbours get theirs, and the server is not left with the work.

use crate::sql_calls::Database;
use framedb_host::plugin::PluginConfig;
use framedb_tests::{
    TestNode, answers, arrival, ask, asking, calls, error, eventually, servers::redis::RedisServer,
    stored,
};
use serde_json::{Value, json};
use std::time::Duration;

/// Of Redis, and of one statement.
const MOST: usize = 64 << 20;

fn patient(plugin: &mut PluginConfig) {
    plugin.limits.time = Duration::from_secs(30);
    plugin.limits.batch_time = Duration::from_secs(30);
    plugin.limits.cpu = Duration::from_secs(30);
    plugin.limits.batch_cpu = Duration::from_secs(30);
}

async fn redis_node(server: &RedisServer) -> TestNode {
    let grant = json!({ "url": server.url(), "keys": ["own:*"], "commands": ["read", "write"] });
    let asking = asking("asks-redis", &json!({ "redis": { "hot": grant } }));
    asking.configure("asks-redis", patient).start().await
}

/// The connections of the node.
fn connections(server: &RedisServer) -> Vec<String> {
    let list = server.command(&["CLIENT", "LIST"]);
    let nodes = list.lines().filter(|line| line.contains("id=") && !line.contains("cmd=client"));
    nodes.filter_map(|line| line.split(' ').next()).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_value_of_redis_that_is_too_large_is_an_error_of_one_call() {
    let server = RedisServer::start();
    let last = (MOST + 10).to_string();
    server.command(&["SETRANGE", "own:huge", &last, "x"]);
    server.command(&["SET", "own:small", "small"]);
    let node = redis_node(&server).await;
    assert_eq!(ask(&node, "hot", &json!([["get", "own:small"]])).await, ["small"]);
    let before = connections(&server);
    assert_eq!(before.len(), 1);
    let huge = calls("huge", "hot", &json!([["get", "own:huge"], ["get", "own:small"]]));
    let small = json!([["get", "own:small"], ["get", "own:small"]]);
    let beside = (0..16).map(|n| calls(&format!("beside-{n}"), "hot", &small));
    for receipt in node.ingest_all([huge, arrival("plain")].into_iter().chain(beside)).await {
        let _ = stored(receipt);
    }
    let told = answers(&node, "huge").await;
    let text = error(&told[0]);
    assert!(text.contains(&format!("has more than {MOST} bytes")), "{text}");
    assert_eq!(told[1], "small");
    for n in 0..16 {
        assert_eq!(json!(answers(&node, &format!("beside-{n}")).await), json!(["small", "small"]));
    }
    // What was on its way took nobody's connection away, and the next calls have another one.
    assert_eq!(ask(&node, "hot", &json!([["get", "own:small"]])).await, ["small"]);
    let closed = async || {
        let now = connections(&server);
        (now.len() == 1 && now != before).then_some(())
    };
    eventually("the connection is replaced", closed).await;
}

#[tokio::test]
async fn a_list_of_redis_that_is_too_large_is_an_error_whatever_its_elements() {
    let server = RedisServer::start();
    let fill = |script: &str| server.command(&["EVAL", script, "0"]);
    // Many small elements, and few large ones.
    fill("for n = 1, 70 do redis.call('RPUSH', 'own:large', string.rep('x', 1048576)) end");
    fill(
        "local row = {} for n = 1, 1000 do row[n] = 'x' end \
         for n = 1, 2000 do redis.call('RPUSH', 'own:many', unpack(row)) end",
    );
    let node = redis_node(&server).await;
    let asked = json!([
        ["execute", "LRANGE", "own:many", 0, -1],
        ["execute", "LRANGE", "own:large", 0, -1],
        ["execute", "LRANGE", "own:large", 0, 0],
        ["execute", "LLEN", "own:many"],
    ]);
    let told = ask(&node, "hot", &asked).await;
    for answer in &told[..2] {
        let text = error(answer);
        assert!(text.contains(&format!("has more than {MOST} bytes")), "{text}");
    }
    assert_eq!(told[2], json!(["1048576 bytes"]));
    assert_eq!(told[3], json!([2_000_000]));
}

#[tokio::test]
async fn rows_that_a_statement_answers_unasked_are_bounded_and_counted() {
    let mut database = Database::new().await;
    database.fill(3000).await;
    let node = database.node().configure("asks-sql", patient).start().await;
    let asked = json!([
        ["execute", "SELECT a.text FROM own a, own b"],
        ["query-v2", "SELECT a.text FROM own a, own b"],
        ["execute", "SELECT id FROM own"],
    ]);
    let told = ask(&node, "db", &asked).await;
    for answer in &told[..2] {
        let text = error(answer);
        assert!(text.contains(&format!("more than {MOST} bytes")), "{text}");
    }
    assert_eq!(told[2], Value::Null);
    let grant = json!({
        "url": database.url(), "tables": { "own": ["select"] }, "rate": { "bytes": "100 KB" },
    });
    let asking = asking("asks-sql", &json!({ "mysql": { "db": grant } }));
    let node = asking.configure("asks-sql", patient).start().await;
    let text = "SELECT text FROM own";
    let told = ask(&node, "db", &json!([["execute", text], ["execute", text]])).await;
    assert_eq!(told[0], Value::Null);
    assert!(error(&told[1]).contains("bytes in a second"), "{}", told[1]);
}

#[tokio::test]
async fn a_statement_that_is_given_up_ends_at_the_server() {
    let mut database = Database::new().await;
    database.fill(1000).await;
    let node = database.node().start().await;
    let long =
        "SELECT COUNT(*) FROM own a, own b, own c, own d WHERE a.id + b.id + c.id < d.id - 5000";
    let asked = json!([["query", long], ["execute", long]]);
    let slow = node.ingest_all([calls("slow", "db", &asked), arrival("beside")]).await;
    for receipt in slow {
        let _ = stored(receipt);
    }
    let told = answers(&node, "slow").await;
    assert!(error(&told[0]).contains("did not answer in time"), "{told:?}");
    database.becomes_idle().await;
    assert_eq!(ask(&node, "db", &json!([["execute", "SELECT id FROM own"]])).await, [Value::Null]);
}
