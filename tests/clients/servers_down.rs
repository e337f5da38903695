//! Servers that are down when a node starts, and servers that go away while it runs.

use crate::{
    edge::put,
    edge_stream::Sender,
    object_service::{Client, get, object, set, set_well},
    routing_objects::{call, send},
    server::RedisServer,
};
use framedb_host::{Config, ErrorKind};
use framedb_tests::{
    Http, Operator, TestNode, eventually,
    proto::edge::{Outcome, PutRequest},
    servers::mariadb::{Server, fresh_name},
    within,
};
use serde_json::Value;
use std::time::Duration;

const SECRET: &str = "s3cret-word";

/// So long that a test which waits for it is stuck.
const NEVER: Duration = Duration::from_secs(3600);

/// A Redis and a MariaDB that can be stopped and started on the same port and data.
struct Servers {
    cache: RedisServer,
    table: Server,
    database: String,
}

impl Servers {
    async fn start() -> Self {
        let cache = RedisServer::start_with(&["--requirepass", SECRET]);
        Self { cache, table: Server::start(&[]).await, database: fresh_name() }
    }

    fn stop(&mut self) {
        self.cache.stop();
        self.table.stop();
    }

    async fn start_again(&mut self) {
        self.cache.start_again();
        self.table.start_again().await;
    }

    fn cache_url(&self) -> String {
        format!("redis://:{SECRET}@127.0.0.1:{}", self.cache.port())
    }

    fn table_url(&self) -> String {
        self.table.url(&self.database)
    }
}

/// What is unreachable is given up soon, everything else never.
fn impatient(config: &mut Config) {
    config.limits.unreachable = Duration::from_millis(300);
    config.limits.deadline = NEVER;
}

/// Waits until the node is as ready as this, and names these instances as degraded.
async fn ready(http: &Http, status: u16, degraded: &[&str]) -> Value {
    eventually(&format!("/readyz answers {status}, degraded: {degraded:?}"), async || {
        let answer = http.call("GET /readyz").await;
        let body = answer.json();
        let named: Vec<_> = body["degraded"].as_object().unwrap().keys().collect();
        (answer.status.as_u16() == status && named == degraded).then_some(body)
    })
    .await
}

/// The instances that the metrics show as usable.
async fn up(http: &Http) -> Vec<String> {
    let text = String::from_utf8(http.call("GET /metrics").await.body.to_vec()).unwrap();
    let up = |line: &str| {
        let id = line.strip_prefix("framedb_engine_up{instance=\"")?.strip_suffix("\"} 1")?;
        Some(id.to_owned())
    };
    let mut up: Vec<_> = text.lines().filter_map(up).collect();
    up.sort();
    up
}

/// Both kinds of doors refuse objects for the two instances promptly, and say why.
async fn refused(client: &mut Client, http: &Http) {
    for (framedb_id, kind) in [("cache", "in-memory"), ("cache", "stream"), ("table", "storage")] {
        let key = format!("down-{kind}");
        let sent = object(&key, framedb_id, kind, b"x");
        let answer = within("an answer", set(client, sent)).await;
        assert!(!answer.success, "{answer:?}");
        assert!(answer.message.starts_with("Write failed: not stored: gave up "), "{answer:?}");
        assert!(answer.message.contains("(limits.unreachable): cannot "), "{answer:?}");
        let line = format!("PUT /objects/{key}?framedb_id={framedb_id}&type={kind}");
        let answer = within("an answer", http.send(&line, &[], "x")).await;
        let body = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &body["class"]),
            (503, &"unavailable".into()),
            "{body}"
        );
        assert!(body["error"].as_str().unwrap().starts_with("not stored: gave up "), "{body}");
        assert!(!body.to_string().contains(SECRET), "{body}");
        assert!(!get(client, &key).await.found);
    }
}

