//! Node and worker side by side: with the same plugins they give the same verdicts and store the
//! same bytes, routes and elements; and each reads what the other stored.
//!
//! Both have a Redis of their own for objects in memory, queues and routes, and a database for
//! what is to last, so that everything they leave can be compared as it is.

use crate::worker::bare;
use framedb_core::Stage;
use framedb_host::pipeline::Action;
use framedb_tests::{
    Answer, Http, TestNode, TestSpin, component_path,
    servers::{mariadb, redis::RedisServer, web::Web},
    within,
};
use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::PathBuf, time::Duration};

/// A plugin: the name that both call it by, and its component.
type Plugin = (&'static str, &'static str);

const INSPECT: Plugin = ("inspect", "ingest-inspect");
const RULES: Plugin = ("rules", "resolve-rules");
const RAW: Plugin = ("raw", "serialize-raw");
const LZ4: Plugin = ("lz4", "serialize-lz4");
const CBOR: Plugin = ("cbor", "serialize-cbor");
const PASS: Plugin = ("pass-through", "pass-through");
const MISBEHAVE: Plugin = ("misbehave", "fixture-misbehave");
const REVERSE: Plugin = ("reverse", "fixture-reverse-v1");
const DEDUP: Plugin = ("dedup", "ingest-dedup");
const ADMIT: Plugin = ("admit", "ingest-admit");
const AUDIT: Plugin = ("audit", "ingest-audit-sql");
const TABLE: Plugin = ("redis-table", "resolve-redis-table");

/// What a plugin needs beside its component.
struct Needs {
    plugin: Plugin,
    /// What a node grants it, with the label `there` for a server.
    grants: Value,
    server: Option<Server>,
    settings: &'static [(&'static str, &'static str)],
}

/// A server that a plugin uses.
struct Server {
    /// The setting that says where it is.
    setting: &'static str,
    /// What a node's plugin is told, by the label.
    label: &'static str,
    /// What the worker's plugin is told.
    url: String,
}

/// Where one of the two keeps things.
struct Kept {
    redis: RedisServer,
    database: String,
}

/// One object as it is sent.
struct Sent {
    line: &'static str,
    metadata: String,
    content_type: &'static str,
    body: Vec<u8>,
}

fn sent(line: &'static str, body: impl Into<Vec<u8>>) -> Sent {
    Sent { line, metadata: String::new(), content_type: "", body: body.into() }
}

fn ordered(line: &'static str, orders: Value) -> Sent {
    Sent { metadata: orders.to_string(), ..sent(line, "payload") }
}

impl Sent {
    async fn to(&self, door: &Http) -> Answer {
        let metadata = self.metadata.replace(' ', "%20");
        // Generated ids would differ.
        let id = format!("id of {}", self.line);
        let mut headers = vec![("idempotency-key", &*id), ("x-framedb-metadata", &*metadata)];
        if !self.content_type.is_empty() {
            headers.push(("content-type", self.content_type));
        }
        within(self.line, door.send(self.line, &headers, self.body.clone())).await
    }
}

impl Kept {
    async fn somewhere() -> Self {
        let database = mariadb::fresh_name();
        let server = mariadb::shared().await;
        server.client().await.query_drop(format!("CREATE DATABASE {database}")).await.unwrap();
        Self { redis: RedisServer::start(), database }
    }

    async fn disk(&self) -> String {
        mariadb::shared().await.url(&self.database)
    }

    /// The names in a reply, in their order.
    fn names(&self, command: &[&str]) -> BTreeSet<String> {
        let reply = self.redis.command(command);
        let names = reply.lines().filter(|line| !line.starts_with(['*', '$']));
        names.map(ToOwned::to_owned).collect()
    }

