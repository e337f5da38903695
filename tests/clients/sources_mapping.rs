//! `/routing/*`: which cluster a source is written to.

use crate::{
    replicated::{MASTER, Replicated},
    server::free_port,
    sources::{TAG, call, create, refused, result, target, with_cluster, with_clusters},
};
use framedb_host::ClusterConfig;
use framedb_tests::TestNode;
use futures::future::join_all;
use serde_json::{Value, json};

/// What stands behind a name in a list of names and values.
fn field<'a>(reply: &'a str, name: &str) -> &'a str {
    let mut lines = reply.lines();
    lines.find(|line| *line == name).unwrap_or_else(|| panic!("no {name} in {reply}"));
    lines.nth(1).unwrap()
}

#[tokio::test]
async fn a_reader_of_frames_finds_the_master_of_its_source() {
    let replicated = Replicated::shared().await;
    let node = with_clusters(replicated, &["cluster-1"]).open().await;
    let http = node.http();
    let metadata = json!({ "sizes": ["640x480"], "ref_count": 2 });
    let body = json!({ "sourceId": "cam-1", "nodeTag": TAG, "metadata": metadata });
    assert_eq!(result(&http, "/routing/createMapping", body).await, "Saved to database");
    let target = target(&http, "cam-1").await;
    let sentinel = &replicated.sentinels[0];
    let master = replicated.master();
    let expected = json!({
        "serviceIp": "127.0.0.1",
        "sentinelPort": sentinel.port(),
        "serviceName": "cluster-1-redis.framedb.svc.cluster.local",
        "redisPort": master.port(),
        "masterIP": "127.0.0.1",
        "nodeTag": TAG,
        "cluster_name": "cluster-1",
        "clusterName": "cluster-1",
        "metadata": metadata,
    });
    assert_eq!(target, expected);
    // As the frame API goes on: it asks the sentinel of the record, and connects.
    assert_eq!(target["sentinelPort"], sentinel.port());
    let masters = sentinel.command(&["SENTINEL", "MASTERS"]);
    assert_eq!((field(&masters, "name"), field(&masters, "flags")), (MASTER, "master"));
    assert_eq!(field(&masters, "port"), master.port().to_string());
    assert_eq!(master.command(&["PING"]), "+PONG");
}

#[tokio::test]
async fn sources_that_come_together_are_spread_over_the_clusters_of_their_node() {
    let replicated = Replicated::shared().await;
    let names = ["cluster-1", "cluster-2", "cluster-3"];
    let node = with_clusters(replicated, &names).open().await;
    let http = node.http();
    let sources: Vec<String> = (0..12).map(|n| format!("cam-{n}")).collect();
    for answer in join_all(sources.iter().map(|source| create(&http, source))).await {
        assert_eq!(answer, "Saved to database");
    }
    let by_node = json!({ "nodeTag": TAG });
    let assigned = result(&http, "/routing/getSourcesByNode", by_node.clone()).await;
    assert_eq!(assigned["nodeTag"], TAG);
    for name in names {
        let instance = &assigned["framedbInstances"][name];
        assert_eq!((&instance["_id"], &instance["sourceCount"]), (&json!(name), &json!(4)));
    }
    // Removing one source leaves the others of its cluster (D30).
    let left = assigned["framedbInstances"]["cluster-2"]["sources"].as_array().unwrap();
    let removed = json!({ "sourceId": left[0], "nodeTag": TAG });
    assert_eq!(result(&http, "/routing/removeMapping", removed.clone()).await, "Source removed");
    let instance =
        result(&http, "/routing/getSourcesByInstance", json!({ "framedb": "cluster-2" })).await;
    let expected =
        json!({ "_id": "cluster-2", "nodeTag": TAG, "sources": left[1..], "sourceCount": 3 });
    assert_eq!(instance, expected);
    let least = result(&http, "/routing/getLeastAssignedInstance", by_node.clone()).await;
    assert_eq!(least, expected);
    let most = result(&http, "/routing/getMaxAssignedInstance", by_node).await;
    assert_eq!(most["sourceCount"], 4);
    let source = json!({ "sourceId": left[0] });
    let gone = format!("No source {}", left[0].as_str().unwrap());
    assert_eq!(refused(&http, "/routing/getMapping", source).await, gone);
    assert_eq!(refused(&http, "/routing/removeMapping", removed).await, gone);
}

