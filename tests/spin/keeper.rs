//! Where the worker keeps objects and routes: every engine, every registry, and what it leaves
//! when it is stopped between data and route.

use framedb_core::Stage;
use framedb_host::registry::RegistryConfig;
use framedb_tests::{
    Http, SpinBuild, TestNode, TestSpin, component_path, eventually,
    servers::{mariadb, redis::RedisServer},
};
use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};

const SECRET: &str = "s3cret-word";

/// What a worker is told of its servers.
pub(crate) struct Places<'a> {
    pub(crate) instances: &'a [(&'a str, &'a str)],
    pub(crate) registry: Option<&'a str>,
    pub(crate) serializer: &'a str,
}

/// A worker with these instances and this registry, which it may reach.
pub(crate) fn worker(places: &Places<'_>) -> SpinBuild {
    let mut build = TestSpin::build(&component_path("edge-worker"))
        .store("default")
        .stage(Stage::Ingest, "pass-through")
        .stage(Stage::Resolve, "pass-through")
        .stage(Stage::Serialize, places.serializer);
    let mut hosts = Vec::new();
    let mut named = |url: &str| {
        let url: http::Uri = url.parse().unwrap();
        let (scheme, host) = (url.scheme_str().unwrap(), url.host().unwrap());
        hosts.push(format!("{scheme}://{host}:{}", url.port_u16().unwrap()));
    };
    if !places.instances.is_empty() {
        let ids: Vec<_> = places.instances.iter().map(|(id, _)| *id).collect();
        build = build.variable("instances", &ids.join(","));
    }
    for (id, url) in places.instances {
        named(url);
        build = build.secret(&framedb_core::spin::instance_variable(id), url);
    }
    if let Some(url) = places.registry {
        named(url);
        build = build.secret("registry", url);
    }
    build = build.variable("allowed_hosts", &hosts.join(" "));
    hosts.sort();
    hosts.dedup();
    hosts.iter().fold(build, |build, host| build.host(host))
}

fn plain(instances: &[(&str, &str)], registry: Option<&str>) -> SpinBuild {
    worker(&Places { instances, registry, serializer: "pass-through" })
}

/// Stores an object; the receipt.
async fn put(http: &Http, path: &str, body: &str) -> Value {
    let answer = http.send(&format!("PUT /objects/{path}"), &[], body.to_owned()).await;
    let receipt = answer.json();
    assert_eq!((answer.status.as_u16(), &receipt["success"]), (200, &json!(true)), "{receipt}");
    receipt
}

/// What is read back: the status, and the bytes or the error.
async fn get(http: &Http, key: &str) -> (u16, String) {
    let answer = http.call(&format!("GET /objects/{key}")).await;
    (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned())
}

fn ok(bytes: &str) -> (u16, String) {
    (200, bytes.to_owned())
}