    /// Everything that is there, but for what each write has of its own.
    async fn all(&self) -> Vec<String> {
        let mut all = Vec::new();
        for key in self.names(&["KEYS", "*"]).iter().filter(|key| !key.starts_with('#')) {
            let value = match self.redis.command(&["TYPE", key]).as_str() {
                "+string" => self.redis.command(&["GET", key]),
                "+list" => self.redis.command(&["LRANGE", key, "0", "-1"]),
                other => panic!("`{key}` is {other}"),
            };
            let expires = self.redis.command(&["PTTL", key]) != ":-1";
            all.push(format!("{key}: {value:?}, expires: {expires}"));
        }
        for name in self.names(&["HKEYS", "#{framedb}:routes"]) {
            let row = self.redis.command(&["HGET", "#{framedb}:routes", &name]);
            let route = row.get(row.find('{').unwrap_or(0)..).unwrap_or_default();
            let mut route: Value = serde_json::from_str(route).unwrap();
            for own in ["generation", "stored_at", "expires_at"] {
                if let Some(value) = route.as_object_mut().unwrap().get_mut(own) {
                    *value = "some".into();
                }
            }
            all.push(format!("route of {name}: {route}"));
        }
        let mut client = mariadb::shared().await.client().await;
        let tables = format!(
            "SELECT COUNT(*) FROM information_schema.tables \
             WHERE table_schema = '{}' AND table_name = 'data_table'",
            self.database
        );
        let tables: Option<u64> = client.query_first(tables).await.unwrap();
        if tables.unwrap_or_default() > 0 {
            let rows =
                format!("SELECT `key`, `data` FROM {}.data_table ORDER BY `key`", self.database);
            let rows: Vec<(String, Vec<u8>)> = client.query(rows).await.unwrap();
            all.extend(rows.into_iter().map(|(key, data)| format!("{key} on disk: {data:?}")));
        }
        all
    }
}

/// The page of a plugin that comes with the node.
fn component_page(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../components");
    std::fs::read_to_string(format!("{folder}/{name}/README.md")).unwrap()
}

fn file((_, component): Plugin) -> PathBuf {
    component_path(component)
}

/// A node with a plugin in each stage.
async fn node(plugins: [Plugin; 3], needs: Option<&Needs>, kept: &Kept) -> TestNode {
    let [ingest, resolve, serialize] = plugins;
    let disk = kept.disk().await;
    let mut build = TestNode::build()
        .instance("memory", &kept.redis.url())
        .instance("disk", &disk)
        .config(|config| {
            config.registry.url = kept.redis.url();
            config.limits.deadline = Duration::from_secs(30);
        });
    for plugin in plugins {
        build = build.plugin(plugin.0, std::fs::read(file(plugin)).unwrap(), |_| {});
    }
    if let Some(needs) = needs {
        build = build.configure(needs.plugin.0, |plugin| {
            plugin.grants = serde_json::from_value(needs.grants.clone()).unwrap();
            let server = needs.server.as_ref().map(|server| (server.setting, server.label));
            for (name, value) in needs.settings.iter().copied().chain(server) {
                plugin.settings.insert(name.into(), value.into());
            }
        });
    }
    build = build.pipeline("default", |pipeline| {
        pipeline.ingest = vec![ingest.0.into()];
        pipeline.resolve = Some(resolve.0.into());
        pipeline.serialize = Some(serialize.0.into());
        // Spin has no dead letters.
        (pipeline.policy.trap, pipeline.policy.limit) = (Action::Answer, Action::Answer);
    });
    build.open().await
}

/// The worker with the same plugins.
async fn worker(plugins: [Plugin; 3], needs: Option<&Needs>, kept: &Kept) -> TestSpin {
    let [ingest, resolve, serialize] = plugins;
    let (redis, disk) = (kept.redis.url(), kept.disk().await);
    let host = format!("mysql://127.0.0.1:{}", mariadb::shared().await.port());
    let bytes = std::fs::read(file(serialize)).unwrap();
    let mut build = bare();
    if let Some(Needs { server, settings, .. }) = needs {
        for (name, value) in *settings {
            build = build.variable(name, value);
        }
        if let Some(Server { setting, url, .. }) = server {
            build = build.variable(setting, url).host(&origin(url));
        }
    }
    build
        .stage_file(Stage::Ingest, &file(ingest))
        .stage_file(Stage::Resolve, &file(resolve))
        .stage_file(Stage::Serialize, &file(serialize))
        .variable("instances", "disk,memory")
        .variable("instance_memory", &redis)
        .variable("instance_disk", &disk)
        .variable("registry", &redis)
        .variable("allowed_hosts", &format!("{redis} {host}"))
        .variable("serialize_digest", &framedb_host::plugin::digest(&bytes))
        .host(&redis)
        .host(&host)
        .start()
        .await
}

/// A URL without its login and its path.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// What a receipt says beside the time that was spent.
fn said(answer: &Answer) -> Value {
    let mut said = answer.json();
    said.as_object_mut().unwrap().remove("times");
    said
}

