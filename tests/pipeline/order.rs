//! The order of writes: per key and per queue as sent, and nobody else waits.

use framedb_core::Kind;
use framedb_host::pipeline::MatchConfig;
use framedb_tests::{Build, Describe, arrival, misbehaving, stored};

/// Batches of few objects, several at once.
fn small_batches() -> Build {
    misbehaving().config(|config| {
        for pipeline in config.pipelines.values_mut() {
            pipeline.batch.objects = 3;
            pipeline.batch.at_once = 4;
        }
    })
}

/// Of an object in a few, that it is retried; of another, that it makes its batch fail.
fn meta(n: usize) -> String {
    match n % 7 {
        1 => r#"{"ingest":"retry-twice"}"#.into(),
        2 => r#"{"resolve":"retry-twice"}"#.into(),
        4 => r#"{"serialize":"retry-twice"}"#.into(),
        5 => r#"{"ingest":"sleep","millis":5}"#.into(),
        _ => "{}".into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_write_of_a_key_wins_whatever_retries_did_to_those_before() {
    let node = small_batches().start().await;
    let objects = (0..120).map(|n| {
        let key = if n % 3 == 0 { "hot".to_owned() } else { format!("cold/{n}") };
        arrival(&key).id(&format!("o{n}")).data(format!("write {n}")).meta(meta(n))
    });
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
    assert!(node.counted("framedb_retries_total", "") > 20);
    assert_eq!(node.get("hot").await, "write 117");
    assert_eq!(node.found("hot").await.unwrap().route.metadata.to_string(), meta(117));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_write_wins_across_pipelines_kinds_and_instances() {
    let node = small_batches()
        .pipeline("other", |pipeline| {
            pipeline.matches =
                MatchConfig { source: Some("other".into()), ..MatchConfig::default() };
            pipeline.batch.objects = 2;
        })
        .start()
        .await;
    for round in 0..5 {
        let objects = (0..41).map(|n| {
            let kind = if n % 2 == 0 { Kind::Storage } else { Kind::InMemory };
            let source = if n % 3 == 0 { "other" } else { "" };
            let object = arrival("k").id(&format!("{round}-{n}")).source(source).kind(kind);
            object.data(format!("write {n}")).meta(meta(n))
        });
        for receipt in node.ingest_all(objects).await {
            let _ = stored(receipt);
        }
        let found = node.found("k").await.unwrap();
        assert_eq!((&*found.data, found.route.kind), (&b"write 40"[..], Kind::Storage));
        assert_eq!(node.stored_bytes("memory", "k").await, None, "no old copy is left");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn elements_come_out_as_they_were_sent_with_retried_ones_among_them() {
    let node = small_batches().start().await;
    for instance in ["memory", "disk"] {
        let queue = format!("queue on {instance}");
        let objects = (0..80).map(|n| {
            let object = arrival(&queue).id(&format!("{instance}-{n}")).kind(Kind::Stream);
            object.to(instance).data(format!("{n}")).meta(meta(n))
        });
        for receipt in node.ingest_all(objects).await {
            let _ = stored(receipt);
        }
        let expected: Vec<_> = (0..80).map(|n| n.to_string()).collect();
        assert_eq!(node.drain_queue(&queue).await, expected);
    }
}

#[tokio::test]
async fn an_object_that_is_retried_holds_back_its_own_key_only() {
    let node = misbehaving().start().await;
    let held = async {
        let twice = r#"{"ingest":"retry-twice","millis":1500}"#;
        let objects =
            [arrival("held").id("first").meta(twice), arrival("held").id("second").data("second")];
        node.ingest_all(objects).await
    };
    let free = async {
        // Joins the line after the two above, which are submitted first.
        tokio::task::yield_now().await;
        let receipt = stored(node.ingest(arrival("free")).await);
        let second_is_stored = node.found("held").await.is_some();
        (receipt, second_is_stored)
    };
    let (held, (_, second_is_stored)) = tokio::join!(held, free);
    assert!(!second_is_stored, "the second write of the key waited for the first one");
    for receipt in held {
        let _ = stored(receipt);
    }
    assert_eq!(node.get("held").await, "second");
}

#[tokio::test]
async fn a_refused_object_holds_nobody_back() {
    let node = misbehaving().start().await;
    let objects = (0..10).map(|n| {
        let object = arrival("k").data(format!("{n}"));
        if n % 2 == 0 { object } else { object.order("resolve", "reject") }
    });
    let receipts = node.ingest_all(objects).await;
    assert_eq!(receipts.iter().filter(|receipt| receipt.outcome.is_success()).count(), 5);
    assert_eq!(node.get("k").await, "8");
}

#[tokio::test]
async fn a_key_that_a_plugin_assigns_joins_the_line_of_the_new_key() {
    let node = misbehaving().start().await;
    let to = r#"{"resolve":"elsewhere","key":"new"}"#;
    let objects = (0..20).map(|n| arrival(&format!("old/{n}")).data(format!("{n}")).meta(to));
    for receipt in node.ingest_all(objects).await {
        assert_eq!(&*stored(receipt).key, "new");
    }
    // In one batch they are assigned in the order of the batch.
    assert_eq!(node.get("new").await, "19");
}

#[tokio::test]
async fn a_push_with_the_id_of_an_earlier_one_adds_nothing() {
    let node = misbehaving().start().await;
    for instance in ["memory", "disk"] {
        let queue = format!("queue on {instance}");
        let push = |id: &str, data: &str| {
            arrival(&queue).kind(Kind::Stream).to(instance).id(id).data(data.to_owned())
        };
        let _ = stored(node.ingest(push("1", "one")).await);
        let _ = stored(node.ingest(push("1", "one")).await);
        let _ = stored(node.ingest(push("2", "two")).await);
        assert_eq!(node.drain_queue(&queue).await, ["one", "two"]);
        // Also after it was taken out.
        let _ = stored(node.ingest(push("1", "one")).await);
        assert!(node.pop(&queue).await.is_none());
    }
}

#[tokio::test]
async fn the_same_id_in_another_queue_is_another_element() {
    let node = misbehaving().start().await;
    for queue in ["a", "b"] {
        let _ = stored(node.ingest(arrival(queue).kind(Kind::Stream).id("1")).await);
        assert_eq!(node.drain_queue(queue).await, [format!("payload of {queue}")]);
    }
}
