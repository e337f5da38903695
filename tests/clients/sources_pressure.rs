//! `/backpressure/*`: producers are told to pause, by source, by node and by cluster (D31).

use crate::{
    replicated::Replicated,
    server::RedisServer,
    sources::{Subscriber, TAG, create, publishing_at, refused, result, with_clusters},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The commands and payloads that come next, of whichever sources.
async fn told(producer: &mut Subscriber, updates: usize) -> BTreeSet<(String, String, String)> {
    let mut told = BTreeSet::new();
    for _ in 0..updates {
        let (source, update) = producer.next().await;
        let command = update["command"].as_str().unwrap().to_owned();
        told.insert((source, command, update["payload"].to_string()));
    }
    told
}

fn line(source: &str, command: &str, payload: &Value) -> (String, String, String) {
    (source.to_owned(), command.to_owned(), payload.to_string())
}

#[tokio::test]
async fn producers_are_told_by_source_by_node_and_by_cluster() {
    let redis = RedisServer::start();
    let clusters = with_clusters(Replicated::shared().await, &["a", "b"]);
    let node = publishing_at(clusters, redis.url()).open().await;
    let http = node.http();
    for source in ["cam-1", "cam-2", "cam-3"] {
        let _ = create(&http, source).await;
        let cluster = if source == "cam-3" { "b" } else { "a" };
        let body = json!({ "sourceId": source, "nodeTag": TAG, "framedb": cluster });
        let _ = result(&http, "/routing/ressignSource", body).await;
    }
    let mut producer = Subscriber::of(&["cam-1", "cam-2", "cam-3"], redis.port()).await;
    let on =
        |cluster: &str| json!({ "nodeTag": TAG, "cluster_name": cluster, "clusterName": cluster });
    for (suffix, switch) in [("nable", "on"), ("isable", "off")] {
        let verb = if switch == "on" { 'e' } else { 'd' };
        let path = |who: &str| match who {
            "" => format!("/backpressure/{verb}{suffix}"),
            who => format!("/backpressure/{who}{}{suffix}", verb.to_ascii_uppercase()),
        };
        let press = async |who: &str, body: Value| {
            assert_eq!(result(&http, &path(who), body).await, "Published updates");
        };
        let node_command = format!("bp_{switch}");
        press("", json!({ "sourceId": "cam-1" })).await;
        let expected =
            line("cam-1", &format!("bp_source_{switch}"), &json!({ "sourceId": "cam-1" }));
        assert_eq!(told(&mut producer, 1).await, [expected].into());
        press("", json!({ "sourceId": "cam-1", "nodeTag": TAG })).await;
        let expected = line("cam-1", &node_command, &on("a"));
        assert_eq!(told(&mut producer, 1).await, [expected.clone()].into());
        press("node", json!({ "nodeTag": TAG })).await;
        let second = line("cam-2", &node_command, &on("a"));
        let third = line("cam-3", &node_command, &on("b"));
        let all = [expected.clone(), second.clone(), third].into();
        assert_eq!(told(&mut producer, 3).await, all);
        press("instance", json!({ "framedb": "a" })).await;
        assert_eq!(told(&mut producer, 2).await, [expected, second].into());
    }
}

#[tokio::test]
async fn back_pressure_of_nobody_is_refused() {
    let redis = RedisServer::start();
    let clusters = with_clusters(Replicated::shared().await, &["a"]);
    let node = publishing_at(clusters, redis.url()).open().await;
    let http = node.http();
    for (path, body, error) in [
        ("enable", json!({}), "Missing field sourceId"),
        ("nodeEnable", json!({}), "Missing field nodeTag"),
        ("instanceDisable", json!({}), "Missing field framedb"),
        ("enable", json!({ "sourceId": "cam-1" }), "No source cam-1"),
        ("nodeEnable", json!({ "nodeTag": TAG }), "No source is writing to edge-1"),
        ("instanceEnable", json!({ "framedb": "a" }), "No source is writing to a"),
        ("instanceEnable", json!({ "framedb": "z" }), "Cluster z does not exist"),
    ] {
        assert_eq!(refused(&http, &format!("/backpressure/{path}"), body).await, error, "{path}");
    }
    let node = with_clusters(Replicated::shared().await, &["a"]).open().await;
    let http = node.http();
    let _ = create(&http, "cam-1").await;
    let error = refused(&http, "/backpressure/enable", json!({ "sourceId": "cam-1" })).await;
    assert_eq!(error, "cannot switch back pressure: this node has no update channel");
}