async fn compare(plugins: [Plugin; 3], objects: Vec<Sent>) {
    compare_with(plugins, [None, None], objects).await;
}

/// Sends everything to both, and compares what they say, what they leave and what they read. What
/// plugins need, the node and the worker may have each for itself.
async fn compare_with(plugins: [Plugin; 3], needs: [Option<Needs>; 2], objects: Vec<Sent>) {
    let (ours, theirs) = (Kept::somewhere().await, Kept::somewhere().await);
    let node = node(plugins, needs[0].as_ref(), &ours).await;
    let spin = worker(plugins, needs[1].as_ref(), &theirs).await;
    let (here, there) = (node.http(), spin.http());
    for object in &objects {
        let (one, other) = (object.to(&here).await, object.to(&there).await);
        assert_eq!((one.status, said(&one)), (other.status, said(&other)), "{}", object.line);
    }
    assert_eq!(ours.all().await, theirs.all().await);
    let list = within("listing", here.call("GET /objects")).await.json();
    for object in list["objects"].as_array().unwrap() {
        if object["type"] == "stream" {
            continue;
        }
        let key = object["key"].as_str().unwrap();
        let name: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for method in ["GET", "HEAD"] {
            let line = format!("{method} /objects/{name}");
            let (one, other) = (here.call(&line).await, there.call(&line).await);
            assert_eq!((one.status, &one.body), (other.status, &other.body), "{line}");
            for name in one.headers.keys().filter(|name| *name != "date") {
                assert_eq!(one.headers.get(name), other.headers.get(name), "{name} of {line}");
            }
        }
    }
}

/// An object of every kind, with what plugins look at.
fn ordinary() -> Vec<Sent> {
    let jpeg = [0xff, 0xd8, 0xff, 0xe0].into_iter().chain(0..200).collect::<Vec<u8>>();
    let json = json!({ "a": [1, 2.5, null], "text": "x".repeat(400) }).to_string();
    vec![
        sent("PUT /objects/plain?framedb_id=memory", "x".repeat(3000)),
        sent("PUT /objects/empty?type=in-memory", ""),
        sent("PUT /objects/cam-1/frame%20%C3%BC", jpeg),
        Sent { content_type: "application/json", ..sent("PUT /objects/document", json.clone()) },
        Sent { metadata: "{'a': None} %".replace('%', "%25"), ..sent("PUT /objects/text", json) },
        sent("PUT /objects/cam%3F1%3F0__5?type=in-memory", "frame".repeat(100)),
        sent("POST /streams/queue", "element ".repeat(50)),
        sent("POST /streams/queue?framedb_id=memory", "another"),
        // Written twice, the second time elsewhere.
        sent("PUT /objects/plain?framedb_id=disk", "y".repeat(2000)),
        sent("PUT /objects/plain", "z"),
        sent("PUT /objects/a%23b", "refused"),
        sent("PUT /objects/x?framedb_id=nowhere", "refused"),
        sent("PUT /objects/x?framedb_id=disk&type=stream", "refused"),
    ]
}

#[tokio::test]
async fn the_plugins_of_a_node_without_configuration() {
    compare([INSPECT, RULES, RAW], ordinary()).await;
}

#[tokio::test]
async fn a_plugin_that_passes_everything_on() {
    compare([PASS, PASS, PASS], ordinary()).await;
}

#[tokio::test]
async fn a_serializer_that_compresses() {
    compare([INSPECT, RULES, LZ4], ordinary()).await;
}

#[tokio::test]
async fn a_serializer_of_documents() {
    compare([INSPECT, RULES, CBOR], ordinary()).await;
}

#[tokio::test]
async fn a_serializer_that_changes_every_object() {
    compare([INSPECT, RULES, REVERSE], ordinary()).await;
}

#[tokio::test]
async fn a_plugin_that_remembers_what_it_has_seen() {
    let needs = || {
        let grants = json!({ "key-value": { "default": {} } });
        Some(Needs { plugin: DEDUP, grants, server: None, settings: &[] })
    };
    let objects = vec![
        sent("PUT /objects/first", "the same"),
        sent("PUT /objects/second", "the same"),
        sent("PUT /objects/third?type=in-memory", "another"),
        // An object that comes again is no repetition of itself.
        sent("PUT /objects/first", "the same"),
        sent("POST /streams/queue", "the same"),
    ];
    compare_with([DEDUP, RULES, RAW], [needs(), needs()], objects).await;
}

