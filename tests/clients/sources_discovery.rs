//! `/discovery/*` and `/cluster/*`: where the servers of clusters are, and which clusters there are.

use crate::{
    replicated::{MASTER, Replicated},
    server::{RedisServer, free_port},
    sources::{TAG, call, refused, result, with_cluster, with_clusters},
};
use framedb_host::{ClusterConfig, Config};
use framedb_tests::TestNode;
use serde_json::json;
use std::collections::BTreeSet;

const SECRET: &str = "s3cret/?#@ word";

#[tokio::test]
async fn servers_are_found_by_the_names_of_pods_and_clusters() {
    let replicated = Replicated::shared().await;
    let node = with_clusters(replicated, &["cluster-1"]).open().await;
    let http = node.http();
    let port = replicated.master().port();
    let master = json!({ "masterHost": "127.0.0.1", "masterPort": port });
    let replicas: BTreeSet<u64> = replicated
        .servers
        .iter()
        .map(|server| u64::from(server.port()))
        .filter(|replica| *replica != u64::from(port))
        .collect();
    for id in ["cluster-1", "cluster-1-redis-node-0", "cluster-1-redis-node-2"] {
        let body = json!({ "framedb_id": id });
        assert_eq!(result(&http, "/discovery/getMaster", body.clone()).await, master, "{id}");
        let slaves = result(&http, "/discovery/getSlaves", body.clone()).await;
        let ports = slaves.as_array().unwrap().iter();
        let ports: BTreeSet<u64> = ports.map(|s| s["slavePort"].as_u64().unwrap()).collect();
        assert_eq!((&ports, &slaves[0]["slaveHost"]), (&replicas, &json!("127.0.0.1")), "{id}");
        let info = result(&http, "/discovery/getClusterInfo", body).await["clusterInfo"].clone();
        assert_eq!((&info["master"], &info["masterName"]), (&master, &json!(MASTER)));
        assert_eq!(info["slaves"].as_array().unwrap().len(), 2);
    }
    let body = json!({ "clusterName": "cluster-1" });
    assert_eq!(result(&http, "/discovery/getClusterMaster", body).await, master);
}

#[tokio::test]
async fn servers_that_cannot_be_found_are_refused_with_the_cause() {
    let server = RedisServer::start();
    let sentinel = |port: u16| ClusterConfig::at(TAG, &[&format!("127.0.0.1:{port}")]);
    let other = ClusterConfig {
        master: "other".into(),
        ..sentinel(Replicated::shared().await.sentinels[0].port())
    };
    let build = with_cluster(TestNode::build(), "absent", sentinel(free_port()));
    let build = with_cluster(build, "no-sentinel", sentinel(server.port()));
    let node = with_cluster(build, "other", other).open().await;
    let http = node.http();
    for (id, cause) in [
        ("nowhere", "no cluster"),
        ("nowhere-redis-node-0", "no cluster"),
        ("absent", "none of its sentinels answers"),
        ("no-sentinel", "is no sentinel"),
        ("other", "watch no master of this name"),
    ] {
        for path in ["getMaster", "getSlaves", "getClusterInfo"] {
            let body = json!({ "framedb_id": id });
            let error = refused(&http, &format!("/discovery/{path}"), body).await;
            let start = format!("Failed to get sentinel connection for {id}: ");
            assert!(error.starts_with(&start) && error.contains(cause), "{path}: {error}");
        }
    }
    let error = refused(&http, "/discovery/getClusterMaster", json!({})).await;
    assert_eq!(error, "Missing field clusterName");
}