/// A problem, which names no secret.
async fn problem(http: &Http, line: &str) -> (u16, String) {
    let answer = http.send(line, &[], "x").await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(!text.contains(SECRET), "{text}");
    (answer.status.as_u16(), answer.json()["error"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_server_objects_are_kept_in_spins_own_store() {
    let spin = plain(&[], None).start().await;
    let http = spin.http();
    let receipt = put(&http, "a%2F1?framedb_id=memory&type=in-memory", "one").await;
    assert_eq!((&receipt["framedb_id"], &receipt["type"]), (&json!("memory"), &json!("in-memory")));
    assert_eq!(get(&http, "a%2F1").await, ok("one"));
    // The key moves to the other instance, which shares the store.
    put(&http, "a%2F1?framedb_id=disk&type=storage", "two").await;
    assert_eq!(get(&http, "a%2F1").await, ok("two"));
    put(&http, "a%2F0?framedb_id=disk", "zero").await;
    put(&http, "b?framedb_id=memory", "b").await;
    let listed = http.call("GET /objects?prefix=a").await.json();
    let keys: Vec<_> = listed["objects"].as_array().unwrap().iter().map(|o| &o["key"]).collect();
    assert_eq!(keys, [&json!("a/0"), &json!("a/1")], "{listed}");
    assert_eq!(http.call("DELETE /objects/a%2F1").await.status.as_u16(), 200);
    assert_eq!(get(&http, "a%2F1").await.0, 404);
    assert_eq!(http.call("DELETE /objects/a%2F1").await.status.as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_took_it_gives_back_whatever_its_size() {
    let spin = plain(&[], None).start().await;
    let http = spin.http();
    let large: String =
        (0..20 << 17).map(|n: u32| format!("{:08x}", n.wrapping_mul(0x9e37_79b9))).collect();
    put(&http, "large?framedb_id=memory", &large).await;
    assert!(get(&http, "large").await == ok(&large), "the large object is not what was stored");
    let listed = http.call("GET /objects").await.json();
    assert_eq!(listed["objects"][0]["size"], json!(large.len()), "{listed}");
    put(&http, "large?framedb_id=memory", "small").await;
    assert_eq!(get(&http, "large").await, ok("small"));
    assert_eq!(http.call("DELETE /objects/large").await.status.as_u16(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_has_put_into_chunks_is_read_and_replaced() {
    let (redis, name) = (RedisServer::start(), mariadb::fresh_name());
    create_database(&name).await;
    let (registry, disk) = (redis.url(), mariadb::shared().await.url(&name));
    let node = TestNode::build()
        .instance("disk", &disk)
        .config(|config| {
            config.registry.url = registry.clone();
            let instance = config.instances.get_mut("disk").unwrap();
            (instance.chunks, instance.max_packet) =
                (Some(true), Some(bytesize::ByteSize::kib(64)));
        })
        .open()
        .await;
    let spin = plain(&[("disk", &disk)], Some(&registry)).start().await;
    let large = "a chunk, and another one ".repeat(20_000);
    put(&node.http(), "large?framedb_id=disk&type=storage", &large).await;
    assert!(get(&spin.http(), "large").await == ok(&large), "the object is not what was stored");
    put(&spin.http(), "large?framedb_id=disk&type=storage", "small").await;
    for http in [node.http(), spin.http()] {
        assert_eq!(get(&http, "large").await, ok("small"));
    }
    assert_eq!(spin.http().call("DELETE /objects/large").await.status.as_u16(), 200);
    assert_eq!(get(&node.http(), "large").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_the_database_does_not_take_is_refused_as_too_large() {
    let name = mariadb::fresh_name();
    create_database(&name).await;
    let disk = mariadb::shared().await.url(&name);
    let spin = plain(&[("disk", &disk)], None).start().await;
    let http = spin.http();
    let sql = "SELECT @@max_allowed_packet";
    let mut client = mariadb::shared().await.client().await;
    let most: Option<usize> = client.query_first(sql).await.unwrap();
    let body = "x".repeat(most.unwrap());
    let answer = http.send("PUT /objects/large?framedb_id=disk", &[], body).await;
    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
    assert_eq!(answer.status.as_u16(), 413, "{error}");
    assert!(error.contains("takes no value of that size"), "{error}");
    put(&http, "next?framedb_id=disk", "taken").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_lost_is_named_and_the_others_are_used() {
    let (kept, mut lost) = (RedisServer::start(), RedisServer::start());
    let places = [("memory", kept.url()), ("disk", lost.url())];
    let places = places.each_ref().map(|(id, url)| (*id, url.as_str()));
    let spin = plain(&places, Some(&kept.url())).start().await;
    let http = spin.http();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(http.call(&format!("GET {path}")).await.status.as_u16(), 200, "{path}");
    }
    lost.stop();
    let health = http.call("GET /healthz").await;
    assert_eq!(health.status.as_u16(), 503, "{health:?}");
    let health = health.json();
    assert_eq!(health["registry"], json!({ "healthy": true }), "{health}");
    assert_eq!(health["instances"]["memory"], json!({ "healthy": true }), "{health}");
    assert_eq!(health["instances"]["disk"]["healthy"], json!(false), "{health}");
    let ready = http.call("GET /readyz").await;
    assert_eq!(ready.status.as_u16(), 200, "{ready:?}");
    assert!(ready.json()["degraded"]["disk"].is_string(), "{ready:?}");
    put(&http, "a?framedb_id=memory", "taken").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_need_a_redis_and_the_answer_names_the_variable() {
    let spin = plain(&[], None).start().await;
    let (status, error) = problem(&spin.http(), "POST /streams/q?framedb_id=memory").await;
    assert_eq!(status, 501, "{error}");
    assert!(error.contains("`instance_memory`") && error.contains("Redis"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_go_to_redis_and_to_a_database_as_existing_clients_find_them() {
    let (redis, database) = (RedisServer::start(), mariadb::fresh_name());
    let server = mariadb::shared().await;
    create_database(&database).await;
    let tables = server.url(&database);
    let spin = plain(&[("cache", &redis.url()), ("table", &tables)], None).start().await;
    let http = spin.http();
    put(&http, "k?framedb_id=cache&type=in-memory", "in Redis").await;
    assert!(redis.command(&["GET", "k"]).ends_with("in Redis"));
    assert_eq!(get(&http, "k").await, ok("in Redis"));
    // The old copy goes when the key moves.
    put(&http, "k?framedb_id=table&type=storage", "in a table").await;
    assert_eq!(redis.command(&["EXISTS", "k"]), ":0");
    assert_eq!(get(&http, "k").await, ok("in a table"));
    let row: Option<(String, Vec<u8>)> = mysql_async::prelude::Queryable::query_first(
        &mut server.client().await,
        format!("SELECT `key`, `data` FROM {database}.data_table"),
    )
    .await
    .unwrap();
    assert_eq!(row, Some(("k".to_owned(), b"in a table".to_vec())));
    assert_eq!(http.call("DELETE /objects/k").await.status.as_u16(), 200);
    assert_eq!(get(&http, "k").await.0, 404);
    put(&http, "gone?framedb_id=cache&type=in-memory", "x").await;
    redis.command(&["DEL", "gone"]);
    assert_eq!(get(&http, "gone").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ids_of_one_server_are_one_place() {
    let (redis, database) = (RedisServer::start(), mariadb::fresh_name());
    create_database(&database).await;
    let table = mariadb::shared().await.url(&database);
    let elsewhere = |url: &str| url.replace("127.0.0.1", "localhost");
    let cache = redis.url();
    let (cache_too, table_too) = (elsewhere(&cache), elsewhere(&table));
    let instances = [
        ("cache", &*cache),
        ("cache_too", &*cache_too),
        ("table", &*table),
        ("table_too", &*table_too),
    ];
    let spin = plain(&instances, None).start().await;
    let http = spin.http();
    for (id, other, kind) in
        [("cache", "cache_too", "in-memory"), ("table", "table_too", "storage")]
    {
        for (to, bytes) in [(id, "one"), (other, "two"), (other, "three"), (id, "three")] {
            put(&http, &format!("{kind}?framedb_id={to}&type={kind}"), bytes).await;
            assert_eq!(get(&http, kind).await, ok(bytes), "moved to {to}");
        }
    }
    put(&http, "q?framedb_id=cache&type=in-memory", "object").await;
    let pushed = http.send("POST /streams/q?framedb_id=cache_too", &[], "element").await;
    assert_eq!(pushed.status.as_u16(), 200, "{pushed:?}");
    assert_eq!(redis.command(&["LRANGE", "q", "0", "-1"]), "*1\r\n$7\r\nelement");
}

async fn create_database(name: &str) {
    let mut client = mariadb::shared().await.client().await;
    let sql = format!("CREATE DATABASE {name}");
    client.query_drop(sql).await.unwrap();
}

/// A node whose registry is the worker's, with the same instances.
async fn node(registry: &RedisServer, instances: &[(&str, &str)]) -> TestNode {
    let url = registry.url();
    let mut build = TestNode::build();
    for (id, url) in instances {
        build = build.instance(id, url);
    }
    build
        .config(|config| config.registry = RegistryConfig { url, ..RegistryConfig::default() })
        .serializer("serialize-lz4")
        .open()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn node_and_worker_read_each_others_objects_over_a_shared_registry() {
    let (redis, database) = (RedisServer::start(), mariadb::fresh_name());
    create_database(&database).await;
    let tables = mariadb::shared().await.url(&database);
    let url = redis.url();
    let instances = [("cache", url.as_str()), ("table", tables.as_str())];
    let node = node(&redis, &instances).await;
    let places =
        Places { instances: &instances, registry: Some(&url), serializer: "serialize-lz4" };
    let spin = worker(&places).start().await;
    let long = "compressible ".repeat(200);
    for (id, kind) in [("cache", "in-memory"), ("table", "storage")] {
        for (writer, reader) in [(spin.http(), node.http()), (node.http(), spin.http())] {
            for text in ["short", &long, &long.to_uppercase(), "short again"] {
                let path = format!("{id}?framedb_id={id}&type={kind}");
                put(&writer, &path, text).await;
                assert_eq!(get(&reader, id).await, ok(text));
                assert_eq!(get(&writer, id).await, ok(text));
            }
        }
    }
    assert_eq!(spin.http().call("DELETE /objects/cache").await.status.as_u16(), 200);
    assert_eq!(get(&node.http(), "cache").await.0, 404);
    assert_eq!(node.http().call("DELETE /objects/table").await.status.as_u16(), 200);
    assert_eq!(get(&spin.http(), "table").await.0, 404);
    // Nothing is left of the writes' intents.
    assert_eq!(redis.command(&["EXISTS", "#{framedb}:pending"]), ":0");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_and_worker_share_queues() {
    let redis = RedisServer::start();
    let url = redis.url();
    let instances = [("cache", url.as_str())];
    let node = node(&redis, &instances).await;
    let spin = plain(&instances, Some(&url)).start().await;
    let (node, worker) = (node.http(), spin.http());
    let line = "POST /streams/q%7B1?framedb_id=cache";
    for (n, http) in [(0, &worker), (1, &node), (2, &worker)] {
        for _ in 0..2 {
            // A push that is repeated is one push.
            let id = format!("id-{n}");
            let answer = http.send(line, &[("idempotency-key", &id)], format!("element {n}")).await;
            assert_eq!(answer.json()["success"], json!(true), "{answer:?}");
        }
    }
    let length = worker.call("GET /streams/q%7B1").await.json();
    assert_eq!((&length["ready"], &length["leased"]), (&json!(3), &json!(0)));
    let leased = worker.call("POST /streams/q%7B1/lease?for=1m").await;
    assert_eq!(leased.body, "element 0");
    assert_eq!(node.call("POST /streams/q%7B1/pop").await.body, "element 1");
    let token = leased.header("x-framedb-token");
    for (verb, status) in [("extend?for=1m&", 200), ("nack?", 200), ("nack?", 409)] {
        let line = format!("POST /streams/q%7B1/{verb}token={token}");
        assert_eq!(worker.call(&line).await.status.as_u16(), status, "{verb}");
    }
    let again = node.call("POST /streams/q%7B1/pop").await;
    assert_eq!((&*again.body, again.header("x-framedb-deliveries")), (&b"element 0"[..], "2"));
    assert_eq!(worker.call("POST /streams/q%7B1/pop").await.body, "element 2");
    assert_eq!(worker.call("POST /streams/q%7B1/pop").await.status.as_u16(), 204);
}

/// A worker that cannot commit: its user lacks the command that registers a route.
async fn stopped_between_data_and_route(redis: &RedisServer) -> TestSpin {
    let rules = ["~*", "+@all", "-hset"];
    let user = [&["ACL", "SETUSER", "stopped", "on", ">word"], &rules[..]].concat();
    redis.command(&user);
    let registry = format!("redis://stopped:word@127.0.0.1:{}", redis.port());
    plain(&[("cache", &redis.url())], Some(&registry)).start().await
}

/// Lets the time pass after which writes that have not ended were given up.
fn a_minute_passes(redis: &RedisServer) {
    let times = "#{framedb}:pending-times";
    let script = "for _, w in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do \
        redis.call('ZINCRBY', KEYS[1], -60000, w) end";
    redis.command(&["EVAL", script, "1", times]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_stopped_between_data_and_route_is_settled_when_its_key_is_touched() {
    let redis = RedisServer::start();
    let url = redis.url();
    let spin = plain(&[("cache", &url)], Some(&url)).start().await;
    let http = spin.http();
    put(&http, "old?framedb_id=cache&type=in-memory", "committed").await;
    let stopped = stopped_between_data_and_route(&redis).await;
    for key in ["old", "new", "lost"] {
        let line = format!("PUT /objects/{key}?framedb_id=cache&type=in-memory");
        let (status, error) = problem(&stopped.http(), &line).await;
        assert_eq!(status, 500, "{error}");
        assert!(error.contains("a right is missing"), "{error}");
    }
    // Its data is there, its route is not; and while it may still be under way nobody looks.
    assert!(redis.command(&["GET", "new"]).ends_with('x'));
    assert_eq!(get(&http, "new").await.0, 404);
    redis.command(&["DEL", "lost"]);
    a_minute_passes(&redis);
    assert_eq!(get(&http, "new").await, ok("x"));
    assert_eq!(get(&http, "old").await, ok("x"));
    assert_eq!(get(&http, "lost").await.0, 404);
    assert_eq!(redis.command(&["EXISTS", "#{framedb}:pending"]), ":0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_settles_what_a_worker_left_between_data_and_route() {
    let (redis, other) = (RedisServer::start(), RedisServer::start());
    let (url, other_url) = (redis.url(), other.url());
    let stopped = stopped_between_data_and_route(&redis).await;
    let instances = [("cache", url.as_str()), ("other", other_url.as_str())];
    let node = node(&redis, &instances).await;
    let http = node.http();
    put(&http, "moved?framedb_id=other&type=in-memory", "before").await;
    for key in ["moved", "new", "overtaken"] {
        let line = format!("PUT /objects/{key}?framedb_id=cache&type=in-memory");
        assert_eq!(problem(&stopped.http(), &line).await.0, 500);
    }
    put(&http, "overtaken?framedb_id=other&type=in-memory", "newer").await;
    assert_eq!(get(&http, "moved").await, ok("before"));
    // One that nobody can read is in the way of no other.
    let damaged = format!("damaged\0{:020}", 1);
    redis.command(&["ZADD", "#{framedb}:pending-times", "60000", &damaged]);
    redis.command(&["ZADD", "#{framedb}:pending", "0", &format!("{damaged}\0{{}}\0")]);
    a_minute_passes(&redis);
    eventually("the node settles the writes", async || {
        (redis.command(&["ZCARD", "#{framedb}:pending"]) == ":1").then_some(())
    })
    .await;
    assert_eq!(get(&http, "moved").await, ok("x"));
    assert_eq!(other.command(&["EXISTS", "moved"]), ":0");
    assert_eq!(get(&http, "new").await, ok("x"));
    assert_eq!(get(&http, "overtaken").await, ok("newer"));
    assert_eq!(redis.command(&["EXISTS", "overtaken"]), ":0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_goes_and_comes_back_is_told_of_and_then_used_again() {
    let mut redis = RedisServer::start_with(&["--requirepass", SECRET]);
    let url = format!("redis://:{SECRET}@127.0.0.1:{}", redis.port());
    let spin = plain(&[("cache", &url)], Some(&url)).start().await;
    let http = spin.http();
    put(&http, "k?framedb_id=cache&type=in-memory", "one").await;
    redis.stop();
    let line = "PUT /objects/k?framedb_id=cache&type=in-memory";
    let (status, error) = problem(&http, line).await;
    assert_eq!(status, 503, "{error}");
    assert!(error.contains("`cache`") && error.contains("cannot be reached"), "{error}");
    redis.start_again();
    put(&http, "k?framedb_id=cache&type=in-memory", "two").await;
    assert_eq!(get(&http, "k").await, ok("two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_variable_is_told_by_its_name() {
    let redis = RedisServer::start();
    let url = format!("redis://:{SECRET}@127.0.0.1:{}", redis.port());
    let line = "PUT /objects/k";
    let missing = plain(&[], None).variable("instances", "memory,cache").start().await;
    let (status, error) = problem(&missing.http(), line).await;
    assert_eq!(status, 500, "{error}");
    assert!(error.contains("`instance_cache` is missing"), "{error}");
    let refused = plain(&[], None).secret("instance_memory", &url).start().await;
    let (status, error) = problem(&refused.http(), line).await;
    assert_eq!(status, 500, "{error}");
    assert!(error.contains("`instance_memory`") && error.contains("`allowed_hosts`"), "{error}");
    let cluster = plain(&[], None).secret("registry", &url.replace("redis:", "redis-cluster:"));
    let (_, error) = problem(&cluster.start().await.http(), line).await;
    assert!(error.contains("`registry`") && error.contains("one Redis server"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_are_kept_at_the_existing_routing_service() {
    let redis = RedisServer::start();
    let url = redis.url();
    let services = TestNode::build().open().await;
    let registry = services.http().url();
    let instances = [("cache", url.as_str())];
    let places =
        Places { instances: &instances, registry: Some(&registry), serializer: "serialize-lz4" };
    let spin = worker(&places).start().await;
    let http = spin.http();
    let long = "compressible ".repeat(200);
    for text in ["short", &long] {
        put(&http, "a%2Fb?framedb_id=cache&type=in-memory", text).await;
        assert_eq!(get(&http, "a%2Fb").await, ok(text));
    }
    let route = services.http().call("GET /framedb/objects/a%2Fb").await.json();
    assert_eq!(route["data"]["framedb_id"], json!("cache"), "{route}");
    let line = "POST /streams/q?framedb_id=cache";
    assert_eq!(http.send(line, &[], "element").await.json()["success"], json!(true));
    assert_eq!(http.call("POST /streams/q/pop").await.body, "element");
    assert_eq!(http.call("DELETE /objects/a%2Fb").await.status.as_u16(), 200);
    assert_eq!(get(&http, "a%2Fb").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_and_route_in_one_database_are_written_in_one_step_or_not_at_all() {
    let redis = RedisServer::start();
    let url = redis.url();
    let spin = plain(&[("cache", &url)], Some(&url)).start().await;
    let http = spin.http();
    let line = "k?framedb_id=cache&type=in-memory";
    put(&http, line, "one").await;
    put(&http, line, "two").await;
    assert_eq!(get(&http, "k").await, ok("two"));
    assert_eq!(redis.command(&["EXISTS", "#{framedb}:pending", "#{framedb}:pending-times"]), ":0");
    // These are the rights that the documentation names.
    let rules = ["on", ">word", "~*", "+@read", "+@write", "+@scripting", "+@connection", "+time"];
    redis.command(&[&["ACL", "SETUSER", "enough"], &rules[..]].concat());
    let enough = format!("redis://enough:word@127.0.0.1:{}", redis.port());
    let spin = plain(&[("cache", &enough)], Some(&enough)).start().await;
    put(&spin.http(), "mine?framedb_id=cache&type=in-memory", "three").await;
    assert_eq!(get(&spin.http(), "mine").await, ok("three"));
    // A user that lacks the right to one of the commands changes nothing.
    for missing in ["set", "hset", "zadd"] {
        let rules = ["reset", "on", ">word", "~*", "+@all", &format!("-{missing}")];
        redis.command(&[&["ACL", "SETUSER", missing], &rules[..]].concat());
        let url = format!("redis://{missing}:word@127.0.0.1:{}", redis.port());
        let spin = plain(&[("cache", &url)], Some(&url)).start().await;
        for key in ["k", missing] {
            let path = format!("PUT /objects/{key}?framedb_id=cache&type=in-memory");
            let (status, error) = problem(&spin.http(), &path).await;
            assert!(status >= 400 && error.contains("right is missing"), "{status} {error}");
        }
        assert_eq!(get(&http, "k").await, ok("two"), "without {missing}");
        assert_eq!(get(&http, missing).await.0, 404);
        assert_eq!(redis.command(&["EXISTS", missing]), ":0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_spin_refuses_is_named_as_what_is_missing_in_the_manifest() {
    let (redis, routing) = (RedisServer::start(), RedisServer::start());
    let tables = mariadb::shared().await.url("framedb");
    let hosts = format!(
        "{} mysql://127.0.0.1:{} http://127.0.0.1:{}",
        redis.url(),
        mariadb::shared().await.port(),
        routing.port()
    );
    for (variable, url, place) in [
        ("instance_memory", redis.url(), "`memory`"),
        ("instance_memory", tables, "`memory`"),
        ("registry", format!("http://127.0.0.1:{}", routing.port()), "the routing service"),
    ] {
        let listed = plain(&[], None).variable("allowed_hosts", &hosts).secret(variable, &url);
        let kind = if url.starts_with("mysql") { "storage" } else { "in-memory" };
        let line = format!("PUT /objects/k?framedb_id=memory&type={kind}");
        let (status, error) = problem(&listed.start().await.http(), &line).await;
        assert!(status >= 400, "{status}");
        assert!(error.contains(place) && error.contains("`allowed_outbound_hosts`"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_route_is_told_and_holds_up_nothing_once_it_is_removed() {
    let redis = RedisServer::start();
    let url = redis.url();
    let spin = plain(&[("cache", &url)], Some(&url)).start().await;
    let http = spin.http();
    let row = format!("{:020} {:020} {{\"framedb_id\":\"cache\"}}", 1, 0);
    for row in [&*row, "neither", ""] {
        redis.command(&["HSET", "#{framedb}:routes", "k", row]);
        let line = "PUT /objects/k?framedb_id=cache&type=in-memory";
        let (status, error) = problem(&http, line).await;
        assert!(status >= 400 && error.contains("damaged"), "{status} {error}");
        assert_eq!(redis.command(&["EXISTS", "#{framedb}:pending"]), ":0");
        redis.command(&["HDEL", "#{framedb}:routes", "k"]);
        put(&http, "k?framedb_id=cache&type=in-memory", "whole").await;
        assert_eq!(get(&http, "k").await, ok("whole"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_write_one_key_at_the_same_time_do_not_fail_one_another() {
    let redis = RedisServer::start();
    let url = redis.url();
    let instances = [("cache", url.as_str())];
    let (one, two) = (node(&redis, &instances).await, node(&redis, &instances).await);
    let spin = plain(&instances, Some(&url)).start().await;
    let write = async |http: Http, who: &str| {
        for n in 0..100 {
            put(&http, "k?framedb_id=cache&type=in-memory", &format!("{who} {n}")).await;
        }
    };
    futures::join!(
        write(one.http(), "a node"),
        write(two.http(), "another node"),
        write(spin.http(), "a worker"),
        write(spin.http(), "the worker again"),
    );
    let found = get(&one.http(), "k").await;
    assert_eq!(found.0, 200);
    assert_eq!(get(&spin.http(), "k").await, found);
    assert_eq!(redis.command(&["EXISTS", "#{framedb}:pending"]), ":0");
}