#[tokio::test]
async fn a_plugin_that_asks_a_redis() {
    let table = RedisServer::start();
    table.command(&["HSET", "framedb:routes", "a/*", "memory in-memory", "b", "disk storage"]);
    table.command(&["HSET", "framedb:routes", "c", "memory stream", "d", "no such kind"]);
    table.command(&["SET", "no-hash", "x"]);
    let needs = |settings| {
        let grant = json!({ "url": table.url(), "keys": ["*"], "commands": ["read"] });
        let (setting, label) = ("redis_table_address", "there");
        let server = Some(Server { setting, label, url: table.url() });
        let grants = json!({ "redis": { "there": grant } });
        Some(Needs { plugin: TABLE, grants, server, settings })
    };
    let objects = || {
        vec![
            sent("PUT /objects/a%2Fb", "in memory"),
            sent("PUT /objects/b", "on disk"),
            sent("PUT /objects/c", "an element"),
            sent("PUT /objects/d", "refused"),
            sent("PUT /objects/e", "refused"),
            sent("PUT /objects/named?framedb_id=memory", "in memory"),
        ]
    };
    compare_with([INSPECT, TABLE, RAW], [needs(&[]), needs(&[])], objects()).await;
    // What the server refuses, and what then counts.
    let settings = &[
        ("redis_table_hash", "no-hash"),
        ("redis_table_on_error", "fallback"),
        ("redis_table_fallback", "disk storage"),
    ];
    compare_with([INSPECT, TABLE, RAW], [needs(settings), needs(settings)], objects()).await;
}

#[tokio::test]
async fn a_plugin_that_asks_a_web_server() {
    let web = Web::start().await;
    let needs = || {
        let grant = json!({ "host": "127.0.0.1", "ports": [web.port()], "schemes": ["http"] });
        let grants = json!({ "http": { "there": grant } });
        let (setting, label) = ("admit_url", "http://there/gate");
        let url = format!("http://127.0.0.1:{}/gate", web.port());
        let server = Some(Server { setting, label, url });
        Some(Needs { plugin: ADMIT, grants, server, settings: &[("admit_on_error", "reject")] })
    };
    let mut objects = ordinary();
    for line in ["PUT /objects/403", "PUT /objects/503?type=in-memory", "PUT /objects/in"] {
        objects.push(sent(line, "payload"));
    }
    compare_with([ADMIT, RULES, RAW], [needs(), needs()], objects).await;
    // Both asked for every object that had a key.
    assert!(web.requests() >= 20 && web.requests() % 2 == 0, "{}", web.requests());
}

#[tokio::test]
async fn a_plugin_that_writes_into_a_database() {
    let page = component_page("ingest-audit-sql");
    let (_, rest) = page.split_once("```sql\n").unwrap();
    let table = rest.split_once("```").unwrap().0;
    let mut client = mariadb::shared().await.client().await;
    let mut logs = Vec::new();
    for _ in 0..2 {
        let name = mariadb::fresh_name();
        client.query_drop(format!("CREATE DATABASE {name}")).await.unwrap();
        client.query_drop(format!("USE {name}")).await.unwrap();
        client.query_drop(table).await.unwrap();
        logs.push((mariadb::shared().await.url(&name), name));
    }
    let needs = |url: &String| {
        let grant = json!({ "url": url, "tables": { "audit": ["insert", "update"] } });
        let grants = json!({ "mysql": { "there": grant } });
        let (setting, label) = ("audit_sql_address", "there");
        let server = Some(Server { setting, label, url: url.clone() });
        Some(Needs { plugin: AUDIT, grants, server, settings: &[] })
    };
    let needs = [needs(&logs[0].0), needs(&logs[1].0)];
    compare_with([AUDIT, RULES, LZ4], needs, ordinary()).await;
    let mut rows = Vec::new();
    for (_, name) in &logs {
        let columns = "id, object_key, source, kind, framedb_id, content_type, size, attempt";
        let sql = format!("SELECT CONCAT_WS('|', {columns}) FROM {name}.audit ORDER BY id");
        let found: Vec<String> = client.query(sql).await.unwrap();
        rows.push(found);
    }
    assert!(rows[0].len() >= 10, "{rows:?}");
    assert_eq!(rows[0], rows[1]);
}