#[tokio::test]
async fn the_same_source_created_at_once_is_mapped_once() {
    let node = with_clusters(Replicated::shared().await, &["cluster-1", "cluster-2"]).open().await;
    let http = node.http();
    let body = json!({ "sourceId": "cam-1", "nodeTag": TAG });
    let create = || call(&http, "/routing/createMapping", body.clone());
    let answers = join_all((0..8).map(|_| create())).await;
    let (made, refused): (Vec<Value>, Vec<Value>) =
        answers.into_iter().partition(|answer| answer["success"] == true);
    assert_eq!((made.len(), refused.len()), (1, 7));
    for answer in refused {
        assert_eq!(answer["errorData"], "Mapping already exist, no need to update");
    }
    let _ = target(&http, "cam-1").await;
}

#[tokio::test]
async fn mappings_outlive_the_node() {
    let replicated = Replicated::shared().await;
    let node = with_clusters(replicated, &["cluster-1"]).open().await;
    let _ = create(&node.http(), "cam-1").await;
    let before = target(&node.http(), "cam-1").await;
    let directory = node.stop().await;
    let node = with_clusters(replicated, &["cluster-1"]).in_directory(&directory).open().await;
    assert_eq!(target(&node.http(), "cam-1").await, before);
}

#[tokio::test]
async fn a_cluster_without_a_master_takes_no_sources() {
    let replicated = Replicated::shared().await;
    let absent = ClusterConfig::at(TAG, &[&format!("127.0.0.1:{}", free_port())]);
    let alive = with_clusters(replicated, &["alive"]);
    let node = with_cluster(alive, "absent", absent.clone()).open().await;
    let http = node.http();
    for source in ["cam-1", "cam-2", "cam-3", "cam-4"] {
        let _ = create(&http, source).await;
        assert_eq!(target(&http, source).await["cluster_name"], "alive");
    }
    let node = with_cluster(TestNode::build(), "absent", absent).open().await;
    let http = node.http();
    let body = json!({ "sourceId": "cam-1", "nodeTag": TAG });
    let error = refused(&http, "/routing/createMapping", body).await;
    assert!(error.contains("the cluster `absent` has no master"), "{error}");
    assert!(error.contains("none of its sentinels answers"), "{error}");
    let other = json!({ "sourceId": "cam-1", "nodeTag": "other" });
    let error = refused(&http, "/routing/createMapping", other).await;
    assert_eq!(error, "cannot map `cam-1`: no cluster has the node tag `other`");
    assert_eq!(
        refused(&http, "/routing/getMapping", json!({ "sourceId": "cam-1" })).await,
        "No source cam-1"
    );
}

#[tokio::test]
async fn metadata_is_kept_replaced_and_never_absent() {
    let node = with_clusters(Replicated::shared().await, &["cluster-1"]).open().await;
    let http = node.http();
    let _ = create(&http, "cam-1").await;
    let mapping = json!({ "sourceId": "cam-1", "nodeTag": TAG });
    let metadata = || result(&http, "/routing/getMappingMetadata", mapping.clone());
    assert_eq!(metadata().await, json!({ "empty": true }));
    let described = json!({ "fps": 25, "sizes": ["1x1"] });
    let body = json!({ "sourceId": "cam-1", "nodeTag": TAG, "metadata": described });
    let answer = result(&http, "/routing/updateMetadata", body).await;
    assert_eq!(answer, format!("Updated metadata for cam-1--->{TAG}"));
    assert_eq!(metadata().await, described);
    let _ = result(&http, "/routing/updateMapping", mapping.clone()).await;
    assert_eq!(metadata().await, described, "finding the master again keeps it");
    let large = json!({ "sourceId": "cam-1", "nodeTag": TAG, "metadata": "x".repeat(65_536) });
    let error = refused(&http, "/routing/updateMetadata", large).await;
    assert!(error.contains("cannot keep the metadata"), "{error}");
    assert_eq!(metadata().await, described);
}

