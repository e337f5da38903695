//! The update channel: what producers of a source are told, over a real Redis.

use crate::{
    replicated::{MASTER, Replicated},
    server::RedisServer,
    sources::{
        Subscriber, TAG, call, create, publishing_at, refused, result, target, with_clusters,
    },
};
use framedb_tests::eventually;
use serde_json::{Value, json};

/// The command, the payload and the version of an update.
fn parts(update: &Value) -> (&str, &Value, u64) {
    (update["command"].as_str().unwrap(), &update["payload"], update["version"].as_u64().unwrap())
}

#[tokio::test]
async fn a_subscriber_is_told_every_change_in_order() {
    let replicated = Replicated::shared().await;
    let redis = RedisServer::start();
    let node = publishing_at(with_clusters(replicated, &["a", "b"]), redis.url()).open().await;
    let http = node.http();
    let mut producer = Subscriber::of(&["cam-1"], redis.port()).await;
    let _ = create(&http, "cam-1").await;
    let (source, update) = producer.next().await;
    let added = target(&http, "cam-1").await;
    assert_eq!(source, "cam-1");
    assert_eq!(parts(&update), ("add", &json!([added]), 1));
    assert_eq!(added["clusterName"], added["cluster_name"]);
    let mapping = json!({ "sourceId": "cam-1", "nodeTag": TAG });
    let metadata = json!({ "fps": 1 });
    let described = json!({ "sourceId": "cam-1", "nodeTag": TAG, "metadata": metadata });
    let _ = result(&http, "/routing/updateMetadata", described).await;
    let expected = json!({ "nodeTag": TAG, "metadata": metadata });
    assert_eq!(parts(&producer.next().await.1), ("meta_update", &expected, 2));
    let answer = result(&http, "/routing/updateMapping", mapping.clone()).await;
    assert_eq!(answer, "Published routing table");
    let update = producer.next().await.1;
    assert_eq!(parts(&update), ("add", &json!([target(&http, "cam-1").await]), 3));
    assert_eq!(update["payload"][0]["metadata"], metadata);
    let other = if added["cluster_name"] == "a" { "b" } else { "a" };
    let moved = json!({ "sourceId": "cam-1", "nodeTag": TAG, "framedb": other });
    let _ = result(&http, "/routing/ressignSource", moved).await;
    let update = producer.next().await.1;
    assert_eq!((&update["command"], &update["version"]), (&json!("add"), &json!(4)));
    assert_eq!(update["payload"][0]["cluster_name"], other);
    let _ = result(&http, "/routing/removeMapping", mapping).await;
    assert_eq!(parts(&producer.next().await.1), ("remove", &json!([TAG]), 5));
    // Versions go on when the source comes back.
    let _ = create(&http, "cam-1").await;
    let update = producer.next().await.1;
    assert_eq!((&update["command"], &update["version"]), (&json!("add"), &json!(6)));
}

#[tokio::test]
async fn changes_at_once_are_told_with_growing_versions() {
    let redis = RedisServer::start();
    let clusters = with_clusters(Replicated::shared().await, &["a"]);
    let node = publishing_at(clusters, redis.url()).open().await;
    let http = node.http();
    let _ = create(&http, "cam-1").await;
    let mut producer = Subscriber::of(&["cam-1"], redis.port()).await;
    let describe = |n: u32| {
        let body = json!({ "sourceId": "cam-1", "nodeTag": TAG, "metadata": { "fps": n } });
        result(&http, "/routing/updateMetadata", body)
    };
    let _ = futures::future::join_all((0..20).map(describe)).await;
    let mut last = Value::Null;
    for version in 2..22 {
        let update = producer.next().await.1;
        assert_eq!(update["version"], version);
        last = update["payload"]["metadata"].clone();
    }
    assert_eq!(target(&http, "cam-1").await["metadata"], last);
}