#[tokio::test]
async fn the_password_opens_sentinels_and_servers_and_is_never_shown() {
    let replicated = Replicated::start(Some("pass"), true).await;
    let sentinels: Vec<_> =
        replicated.sentinels.iter().map(|s| format!("127.0.0.1:{}", s.port())).collect();
    let sentinels: Vec<_> = sentinels.iter().map(String::as_str).collect();
    let at = |password: &str| ClusterConfig {
        password: Some(password.into()),
        ..ClusterConfig::at(TAG, &sentinels)
    };
    let build = with_cluster(TestNode::build(), "right", at("pass"));
    let node = with_cluster(build, "wrong", at(SECRET)).open().await;
    let http = node.http();
    let master = result(&http, "/discovery/getMaster", json!({ "framedb_id": "right" })).await;
    assert_eq!(master["masterPort"], replicated.servers[0].port());
    let answer = call(&http, "/discovery/getMaster", json!({ "framedb_id": "wrong" })).await;
    assert!(answer.to_string().contains("refuses the password"), "{answer}");
    let config: &Config = &node.node().config;
    let shown = format!("{answer} {config:?} {:?}", node.node());
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn clusters_are_those_of_the_configuration() {
    let cluster = ClusterConfig {
        service_ip: Some("10.1.2.3".into()),
        ..ClusterConfig::at(TAG, &["10.0.0.1:7000"])
    };
    let build = with_cluster(TestNode::build(), "one", cluster.clone());
    let node = with_cluster(build, "two", cluster).open().await;
    let http = node.http();
    let names = result(&http, "/cluster/synchronize", json!({ "synchronize": false })).await;
    assert_eq!(names, json!(["one", "two"]));
    let record = result(&http, "/cluster/getClusterInfo", json!({ "clusterName": "one" })).await;
    let expected = json!({
        "_id": "one",
        "node_tag": TAG,
        "svc_name": "one-redis.framedb.svc.cluster.local",
        "svc_host": "10.1.2.3",
        "metrics_svc": "",
        "namespace": "framedb",
        "master_port": 6379,
        "sentinel_port": 7000,
        "metrics_port": 9121,
        "clusterPods": [],
    });
    assert_eq!(record, expected);
    let create = json!({
        "clusterName": "a", "nodeTag": "t", "replicas": 2, "enableMetrics": false, "quorum": 2,
    });
    let none = "this node starts and stops no servers";
    for (path, body, error) in [
        ("/cluster/getClusterInfo", json!({ "clusterName": "x" }), "Cluster x does not exist"),
        ("/cluster/createCluster", create, &*format!("cannot create a cluster: {none}")),
        ("/cluster/createCluster", json!({ "clusterName": "a" }), "Missing field nodeTag"),
        ("/cluster/createClusters", json!({}), "Missing field clusterPrefix"),
        ("/cluster/removeCluster", json!({ "clusterName": "x" }), "Cluster x does not exist"),
        (
            "/cluster/removeCluster",
            json!({ "clusterName": "one" }),
            &*format!("cannot remove a cluster: {none}"),
        ),
        (
            "/cluster/removeClusters",
            json!({ "clusterList": ["one"] }),
            &*format!("cannot remove clusters: {none}"),
        ),
        (
            "/cluster/synchronize",
            json!({ "synchronize": true }),
            &*format!("cannot synchronize with what is deployed: {none}"),
        ),
        (
            "/replication/createReplication",
            json!({ "clusterId": "one", "replicas": 1 }),
            &*format!("cannot scale a cluster: {none}"),
        ),
    ] {
        assert_eq!(refused(&http, path, body).await, error, "{path}");
    }
}

#[test]
fn what_is_wrong_with_clusters_and_the_channel_is_said_together_without_secrets() {
    let config = Config::parse(
        "[sources]\npubsub-url = \"redis-cluster://:s3cret@host\"\n\
         [clusters.a]\nnode-tag = \"\"\nsentinels = [\"host\"]\npassword = \"s3cret\"\n\
         [clusters.b]\nnode-tag = \"t\"\nsentinels = []\n",
    )
    .unwrap();
    let error = config.check().unwrap_err().to_string();
    for problem in [
        "sources.pubsub-url: \"redis-cluster\" is no scheme of an update channel",
        "clusters.a.node-tag: it is empty",
        "clusters.b.sentinels: there are none",
    ] {
        assert!(error.contains(problem), "{error}");
    }
    assert!(!error.contains("s3cret"), "{error}");
}
