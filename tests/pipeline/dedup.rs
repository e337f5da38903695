//! `ingest-dedup`, with its marks on the node's disk and in a Redis: a repetition is dropped, and
//! nothing else is, whatever fails beside it.

use framedb_core::{Outcome, Receipt};
use framedb_host::{grants::KeyValueGrant, plugin::Isolation};
use framedb_tests::{
    Build, Describe, TestNode, arrival, eventually, failure, servers::redis::RedisServer, stored,
};

/// A node that drops repetitions, with the marks where the grant says.
fn deduplicating(grant: KeyValueGrant) -> Build {
    let build = TestNode::build().configure("ingest-dedup", |plugin| {
        plugin.grants.key_value.insert("default".into(), grant);
    });
    build.pipeline("default", |pipeline| pipeline.ingest = vec!["ingest-dedup".into()])
}

fn set(build: Build, name: &str, value: &str) -> Build {
    build.configure("ingest-dedup", |plugin| {
        plugin.settings.insert(name.into(), value.into());
    })
}

fn on_disk() -> Build {
    deduplicating(KeyValueGrant::default())
}

/// A node that keeps the marks in a Redis of its own.
fn in_redis() -> (Build, RedisServer) {
    let server = RedisServer::start();
    let grant = KeyValueGrant { instance: Some("far".into()), ..KeyValueGrant::default() };
    (deduplicating(grant).instance("far", &server.url()), server)
}

#[track_caller]
fn dropped(receipt: Receipt) -> String {
    match receipt.outcome {
        Outcome::Dropped(reason) => reason,
        other => panic!("{} was not dropped: {other:?}", receipt.key),
    }
}

async fn repetitions_are_dropped(node: &TestNode) {
    let send =
        async |name: &str, id: &str| node.ingest(arrival(name).id(id).data("the same bytes")).await;
    let _ = stored(send("one", "1").await);
    assert_eq!(dropped(send("two", "2").await), "a repetition of the object with the id 1");
    assert!(node.found("two").await.is_none());
    // The object itself may come again: its sender did not hear that it was stored.
    let _ = stored(send("one", "1").await);
    let _ = stored(node.ingest(arrival("three").id("3")).await);
}

#[tokio::test]
async fn a_repetition_is_dropped_by_marks_on_the_disk() {
    repetitions_are_dropped(&on_disk().start().await).await;
}

#[tokio::test]
async fn a_repetition_is_dropped_by_marks_in_redis() {
    let (build, _server) = in_redis();
    repetitions_are_dropped(&build.start().await).await;
}

#[tokio::test]
async fn what_was_seen_is_known_to_other_instances_and_after_a_restart() {
    let build =
        || on_disk().configure("ingest-dedup", |plugin| plugin.isolation = Isolation::Object);
    let node = build().start().await;
    let _ = stored(node.ingest(arrival("one").id("1").data("x")).await);
    dropped(node.ingest(arrival("two").id("2").data("x")).await);
    let directory = node.stop().await;
    let node = build().in_directory(&directory).start().await;
    dropped(node.ingest(arrival("three").id("3").data("x")).await);
}

#[tokio::test]
async fn the_first_of_equals_in_a_batch_is_stored() {
    let node = on_disk().start().await;
    let objects = (0..200).map(|n| arrival(&format!("k{n}")).data(format!("{}", n % 50)));
    let receipts = node.ingest_all(objects).await;
    for (n, receipt) in receipts.into_iter().enumerate() {
        match n {
            0..50 => drop(stored(receipt)),
            _ => assert!(dropped(receipt).ends_with(&format!("object-{}", n % 50))),
        }
    }
}

#[tokio::test]
async fn a_large_batch_costs_few_calls_of_the_host() {
    // Opening, reading, marking, and now and then a page of keys and what is old in it.
    let node = on_disk()
        .configure("ingest-dedup", |plugin| plugin.limits.batch_host_calls = 16)
        .start()
        .await;
    let objects = (0..256).map(|n| arrival(&format!("k{n}")));
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
}

