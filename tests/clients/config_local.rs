//! The config service of one cluster, as in section 5.2 of the wire contract.

use crate::{
    config_service::{create, register, registration},
    object_service::{object, set_well},
    routing_objects::{call, data, fails, send},
    server::RedisServer,
};
use framedb_tests::{
    TestNode,
    servers::mariadb::{self, fresh_name},
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_the_cluster_are_created_listed_changed_and_removed() {
    let redis = RedisServer::start();
    let sql = mariadb::shared().await.url(&fresh_name());
    let node = TestNode::build().config(|config| config.cluster_id = "here".into()).open().await;
    let http = node.http();
    for (family, url) in [("instances", redis.url()), ("persistent-instances", sql)] {
        let path = format!("/framedb/{family}");
        let post = format!("POST {path}");
        let mut body = registration("new", &url);
        body.as_object_mut().unwrap().remove("cluster_id");
        let mut port = 0;
        for _ in 0..2 {
            let (status, created) = send(&http, &post, body.clone()).await;
            assert_eq!((status, &created["message"]), (200, &json!("Instance created")));
            port = created["port"].as_u64().unwrap();
        }
        let found = data(&http, &path).await[0].clone();
        assert_eq!((&found["framedb_id"], &found["port"]), (&json!("new"), &json!(port)));
        assert_eq!(found["cluster_id"], "here", "the node's own");
        assert_eq!(data(&http, &format!("{path}/new")).await, found);
        // The global service speaks of the same instances.
        assert_eq!(data(&http, &format!("/global{path}/cluster/here")).await, json!([found]));
        let mut other = body.clone();
        other["node_id"] = json!("n2");
        fails(send(&http, &post, other).await, 400, "framedb with the ID new already exists");
        // A filter comes as a body of GET.
        let list = format!("GET {path}");
        for (filter, count) in
            [(json!({ "node_id": "n1" }), 1), (json!({ "node_id": { "$ne": "n1" } }), 0)]
        {
            let (_, listed) = send(&http, &list, filter).await;
            assert_eq!(listed["data"].as_array().unwrap().len(), count, "{listed}");
        }
        fails(send(&http, &list, json!({ "$where": "1" })).await, 400, "no operator `$where`");
        // Those of other clusters are in the global service's lists alone.
        let mut elsewhere = registration("elsewhere", &url);
        elsewhere["cluster_id"] = json!("there");
        create(&http, family, elsewhere).await;
        assert_eq!(data(&http, &path).await, json!([found]));
        let there = data(&http, &format!("/global{path}/cluster/there")).await;
        assert_eq!(there[0]["framedb_id"], "elsewhere");
        let line = format!("DELETE /global{path}/elsewhere");
        assert_eq!(call(&http, &line).await.0, 200);
        let update = format!("POST {path}/new/update");
        let change = json!({ "metadata": { "rack": 2 }, "node_id": "n3", "status": "Stopped" });
        let updated = json!({ "success": true, "message": "Fields updated" });
        assert_eq!(send(&http, &update, change).await, (200, updated));
        let found = data(&http, &format!("{path}/new")).await;
        assert_eq!(
            (&found["metadata"], &found["node_id"], &found["status"], &found["cluster_id"]),
            (&json!({ "rack": 2 }), &json!("n3"), &json!("Stopped"), &json!("here"))
        );
        for (change, error) in [
            (json!({ "public_url": "127.0.0.1:1" }), "cannot open the instance `new`"),
            (json!({ "framedb_id": "other" }), "`framedb_id` cannot be changed"),
            (json!({ "node_id": 3 }), "`node_id` is not a text"),
        ] {
            fails(send(&http, &update, change).await, 400, error);
        }
        assert_eq!(data(&http, &format!("{path}/new")).await, found, "nothing by half");
        let absent = send(&http, &format!("POST {path}/absent/update"), json!({})).await;
        fails(absent, 400, "Instance not found: absent");
        let unknown = send(&http, &format!("POST {path}/new/restart"), json!({})).await;
        fails(unknown, 404, "there is no path");
        let removed = json!({ "success": true, "message": "Instance removed" });
        let remove = format!("DELETE {path}/new");
        assert_eq!(call(&http, &remove).await, (200, removed));
        fails(call(&http, &remove).await, 400, "Instance not found: new");
        assert_eq!(data(&http, &path).await, json!([]));
        fails(call(&http, &format!("GET {path}/new")).await, 404, "No document found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_moves_is_written_to_where_it_is_now() {
    let (first, second) = (RedisServer::start(), RedisServer::start());
    let node = TestNode::build().open().await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    register(&http, "cache", &first.url()).await;
    set_well(&mut grpc, object("k", "cache", "in-memory", b"one")).await;
    // D8: a connection belongs to an instance and its URL.
    let line = "POST /framedb/instances/cache/update";
    assert_eq!(send(&http, line, json!({ "public_url": second.url() })).await.0, 200);
    set_well(&mut grpc, object("k", "cache", "in-memory", b"two")).await;
    assert_eq!(first.command(&["GET", "k"]), "$3\r\none");
    assert_eq!(second.command(&["GET", "k"]), "$3\r\ntwo");
    // And back, by registering it again.
    register(&http, "cache", &first.url()).await;
    set_well(&mut grpc, object("k", "cache", "in-memory", b"six")).await;
    assert_eq!(first.command(&["GET", "k"]), "$3\r\nsix");
    assert_eq!(second.command(&["GET", "k"]), "$3\r\ntwo");
}