/// The two instances take objects.
async fn taken(client: &mut Client, http: &Http) {
    for (framedb_id, kind) in [("cache", "in-memory"), ("cache", "stream"), ("table", "storage")] {
        let key = format!("up-{kind}");
        set_well(client, object(&key, framedb_id, kind, b"x")).await;
        assert_eq!(get(client, &key).await.object.unwrap().data, "x");
    }
    let answer = http.send("PUT /objects/http?framedb_id=table", &[], "x").await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_without_its_servers_and_uses_them_when_they_come() {
    let mut servers = Servers::start().await;
    servers.stop();
    let operator = Operator::new(&format!(
        "[limits]\nunreachable = \"300ms\"\ndeadline = \"1h\"\n\
         [instances.cache]\nurl = {:?}\n[instances.table]\nurl = {:?}\n",
        servers.cache_url(),
        servers.table_url(),
    ));
    let node = operator.serve();
    let http = node.http();
    let body = ready(&http, 200, &["cache", "table"]).await;
    let place = format!("127.0.0.1:{}", servers.cache.port());
    assert!(body["degraded"]["cache"].as_str().unwrap().contains(&place), "{body}");
    let health = http.call("GET /healthz").await;
    assert_eq!(health.status.as_u16(), 503);
    let instances = health.json()["instances"].clone();
    assert_eq!(
        (&instances["cache"]["healthy"], &instances["disk"]["healthy"]),
        (&false.into(), &true.into())
    );
    assert_eq!(up(&http).await, ["disk", "memory"]);
    // The other instances are served.
    let mut client = Client::new(node.channel().await);
    set_well(&mut client, object("here", "disk", "storage", b"x")).await;
    refused(&mut client, &http).await;
    let said = node.said();
    let lines = said.lines().filter(|line| line.contains("cache") && line.contains(&place));
    let lines: Vec<_> = lines.filter(|line| line.contains("keeps trying")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    servers.start_again().await;
    ready(&http, 200, &[]).await;
    assert_eq!(up(&http).await, ["cache", "disk", "memory", "table"]);
    taken(&mut client, &http).await;
    assert_eq!(get(&mut client, "here").await.object.unwrap().data, "x");
    let said = node.said();
    assert!(said.contains("can be used again") && !said.contains(SECRET), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_of_the_registry_is_looked_at_like_one_of_the_configuration() {
    let mut server = RedisServer::start();
    let node = TestNode::build().config(impatient).open().await;
    let http = node.http();
    ready(&http, 200, &[]).await;
    assert_eq!(up(&http).await, ["disk", "memory"]);
    let instance = serde_json::json!({
        "framedb_id": "cache", "node_id": "n", "metadata": {}, "redis_config": [],
        "cluster_id": "c", "public_url": server.url(),
    });
    let line = "POST /global/framedb/instances";
    assert_eq!(send(&http, line, instance).await.0, 200);
    let seen = async |names: &[&str]| {
        eventually("the instances are looked at", async || {
            (up(&http).await == names).then_some(())
        })
        .await;
    };
    seen(&["cache", "disk", "memory"]).await;
    server.stop();
    let body = ready(&http, 200, &["cache"]).await;
    let place = format!("127.0.0.1:{}", server.port());
    assert!(body["degraded"]["cache"].as_str().unwrap().contains(&place), "{body}");
    assert_eq!(http.call("GET /healthz").await.status.as_u16(), 503);
    let line = "DELETE /global/framedb/instances/cache";
    assert_eq!(call(&http, line).await.0, 200);
    ready(&http, 200, &[]).await;
    let health = http.call("GET /healthz").await;
    assert_eq!(health.status.as_u16(), 200);
    assert!(health.json()["instances"]["cache"].is_null(), "{health:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_go_away_are_named_and_used_again_when_they_are_back() {
    let mut servers = Servers::start().await;
    let node = TestNode::build().config(impatient);
    let node = node.instance("cache", &servers.cache_url()).instance("table", &servers.table_url());
    let node = node.open().await;
    let (http, mut client) = (node.http(), node.object_service().await);
    ready(&http, 200, &[]).await;
    taken(&mut client, &http).await;
    servers.stop();
    ready(&http, 200, &["cache", "table"]).await;
    assert_eq!(up(&http).await, ["disk", "memory"]);
    refused(&mut client, &http).await;
    // Who sends a stream goes on: what is for a server that is away waits, in the order of its
    // key, and holds nothing else back.
    let mut sender = Sender::open(&node).await;
    let send = |id: &str, key: &str, framedb_id: &str, data: &'static str| {
        sender.put(PutRequest { framedb_id: framedb_id.into(), ..put(id, key, data) });
    };
    for framedb_id in ["cache", "table"] {
        for (n, data) in ["first", "second", "third"].into_iter().enumerate() {
            send(&format!("{framedb_id}-{n}"), framedb_id, framedb_id, data);
        }
    }
    send("other", "other", "memory", "x");
    assert_eq!(&*sender.receipt().await.id, "other");
    servers.start_again().await;
    for _ in 0..6 {
        let receipt = sender.receipt().await;
        assert_eq!(receipt.outcome(), Outcome::Stored, "{receipt:?}");
    }
    for framedb_id in ["cache", "table"] {
        assert_eq!(node.get(framedb_id).await, "third");
    }
    ready(&http, 200, &[]).await;
    taken(&mut client, &http).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_not_ready_while_none_of_the_instances_it_uses_can_be_used() {
    let mut servers = Servers::start().await;
    servers.stop();
    let node = TestNode::build().config(|config| {
        impatient(config);
        config.defaults.in_memory = "cache".into();
        config.defaults.stream = "cache".into();
        config.defaults.storage = "table".into();
    });
    let node = node.instance("cache", &servers.cache_url()).instance("table", &servers.table_url());
    let node = node.open().await;
    let http = node.http();
    let body = ready(&http, 503, &["cache", "table"]).await;
    assert_eq!(body["error"], "no instance can be used");
    servers.cache.start_again();
    ready(&http, 200, &["table"]).await;
    servers.cache.stop();
    ready(&http, 503, &["cache", "table"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waiting_does_not_mend_keeps_a_node_from_starting() {
    let servers = Servers::start().await;
    let mut client = servers.table.client().await;
    let made = "CREATE DATABASE other; CREATE TABLE other.data_table (number INT PRIMARY KEY)";
    mysql_async::prelude::Queryable::query_drop(&mut client, made).await.unwrap();
    for (url, expected) in [
        (servers.cache.url(), "refuses the password, or wants one"),
        (servers.table.url_of("somebody", SECRET, "any"), "denies access to the user"),
        (servers.table.url("other"), "cannot use the table `data_table`"),
    ] {
        let error = TestNode::build().instance("far", &url).try_start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let said = error.chain();
        assert!(said.starts_with("cannot open the instance `far`: "), "{said}");
        assert!(said.contains(expected) && !said.contains(SECRET), "{said}");
    }
}