#[tokio::test]
async fn in_a_batch_that_traps_nothing_but_the_culprit_is_lost() {
    for (culprit, isolation) in [(5, Isolation::Pipeline), (0, Isolation::Object)] {
        let node = on_disk()
            .fixture("misbehave", |_| {})
            .configure("ingest-dedup", |plugin| plugin.isolation = isolation)
            .pipeline("default", |pipeline| {
                pipeline.ingest = vec!["ingest-dedup".into(), "misbehave".into()];
            })
            .start()
            .await;
        let send = async |round: usize| {
            let objects = (0..32).map(|n| {
                let object = arrival(&format!("k{n}")).id(&format!("id-{n}"));
                if n == culprit && round == 0 { object.order("ingest", "trap") } else { object }
            });
            node.ingest_all(objects).await
        };
        for (n, receipt) in send(0).await.into_iter().enumerate() {
            match n == culprit {
                true => drop(failure(receipt)),
                false => drop(stored(receipt)),
            }
        }
        // The sender tries all of them again, the culprit with better luck.
        for receipt in send(1).await {
            let _ = stored(receipt);
        }
        for n in 0..32 {
            assert_eq!(node.get(&format!("k{n}")).await, format!("payload of k{n}"));
        }
    }
}

#[tokio::test]
async fn an_object_that_is_tried_again_does_not_repeat_itself() {
    let node = on_disk()
        .fixture("misbehave", |_| {})
        .pipeline("default", |pipeline| {
            pipeline.ingest = vec!["ingest-dedup".into(), "misbehave".into()];
        })
        .start()
        .await;
    let object = arrival("k").id("1").order("ingest", "retry-twice");
    let _ = stored(node.ingest(object).await);
    dropped(node.ingest(arrival("other").id("2").data("payload of k")).await);
}

#[tokio::test]
async fn the_window_ends() {
    let node = set(on_disk(), "dedup_window", "300ms").start().await;
    let _ = stored(node.ingest(arrival("one").id("1").data("x")).await);
    let n = std::cell::Cell::new(0);
    eventually("the end of the window", || async {
        n.set(n.get() + 1);
        let again = arrival("again").id(&format!("again-{}", n.get())).data("x");
        (node.ingest(again).await.outcome == Outcome::Stored).then_some(())
    })
    .await;
}

#[tokio::test]
async fn marks_that_no_longer_count_are_removed() {
    let (build, server) = in_redis();
    let node = set(build, "dedup_window", "50ms").start().await;
    let marks = || {
        let name = "#framedb:bucket:own/12/ingest-dedup/default";
        server.command(&["hlen", name]).trim_start_matches(':').parse::<usize>().unwrap()
    };
    let n = std::cell::Cell::new(0);
    let batch = async || {
        n.set(n.get() + 1);
        let name = |k| format!("{}/{k}", n.get());
        node.ingest_all((0..64).map(|k| arrival(&name(k)).id(&name(k)))).await
    };
    for _ in 0..4 {
        batch().await;
    }
    assert!(marks() > 0);
    eventually("the removal of old marks", || async {
        batch().await;
        // Of every batch a mark for each object was made.
        (n.get() > 10 && marks() < 64 * n.get() / 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn keys_or_a_field_of_the_metadata_are_compared_instead() {
    let node = set(on_disk(), "dedup_by", "key").start().await;
    let _ = stored(node.ingest(arrival("k").id("1").data("x")).await);
    dropped(node.ingest(arrival("k").id("2").data("y")).await);
    let _ = stored(node.ingest(arrival("l").id("3").data("x")).await);

    let node = set(on_disk(), "dedup_by", "metadata.frame").start().await;
    let meta = |id: &str, text: &str| arrival(id).id(id).meta(text.to_owned());
    let _ = stored(node.ingest(meta("1", r#"{"frame":7}"#)).await);
    dropped(node.ingest(meta("2", r#"{"camera":1,"frame":7}"#)).await);
    let _ = stored(node.ingest(meta("3", r#"{"frame":8}"#)).await);
    // What has no such field repeats nothing.
    let _ = stored(node.ingest(meta("4", "")).await);
    let _ = stored(node.ingest(meta("5", "")).await);
}

#[tokio::test]
async fn without_its_bucket_it_is_refused_when_it_is_loaded() {
    let build = set(on_disk(), "dedup_bucket", "other");
    let error = build.try_start().await.unwrap_err();
    let text = error.chain();
    assert!(text.contains("the bucket `other` is not granted"), "{text}");
    assert!(text.contains("[plugins.ingest-dedup.grants.key-value.other]"), "{text}");
}

#[tokio::test]
async fn objects_pass_while_their_marks_cannot_be_reached() {
    let (build, mut server) = in_redis();
    let node = build.start().await;
    let _ = stored(node.ingest(arrival("one").id("1").data("x")).await);
    server.stop();
    let _ = stored(node.ingest(arrival("two").id("2").data("x").to("disk")).await);
    server.start_again();
    let _ = stored(node.ingest(arrival("three").id("3").data("y")).await);
    dropped(node.ingest(arrival("four").id("4").data("y")).await);
}