#[tokio::test]
async fn every_verdict_of_every_stage() {
    let mut objects = Vec::new();
    for (stage, orders) in [
        (
            "ingest",
            &[
                "accept",
                "reject",
                "drop",
                "changed",
                "split",
                "split-bad",
                "attribute",
                "bad-attribute",
                "many-attributes",
                "retry-twice",
                "setting",
                "short",
                "long",
            ][..],
        ),
        ("resolve", &["reject", "drop", "retry-twice", "unknown", "bad-key", "short", "long"]),
        (
            "serialize",
            &["reject", "reverse", "retry-twice", "bad-format", "no-format", "setting", "short"],
        ),
    ] {
        for order in orders {
            let line = format!("PUT /objects/{stage}-{order}?type=in-memory");
            objects.push(ordered(line.leak(), json!({ stage: order })));
        }
    }
    let elsewhere =
        json!({ "resolve": "elsewhere", "to": "disk", "kind": "storage", "key": "new" });
    objects.push(ordered("PUT /objects/elsewhere", elsewhere));
    let short_lived = json!({ "resolve": "elsewhere", "to": "memory", "kind": "in-memory", "ttl-millis": 3_600_000 });
    objects.push(ordered("PUT /objects/short-lived", short_lived));
    let wrong_kind = json!({ "resolve": "elsewhere", "to": "disk", "kind": "in-memory" });
    objects.push(ordered("PUT /objects/wrong-kind", wrong_kind));
    let parts = json!({ "ingest": "split", "children": 2, "serialize": "reverse" });
    objects.push(ordered("PUT /objects/parts", parts));
    objects.push(ordered("PUT /objects/no-parts", json!({ "ingest": "split", "children": 0 })));
    let refused = json!({ "ingest": "split", "resolve": "reject" });
    objects.push(ordered("PUT /objects/refused-parts", refused));
    objects.push(ordered("POST /streams/coded", json!({ "serialize": "reverse" })));
    compare([MISBEHAVE, MISBEHAVE, MISBEHAVE], objects).await;
}

#[tokio::test]
async fn each_reads_what_the_other_stored() {
    let kept = Kept::somewhere().await;
    let plugins = [INSPECT, RULES, LZ4];
    let (node, spin) = (node(plugins, None, &kept).await, worker(plugins, None, &kept).await);
    let (here, there) = (node.http(), spin.http());
    let body = "compressible ".repeat(200);
    for (writer, reader, name) in [(&here, &there, "node"), (&there, &here, "worker")] {
        for kind in ["in-memory", "storage"] {
            let path = format!("/objects/{name}-{kind}");
            let headers = [("x-framedb-metadata", "{\"by\":1}"), ("content-type", "text/x-mine")];
            let put = writer.send(&format!("PUT {path}?type={kind}"), &headers, body.clone()).await;
            assert_eq!(put.json()["codec"], "lz4/1", "{path} {put:?}");
            let read = reader.call(&format!("GET {path}")).await;
            assert_eq!((read.status.as_u16(), &*read.body), (200, body.as_bytes()), "{path}");
            assert_eq!(read.header("x-framedb-metadata"), "{\"by\":1}");
            assert_eq!(read.header("content-type"), "text/x-mine");
            // Overwritten by the other one, and read where it was first.
            let again = reader.send(&format!("PUT {path}?type={kind}"), &headers, "short").await;
            assert_eq!(again.status.as_u16(), 200, "{again:?}");
            assert_eq!(writer.call(&format!("GET {path}")).await.body, "short", "{path}");
            let gone = writer.call(&format!("DELETE {path}")).await;
            assert_eq!(gone.status.as_u16(), 200);
            assert_eq!(reader.call(&format!("GET {path}")).await.status.as_u16(), 404);
        }
        let queue = format!("/streams/{name}");
        let pushed = writer.send(&format!("POST {queue}"), &[], body.clone()).await;
        assert_eq!(pushed.status.as_u16(), 200, "{pushed:?}");
        let popped = reader.call(&format!("POST {queue}/pop")).await;
        assert_eq!((popped.status.as_u16(), &*popped.body), (200, body.as_bytes()), "{queue}");
    }
}