#[tokio::test]
async fn sources_are_moved_to_other_clusters_of_their_node() {
    let names = ["cluster-1", "cluster-2", "cluster-3"];
    let node = with_clusters(Replicated::shared().await, &names).open().await;
    let http = node.http();
    let metadata = json!({ "fps": 5 });
    for n in 0..6 {
        let source = format!("cam-{n}");
        let body = json!({ "sourceId": source, "nodeTag": TAG, "metadata": metadata });
        let _ = result(&http, "/routing/createMapping", body).await;
        let body = json!({ "sourceId": source, "nodeTag": TAG, "framedb": "cluster-1" });
        let answer = result(&http, "/routing/ressignSource", body).await;
        assert_eq!(answer, "Reassigned source and published updates");
        assert_eq!(target(&http, &source).await["cluster_name"], "cluster-1");
    }
    let body = json!({ "nodeTag": TAG, "framedb": "cluster-1" });
    let answer = result(&http, "/routing/reassignInstance", body.clone()).await;
    assert_eq!(answer, "Updated and reassigned");
    let assigned = result(&http, "/routing/getSourcesByNode", json!({ "nodeTag": TAG })).await;
    let counts = names.map(|name| assigned["framedbInstances"][name]["sourceCount"].clone());
    assert_eq!(counts, [json!(0), json!(3), json!(3)]);
    assert_eq!(target(&http, "cam-0").await["metadata"], metadata);
    // Repeating it changes nothing.
    let _ = result(&http, "/routing/reassignInstance", body).await;
    for (source, node_tag, framedb, error) in [
        ("cam-9", TAG, "cluster-1", "No source cam-9"),
        ("cam-0", TAG, "cluster-9", "Cluster cluster-9 does not exist"),
        ("cam-0", "other", "cluster-1", "for the nodes `edge-1`, not `other`"),
    ] {
        let body = json!({ "sourceId": source, "nodeTag": node_tag, "framedb": framedb });
        let found = refused(&http, "/routing/ressignSource", body).await;
        assert!(found.contains(error), "{found}");
    }
}

#[tokio::test]
async fn requests_that_lack_something_are_refused_in_the_words_of_the_contract() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for (path, body, error) in [
        ("getMapping", json!({}), "sourceId"),
        ("createMapping", json!({ "nodeTag": TAG }), "sourceId"),
        ("createMapping", json!({ "sourceId": "a" }), "nodeTag"),
        ("removeMapping", json!({ "sourceId": "a" }), "nodeTag"),
        ("updateMapping", json!({ "sourceId": "a" }), "nodeTag"),
        ("updateMetadata", json!({ "sourceId": "a", "nodeTag": TAG }), "Missing field metadata"),
        ("getMappingMetadata", json!({}), "Missing field sourceId"),
        ("getSourcesByInstance", json!({}), "Missing field framedb"),
        ("getSourcesByNode", json!({}), "Missing field nodeTag"),
        ("getLeastAssignedInstance", json!({ "nodeTag": TAG }), "No nodes assigned yet"),
        ("getMapping", json!({ "sourceId": "a" }), "No source a"),
        ("getMapping", json!({ "sourceId": 1 }), "`sourceId` is not a text"),
        ("removeMapping", json!({ "sourceId": "a", "nodeTag": TAG }), "No source a"),
        (
            "updateMapping",
            json!({ "sourceId": "a", "nodeTag": TAG }),
            "Mapping between a and edge-1 does not exist to update",
        ),
        (
            "createMapping",
            json!({ "sourceId": "a\nb", "nodeTag": TAG }),
            "`sourceId` is not a name of 1 to 255 bytes without control characters",
        ),
    ] {
        let found = refused(&http, &format!("/routing/{path}"), body.clone()).await;
        assert_eq!(found, error, "{path} {body}");
    }
    for body in ["", "[1]", "\"text\"", "{\"sourceId\": "] {
        let answer = http.send("POST /routing/getMapping", &[], body).await;
        assert_eq!(answer.status.as_u16(), 422, "{body}");
        assert!(answer.json()["detail"][0]["msg"].is_string(), "{body}");
    }
    let answer = http.call("GET /health/ping").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "message": "pong!" })));
}

#[tokio::test]
async fn a_service_that_is_switched_off_says_so() {
    let node = TestNode::build()
        .config(|config| {
            config.services.sources = false;
            config.services.clusters = false;
        })
        .open()
        .await;
    let http = node.http();
    for path in ["/routing/getMapping", "/backpressure/enable", "/cluster/getClusterInfo"] {
        let answer = http.send(&format!("POST {path}"), &[], "{}").await;
        assert_eq!(answer.status.as_u16(), 404, "{path}");
        assert!(answer.json()["error"].as_str().unwrap().contains("switched off"), "{path}");
    }
    let error = refused(&http, "/discovery/getMaster", json!({})).await;
    assert_eq!(error, "Missing field framedb_id");
}