#[tokio::test]
async fn what_nobody_was_told_is_told_when_the_request_is_repeated() {
    let mut redis = RedisServer::start();
    let clusters = with_clusters(Replicated::shared().await, &["a"]);
    let node = publishing_at(clusters, redis.url()).open().await;
    let http = node.http();
    let _ = create(&http, "before").await;
    redis.stop();
    let mapping = json!({ "sourceId": "cam-1", "nodeTag": TAG });
    let answer = call(&http, "/routing/createMapping", mapping.clone()).await;
    let error = answer["errorData"].as_str().unwrap();
    assert!(error.contains("the mapping of `cam-1` is saved, but nobody was told"), "{error}");
    assert!(error.contains("cannot be reached"), "{error}");
    assert!(answer["hint"].as_str().unwrap().contains("repeat the request"), "{answer}");
    let added = target(&http, "cam-1").await;
    redis.start_again();
    let mut producer = Subscriber::of(&["cam-1"], redis.port()).await;
    let answer = result(&http, "/routing/createMapping", mapping.clone()).await;
    assert_eq!(answer, "Source already in the mapping");
    assert_eq!(parts(&producer.next().await.1), ("add", &json!([added]), 1));
    let error = refused(&http, "/routing/createMapping", mapping.clone()).await;
    assert_eq!(error, "Mapping already exist, no need to update");
    // A change that follows one that was not told comes after it.
    redis.stop();
    let metadata = json!({ "sourceId": "cam-1", "nodeTag": TAG, "metadata": { "fps": 1 } });
    let _ = refused(&http, "/routing/updateMetadata", metadata).await;
    redis.start_again();
    let mut producer = Subscriber::of(&["cam-1"], redis.port()).await;
    let _ = result(&http, "/routing/removeMapping", mapping).await;
    let (first, second) = (producer.next().await.1, producer.next().await.1);
    assert_eq!((&first["command"], &first["version"]), (&json!("meta_update"), &json!(2)));
    assert_eq!(parts(&second), ("remove", &json!([TAG]), 3));
}

#[tokio::test]
async fn a_mapping_follows_its_master_when_it_is_killed() {
    let mut replicated = Replicated::start(None, false).await;
    let redis = RedisServer::start();
    let node = publishing_at(with_clusters(&replicated, &["a"]), redis.url()).open().await;
    let http = node.http();
    let metadata = json!({ "fps": 25 });
    let body = json!({ "sourceId": "cam-1", "nodeTag": TAG, "metadata": metadata });
    let _ = result(&http, "/routing/createMapping", body).await;
    let before = target(&http, "cam-1").await;
    let mut producer = Subscriber::of(&["cam-1"], redis.port()).await;
    let killed = replicated.master().port();
    assert_eq!(before["redisPort"], killed);
    replicated.at(killed).stop();
    let mapping = json!({ "sourceId": "cam-1", "nodeTag": TAG });
    // As producers do: they ask until there is a master. What is no master is never reported.
    eventually("the mapping has a new master", || async {
        let answer = call(&http, "/routing/updateMapping", mapping.clone()).await;
        (answer["success"] == true).then_some(())
    })
    .await;
    let after = target(&http, "cam-1").await;
    assert_eq!(after["redisPort"], replicated.master().port());
    assert_ne!(after["redisPort"], killed);
    assert_eq!((&after["masterIP"], &after["metadata"]), (&json!("127.0.0.1"), &metadata));
    assert_eq!(parts(&producer.next().await.1), ("add", &json!([after]), 2));
}

#[tokio::test]
async fn updates_are_published_at_the_master_of_sentinels() {
    let replicated = Replicated::shared().await;
    let url = replicated.url("", MASTER);
    let node = publishing_at(with_clusters(replicated, &["a"]), url).open().await;
    let mut producer = Subscriber::of(&["cam-7"], replicated.master().port()).await;
    let _ = create(&node.http(), "cam-7").await;
    assert_eq!(producer.next().await.1["command"], "add");
}
