//! `spin:redis` in a real guest against a real server: every function, what is refused, how
//! connections are shared, and what happens when the server does not answer.

use framedb_host::ErrorKind;
use framedb_tests::{
    Build, TestNode, answers, arrival, ask, asking, calls, error,
    servers::{redis::RedisServer, replicated::Cluster},
    stored,
};
use serde_json::{Value, json};

/// A node whose plugin may read and write keys that begin with `own:`.
fn node(url: &str) -> Build {
    granted(&json!({
        "url": url,
        "keys": ["own:*"],
        "commands": ["read", "write", "publish"],
        "channels": ["news"],
    }))
}

fn granted(grant: &Value) -> Build {
    asking("asks-redis", &json!({ "redis": { "hot": grant } }))
}

/// How many connections the server has, but for the one that asks.
fn connections(server: &RedisServer) -> usize {
    server.command(&["CLIENT", "LIST"]).lines().filter(|line| line.contains("addr=")).count() - 1
}

fn refusals(node: &TestNode) -> u64 {
    node.counted("framedb_plugin_refusals_total", "capability=\"redis\"")
}

#[tokio::test]
async fn every_function_does_in_redis_what_it_says() {
    let server = RedisServer::start();
    let node = node(&server.url()).start().await;
    let asked = json!([
        ["get", "own:a"],
        ["set", "own:a", "value"],
        ["get", "own:a"],
        ["incr", "own:n"],
        ["incr", "own:n"],
        ["sadd", "own:s", "x", "y", "x"],
        ["smembers", "own:s"],
        ["srem", "own:s", "x", "z"],
        ["del", "own:a", "own:n", "own:none"],
        ["publish", "news", "hello"],
    ]);
    let expected = json!([null, null, "value", 1, 2, 2, ["x", "y"], 1, 2, null]);
    assert_eq!(json!(ask(&node, "hot", &asked).await), expected);
    assert_eq!(server.command(&["EXISTS", "own:a", "own:n"]), ":0");
    assert_eq!(server.command(&["SCARD", "own:s"]), ":1");
}

#[tokio::test]
async fn any_command_is_answered_with_a_flat_list() {
    let server = RedisServer::start();
    let node = node(&server.url()).start().await;
    let asked = json!([
        ["execute", "SET", "own:a", "b", "EX", 100],
        ["execute", "XADD", "own:x", "1-1", "field", "value"],
        ["execute", "XRANGE", "own:x", "-", "+"],
        ["execute", "MGET", "own:a", "own:none"],
        ["execute", "HSET", "own:h", "f", -7],
        ["execute", "HGET", "own:h", "f"],
    ]);
    let expected = json!([
        [{ "status": "OK" }],
        ["1-1"],
        ["1-1", "field", "value"],
        ["b", null],
        [1],
        ["-7"],
    ]);
    assert_eq!(json!(ask(&node, "hot", &asked).await), expected);
}

#[tokio::test]
async fn what_is_not_granted_is_an_error_that_the_guest_reads_and_nothing_is_done() {
    let server = RedisServer::start();
    server.command(&["SET", "other", "1"]);
    server.command(&["RPUSH", "own:q", "element"]);
    let node = node(&server.url()).start().await;
    let asked = json!([
        ["get", "other"],
        ["set", "other", "2"],
        ["del", "own:q", "other"],
        ["execute", "MGET", "own:q", "other"],
        ["execute", "FLUSHALL"],
        ["execute", "CONFIG", "SET", "maxmemory", "1"],
        ["execute", "EVAL", "return redis.call('del', 'other')", 0],
        ["execute", "BLPOP", "own:q", 0],
        ["execute", "SELECT", 1],
        ["execute", "NOSUCH", "own:q"],
        ["publish", "other", "x"],
    ]);
    let answers = ask(&node, "hot", &asked).await;
    assert_eq!(answers.len(), 11);
    let parts = [
        "the key `other` is not granted to GET",
        "keys = [\"own:*\", \"other\"]",
        "the key `other` is not granted to DEL",
        "the key `other` is not granted to MGET",
        "\"flushall\"]",
        "\"config set\"]",
        "EVAL is a scripting command",
        "BLPOP is a blocking command",
        "\"select\"]",
        "NOSUCH is unknown",
        "\"other\"]",
    ];
    for (answer, part) in answers.iter().zip(parts) {
        assert!(error(answer).contains(part), "`{part}` is not in {answer}");
    }
    assert_eq!(refusals(&node), 11);
    assert_eq!(server.command(&["GET", "other"]), "$1\r\n1");
    assert_eq!(server.command(&["LLEN", "own:q"]), ":1");
    let answers = ask(&node, "elsewhere", &json!([["get", "a"]])).await;
    let text = error(&answers[0]);
    assert!(text.contains("[plugins.asks-redis.grants.redis.elsewhere]"), "{text}");
}

