//! Copies in the node's own cluster are read first (contract section 2, defect D7).

use crate::{
    config_service::{create, registration},
    object_service::{Client, get, object, set, set_well},
    routing_objects::{data, send},
    server::RedisServer,
};
use framedb_tests::{
    Http, TestNode,
    servers::mariadb::{fresh_name, shared},
};
use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};

/// A node in a cluster, with a server in another one and a server in this one.
struct Site {
    node: TestNode,
    http: Http,
    grpc: Client,
    far: RedisServer,
    near: RedisServer,
}

impl Site {
    /// A site whose node is in `cluster`, and an object in the far server with a copy in the
    /// near one: bytes of the same size that tell where they were read.
    async fn with_copy(cluster: &str) -> Self {
        let (far, near) = (RedisServer::start(), RedisServer::start());
        let node = TestNode::build().config(|config| config.cluster_id = cluster.into());
        let node = node.open().await;
        let (http, mut grpc) = (node.http(), node.object_service().await);
        for (id, server, cluster) in [("far", &far, "c1"), ("near", &near, "c2")] {
            let mut body = registration(id, &server.url());
            body["cluster_id"] = cluster.into();
            create(&http, "instances", body).await;
        }
        set_well(&mut grpc, object("k", "far", "in-memory", b"far!")).await;
        near.command(&["SET", "k", "near"]);
        let copy = json!({ "framedb_id": "near", "framedb_type": "in-memory" });
        assert_eq!(send(&http, "POST /framedb/objects/k/add-copy", copy).await.0, 200);
        Self { node, http, grpc, far, near }
    }

    /// Reads the object at both doors: which instance answers.
    async fn reads(&mut self, framedb_id: &str, bytes: &'static str) {
        let answer = get(&mut self.grpc, "k").await;
        let found = answer.object.unwrap_or_else(|| panic!("{}", answer.message));
        assert_eq!((&*found.framedb_id, &*found.data), (framedb_id, bytes.as_bytes()));
        assert_eq!(found.r#type, "in-memory");
        let answer = self.http.call("GET /objects/k").await;
        assert_eq!((answer.header("x-framedb-id"), &*answer.body), (framedb_id, bytes.as_bytes()));
    }

    async fn copies(&self) -> Value {
        data(&self.http, "/framedb/objects/k").await["copies"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_the_own_cluster_is_read_until_it_cannot_be() {
    let mut site = Site::with_copy("c2").await;
    site.reads("near", "near").await;
    let expected =
        json!([{ "framedb_id": "near", "framedb_type": "in-memory", "cluster_id": "c2" }]);
    assert_eq!(site.copies().await, expected);
    // Gone from its server: the primary, which is not taken for gone with it.
    site.near.command(&["DEL", "k"]);
    site.reads("far", "far!").await;
    site.near.command(&["SET", "k", "near"]);
    site.reads("near", "near").await;
    site.near.stop();
    site.reads("far", "far!").await;
    site.near.start_again();
    site.near.command(&["SET", "k", "near"]);
    site.reads("near", "near").await;
    // The copy alone is enough, too.
    site.far.stop();
    site.reads("near", "near").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_primary_is_read_where_no_copy_is_nearer() {
    // In the primary's own cluster, in one that has none, and where none is named: `None == None`
    // chose the first copy once.
    for cluster in ["c1", "c3", ""] {
        let mut site = Site::with_copy(cluster).await;
        site.reads("far", "far!").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overwriting_an_object_removes_its_stale_copy() {
    let mut site = Site::with_copy("c2").await;
    site.reads("near", "near").await;
    let sent = object("k", "far", "in-memory", b"new!");
    set_well(&mut site.grpc, sent).await;
    assert_eq!(site.near.command(&["EXISTS", "k"]), ":0");
    assert_eq!(site.copies().await, json!([]));
    site.reads("far", "new!").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_overwritten_though_a_copy_cannot_be_removed() {
    let mut site = Site::with_copy("c2").await;
    site.near.stop();
    set_well(&mut site.grpc, object("k", "far", "in-memory", b"new!")).await;
    site.near.start_again();
    site.near.command(&["SET", "k", "near"]);
    // Nothing leads there any more.
    site.reads("far", "new!").await;
    assert_eq!(site.node.get("k").await, "new!");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_primary_costs_nothing_while_a_copy_has_the_bytes() {
    let mut site = Site::with_copy("").await;
    site.reads("far", "far!").await;
    // As eviction does, or a restart of the server.
    site.far.command(&["DEL", "k"]);
    site.reads("near", "near").await;
    assert_eq!(site.copies().await.as_array().unwrap().len(), 1);
    // A copy that cannot be asked is not one that is gone.
    site.near.stop();
    let answer = get(&mut site.grpc, "k").await;
    assert!(!answer.found && answer.message.starts_with("Data read failed: "), "{answer:?}");
    site.near.start_again();
    site.near.command(&["SET", "k", "near"]);
    site.reads("near", "near").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_no_server_took_is_not_of_unknown_outcome() {
    let mut far = RedisServer::start();
    let node = TestNode::build().config(|config| {
        config.limits.deadline = std::time::Duration::from_secs(1);
    });
    let node = node.open().await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    create(&http, "instances", registration("far", &far.url())).await;
    // Nothing was sent on a connection that broke: none was ever open.
    far.stop();
    let answer = set(&mut grpc, object("k", "far", "in-memory", b"2")).await;
    assert!(!answer.success, "{answer:?}");
    assert!(!answer.message.contains("unknown"), "{answer:?}");
    assert!(answer.message.contains("Connection refused"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_another_kind_is_told_with_its_own() {
    let (far, near, database) = (RedisServer::start(), shared().await, fresh_name());
    let node = TestNode::build().config(|config| config.cluster_id = "c2".into());
    let node = node.instance("near", &near.url(&database)).open().await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    let mut body = registration("far", &far.url());
    body["cluster_id"] = "c1".into();
    create(&http, "instances", body).await;
    set_well(&mut grpc, object("k", "far", "in-memory", b"same")).await;
    let row = format!("INSERT INTO {database}.data_table (`key`, `data`) VALUES ('k', 'same')");
    near.client().await.query_drop(row).await.unwrap();
    let copy = json!({ "framedb_id": "near", "framedb_type": "storage" });
    assert_eq!(send(&http, "POST /framedb/objects/k/add-copy", copy).await.0, 200);
    let found = get(&mut grpc, "k").await.object.unwrap();
    assert_eq!((&*found.framedb_id, &*found.r#type), ("near", "storage"));
    let answer = http.call("GET /objects/k").await;
    let said = ["x-framedb-id", "x-framedb-type"].map(|name| answer.header(name));
    assert_eq!(said, ["near", "storage"]);
}