#[tokio::test]
async fn an_address_in_place_of_a_label_is_refused_without_its_password() {
    let server = RedisServer::start();
    let node = node(&server.url()).start().await;
    let address = server.url().replace("redis://", "redis://:hunter2@");
    let answers = ask(&node, &address, &json!([["get", "own:a"]])).await;
    let text = error(&answers[0]);
    assert!(text.contains("the Redis `redis://…@"), "{text}");
    assert!(text.contains("[plugins.asks-redis.grants.redis.LABEL]"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_plugin_that_is_granted_no_redis_is_not_loaded() {
    let build = asking("asks-redis", &json!({}));
    let refused = build.try_start().await.map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.chain().contains("`spin:redis/redis@3.0.0`"), "{}", refused.chain());
    assert!(refused.hint().unwrap().contains("[plugins.asks-redis.grants.redis.LABEL]"));
}

#[tokio::test]
async fn a_value_of_another_type_is_told_apart() {
    let server = RedisServer::start();
    let node = node(&server.url()).start().await;
    server.command(&["SET", "own:text", "text"]);
    server.command(&["RPUSH", "own:list", "element"]);
    let asked = json!([
        ["incr", "own:text"],
        ["get", "own:list"],
        ["sadd", "own:text", "x"],
        ["execute", "SETRANGE", "own:text", -1, "x"],
    ]);
    let answers = ask(&node, "hot", &asked).await;
    for answer in &answers[..3] {
        assert_eq!(error(answer), "Error::TypeError");
    }
    assert!(error(&answers[3]).contains("offset is out of range"), "{}", answers[3]);
}

#[tokio::test]
async fn a_rate_refuses_what_comes_too_fast() {
    let server = RedisServer::start();
    let grant = json!({
        "url": server.url(), "keys": ["*"], "commands": ["write"], "rate": { "calls": 2 },
    });
    let node = granted(&grant).start().await;
    let asked = json!([["incr", "n"], ["incr", "n"], ["incr", "n"]]);
    let answers = ask(&node, "hot", &asked).await;
    assert!(error(&answers[2]).contains("more than 2 calls in a second"), "{}", answers[2]);
    assert_eq!(server.command(&["GET", "n"]), "$1\r\n2");
}

#[tokio::test]
async fn an_instances_redis_is_used_by_its_id() {
    let server = RedisServer::start();
    let grant = json!({ "instance": "near", "keys": ["*"], "commands": ["write"] });
    let node = granted(&grant).instance("near", &server.url()).start().await;
    assert_eq!(ask(&node, "hot", &json!([["incr", "n"]])).await, [json!(1)]);
}

#[tokio::test]
async fn calls_of_many_objects_share_one_connection() {
    let server = RedisServer::start();
    let node = node(&server.url()).start().await;
    let asked = json!([["incr", "own:n"], ["get", "own:n"]]);
    let objects = (0..256).map(|n| calls(&format!("o-{n}"), "hot", &asked));
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
    assert_eq!(server.command(&["GET", "own:n"]), "$3\r\n256");
    assert_eq!(connections(&server), 1);
}

#[tokio::test]
async fn a_blocking_command_that_is_named_holds_up_nobody_else() {
    let server = RedisServer::start();
    let grant = json!({
        "url": server.url(), "keys": ["own:*"], "commands": ["read", "write", "blpop"],
    });
    let node = granted(&grant).start().await;
    // Its neighbour's element comes over the shared connection, while it waits on its own.
    let waits = calls("waits", "hot", &json!([["execute", "BLPOP", "own:q", 0]]));
    let pushes = calls("pushes", "hot", &json!([["execute", "RPUSH", "own:q", "element"]]));
    for receipt in node.ingest_all([waits, pushes]).await {
        let _ = stored(receipt);
    }
    assert_eq!(answers(&node, "waits").await, [json!(["own:q", "element"])]);
    // One that waits for ever ends with an error, and its connection with it.
    let forever = ask(&node, "hot", &json!([["execute", "BLPOP", "own:q", 0]])).await;
    assert!(error(&forever[0]).contains("did not answer in time"), "{}", forever[0]);
    let closed = async || (connections(&server) == 1).then_some(());
    framedb_tests::eventually("its own connection is closed", closed).await;
}

#[tokio::test]
async fn what_a_connection_remembers_is_for_the_plugin_that_may_change_it() {
    let server = RedisServer::start();
    let grant = |extra: &[&str]| {
        let commands = [&["read", "write"][..], extra].concat();
        json!({ "url": server.url(), "keys": ["own:*"], "commands": commands })
    };
    let changes = granted(&grant(&["select", "multi", "exec"])).start().await;
    let asked = json!([
        ["execute", "SELECT", "5"],
        ["set", "own:a", "five"],
        ["execute", "MULTI"],
        ["execute", "INCR", "own:n"],
        ["execute", "INCR", "own:n"],
    ]);
    ask(&changes, "hot", &asked).await;
    // What was not executed is forgotten with its connection, and the next one begins anew.
    let asked = json!([
        ["get", "own:a"],
        ["execute", "SELECT", "5"],
        ["get", "own:a"],
        ["execute", "MULTI"],
        ["execute", "INCR", "own:n"],
        ["execute", "EXEC"],
    ]);
    let answers = ask(&changes, "hot", &asked).await;
    assert_eq!(
        (&answers[0], &answers[2], &answers[5]),
        (&json!(null), &json!("five"), &json!([1]))
    );
    // Nobody else is led to that database.
    let others = granted(&grant(&[])).start().await;
    assert_eq!(ask(&others, "hot", &json!([["get", "own:a"]])).await, [json!(null)]);
}

#[tokio::test]
async fn a_server_that_is_down_is_an_error_without_its_address_and_neighbours_are_stored() {
    let mut server = RedisServer::start();
    let node = node(&server.url()).start().await;
    assert_eq!(ask(&node, "hot", &json!([["incr", "own:n"]])).await, [json!(1)]);
    let asked = json!([["get", "own:n"]]);
    server.pause(true);
    let slow = node.ingest_all([calls("slow", "hot", &asked), arrival("beside-slow")]).await;
    server.pause(false);
    server.stop();
    let down = node.ingest_all([calls("down", "hot", &asked), arrival("beside-down")]).await;
    for receipt in slow.into_iter().chain(down) {
        let _ = stored(receipt);
    }
    let text = answers(&node, "slow").await;
    assert!(error(&text[0]).contains("did not answer in time"), "{text:?}");
    let text = answers(&node, "down").await;
    assert!(error(&text[0]).starts_with("cannot use the Redis `hot`"), "{text:?}");
    assert!(!error(&text[0]).contains("127.0.0.1"), "{text:?}");
    server.start_again();
    assert_eq!(ask(&node, "hot", &json!([["incr", "own:n"]])).await, [json!(1)]);
}

#[tokio::test]
async fn commands_find_their_server_in_a_cluster_wherever_their_keys_stand() {
    let (cluster, _turn) = Cluster::shared().await;
    let grant = json!({
        "url": cluster.url(), "keys": ["own-*"], "commands": ["read", "write", "eval"],
    });
    let node = granted(&grant).start().await;
    let mut asked = Vec::new();
    for n in 0..20 {
        let key = format!("own-{n}");
        asked.push(json!(["execute", "XADD", key, "1-1", "n", n]));
        asked.push(json!(["execute", "XREAD", "COUNT", 1, "STREAMS", key, 0]));
        asked.push(json!(["execute", "OBJECT", "ENCODING", key]));
        asked.push(json!(["execute", "EVAL", "return redis.call('xlen', KEYS[1])", 1, key]));
    }
    asked.push(json!(["del", "own-0", "own-1", "own-2", "own-3", "own-none"]));
    let answers = ask(&node, "hot", &json!(asked)).await;
    for (n, four) in answers.chunks(4).take(20).enumerate() {
        let n = n.to_string();
        let read = json!([format!("own-{n}"), "1-1", "n", n]);
        assert_eq!(four, [json!(["1-1"]), read, json!(["stream"]), json!([1])]);
    }
    assert_eq!(answers[80], json!(4));
}
