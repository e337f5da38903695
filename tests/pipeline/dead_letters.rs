//! Objects that could not be stored: what is kept of them, for how long, and how they are tried
//! again.

use bytes::Bytes;
use bytesize::ByteSize;
use framedb_core::{FailureClass, Outcome, Receipt, Stage};
use framedb_host::dead_letters::{DeadLetter, Earlier, Sent, letter_id};
use framedb_host::pipeline::Action;
use framedb_tests::{
    Build, Describe, TestNode, arrival, component, failure, key, misbehaving, stored,
};
use std::time::Duration;

/// A node on which what never ends is found soon.
fn limited() -> Build {
    misbehaving().configure("misbehave", |plugin| {
        plugin.limits.cpu = Duration::from_millis(50);
        plugin.limits.batch_cpu = Duration::from_millis(100);
    })
}

/// The dead letter that a sender was told of.
async fn letter(node: &TestNode, receipt: Receipt) -> DeadLetter {
    let failure = failure(receipt);
    let id = failure.dead_letter.clone().unwrap_or_else(|| panic!("no dead letter: {failure:?}"));
    assert!(failure.told().ends_with(&format!("(dead letter {id})")), "{}", failure.told());
    node.node().dead_letters.get(&id).await.unwrap().unwrap()
}

async fn payload(node: &TestNode, letter: &DeadLetter) -> Bytes {
    node.node().dead_letters.payload(&letter.id).await.unwrap().unwrap()
}

async fn letters(node: &TestNode) -> Vec<DeadLetter> {
    node.node().dead_letters.list(None, 1000).await.unwrap()
}

async fn replay(node: &TestNode, letter: &DeadLetter, with: Option<Bytes>) -> Receipt {
    node.node().replay(&letter.id, with).await.unwrap_or_else(|error| panic!("{}", error.chain())).1
}

#[tokio::test]
async fn a_culprit_is_kept_as_it_was_sent_and_its_neighbours_are_stored() {
    let node = misbehaving().start().await;
    let meta = r#"{"ingest":"changed","serialize":"trap"}"#;
    let culprit = arrival("culprit").id("i").source("cam").content_type("text/x").meta(meta);
    let objects = [arrival("before"), culprit, arrival("after")];
    let mut receipts = node.ingest_all(objects).await;
    let letter = letter(&node, receipts.remove(1)).await;
    for receipt in receipts {
        let _ = stored(receipt);
    }
    let sent = &letter.object;
    assert_eq!((&*sent.id, sent.key.as_str(), &*sent.source), ("i", "culprit", "cam"));
    assert_eq!((sent.content_type.as_deref(), &*sent.metadata), (Some("text/x"), meta));
    assert_eq!(payload(&node, &letter).await, "payload of culprit");
    assert_eq!((&*letter.pipeline, letter.stage), ("default", Stage::Serialize));
    assert_eq!((letter.class, letter.attempts), (FailureClass::Trap, 1));
    assert!(letter.error.contains("told to trap"), "{}", letter.error);
    let plugin = letter.plugin.unwrap();
    let loaded = node.node().plugins.iter().find(|p| p.name() == "misbehave").unwrap();
    assert_eq!((&*plugin.name, &*plugin.digest), ("misbehave", loaded.digest()));
    let named = letter.backtrace.iter().any(|frame| frame.contains("misbehave::"));
    assert!(named, "{:#?}", letter.backtrace);
}

#[tokio::test]
async fn an_overrun_says_where_the_plugin_was() {
    let node = limited().start().await;
    let receipt = node.ingest(arrival("a").order("ingest", "spin")).await;
    let letter = letter(&node, receipt).await;
    assert_eq!((letter.class, letter.stage), (FailureClass::Limit, Stage::Ingest));
    assert!(letter.error.contains("50ms of cpu"), "{}", letter.error);
    let named = letter.backtrace.iter().any(|frame| frame.contains("misbehave::"));
    assert!(named, "{:#?}", letter.backtrace);
}

#[tokio::test]
async fn the_same_object_again_is_another_attempt_of_the_same_letter() {
    let node = misbehaving().start().await;
    let mut seen = Vec::new();
    for n in 1..=3 {
        let object = arrival("a").id("same").order("ingest", "trap").data(format!("payload {n}"));
        seen.push(letter(&node, node.ingest(object).await).await);
    }
    assert_eq!(seen.iter().map(|l| l.attempts).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(seen.iter().all(|l| l.id == seen[0].id && l.first_at == seen[0].first_at));
    assert_eq!(letters(&node).await.len(), 1);
    assert_eq!(payload(&node, &seen[2]).await, "payload 3");
}

#[tokio::test]
async fn senders_get_a_success_where_the_pipeline_acknowledges_dead_letters() {
    let node = misbehaving().config(ack).open().await;
    let receipt = node.ingest(arrival("a").order("resolve", "trap")).await;
    let Outcome::DeadLettered { id, reason } = &receipt.outcome else { panic!("{receipt:?}") };
    assert!(receipt.outcome.is_success() && reason.contains("told to trap"), "{reason}");
    assert!(node.node().dead_letters.get(id).await.unwrap().is_some());
    assert!(node.found("a").await.is_none());
    let headers = [("x-framedb-metadata", "%7B%22ingest%22%3A%22trap%22%7D")];
    let answer = node.http().send("PUT /objects/b", &headers, "x").await;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status.as_u16(), &body["success"]), (200, &true.into()), "{body}");
    assert_eq!(body["outcome"], "dead-lettered");
    let id = body["dead_letter"].as_str().unwrap();
    assert!(node.node().dead_letters.get(id).await.unwrap().is_some());
}

fn ack(config: &mut framedb_host::Config) {
    config.pipelines.get_mut("default").unwrap().policy.ack = true;
}

#[tokio::test]
async fn a_full_queue_refuses_the_object_and_keeps_what_it_has() {
    for acknowledged in [false, true] {
        let node = misbehaving()
            .config(|config| {
                config.dead_letters.max_bytes = ByteSize::kib(10);
                config.pipelines.get_mut("default").unwrap().policy.ack = acknowledged;
            })
            .start()
            .await;
        let poison = |key| arrival(key).order("ingest", "trap").data(vec![0; 6 << 10]);
        let first = node.ingest(poison("first")).await;
        assert_eq!(first.outcome.is_success(), acknowledged);
        let refused = failure(node.ingest(poison("second")).await);
        assert!(refused.message.contains("told to trap"), "{}", refused.message);
        assert!(refused.message.contains("the dead-letter queue is full"), "{}", refused.message);
        assert_eq!(refused.dead_letter, None);
        // To who relies on the queue it is no verdict on the object.
        let class = if acknowledged { FailureClass::Unavailable } else { FailureClass::Trap };
        assert_eq!(refused.class, class);
        assert_eq!(refused.retry_after.is_some(), acknowledged);
        let kept = letters(&node).await;
        assert_eq!((kept.len(), kept[0].object.key.as_str()), (1, "first"));
        assert_eq!(node.counted("framedb_dead_letters_refused_total", ""), 1);
    }
}

#[tokio::test]
async fn a_replay_that_fails_again_leaves_the_letter_with_one_more_attempt() {
    let node = misbehaving().start().await;
    let first = letter(&node, node.ingest(arrival("a").order("ingest", "trap")).await).await;
    let again = letter(&node, replay(&node, &first, None).await).await;
    assert_eq!((again.id, again.attempts), (first.id, 2));
}

#[tokio::test]
async fn a_replay_through_a_plugin_that_fails_leaves_the_first_failure_in_place() {
    let node = misbehaving().start().await;
    let culprit = arrival("a").to("disk").content_type("image/png").order("ingest", "trap");
    let first = letter(&node, node.ingest(culprit).await).await;
    let evidence = async || {
        let evidence = node.node().dead_letters.evidence(&first.id).await.unwrap().unwrap();
        serde_json::to_value(evidence).unwrap()
    };
    let recorded = evidence().await;
    let again = failure(replay(&node, &first, Some(component("ingest-inspect"))).await);
    let kept = letters(&node).await.pop().unwrap();
    assert_ne!(again.message, first.error);
    assert_eq!((kept.attempts, &kept.error, &kept.plugin), (2, &first.error, &first.plugin));
    assert_eq!((&kept.backtrace, evidence().await), (&first.backtrace, recorded));
    let _ = stored(replay(&node, &kept, Some(component("pass-through"))).await);
    assert_eq!(node.node().dead_letters.totals().await.unwrap().bytes, 0);
}

#[tokio::test]
async fn a_replay_through_a_fixed_plugin_stores_the_object_and_ends_the_letter() {
    for stage in ["ingest", "resolve", "serialize"] {
        let node = misbehaving().start().await;
        let culprit = arrival("a").id("i").to("disk").order(stage, "trap");
        let kept = letter(&node, node.ingest(culprit).await).await;
        let receipt = stored(replay(&node, &kept, Some(component("pass-through"))).await);
        assert_eq!((&*receipt.id, &*receipt.key), ("i", "a"));
        assert_eq!(node.get("a").await, "payload of a");
        assert!(letters(&node).await.is_empty(), "{stage}");
        assert_eq!(node.node().dead_letters.totals().await.unwrap().bytes, 0);
        // The node's own traffic has the plugin that it had.
        let still = failure(node.ingest(arrival("b").order(stage, "trap")).await);
        assert_eq!(still.class, FailureClass::Trap);
    }
}

#[tokio::test]
async fn a_fixed_codec_that_wrote_in_a_replay_is_kept_for_reads() {
    let node = misbehaving().start().await;
    let meta = r#"{"serialize":"bad-format"}"#;
    let kept = letter(&node, node.ingest(arrival("a").meta(meta)).await).await;
    let receipt = stored(replay(&node, &kept, Some(component("serialize-cbor"))).await);
    assert!(receipt.codec.is_some(), "{receipt:?}");
    assert_eq!(node.get("a").await, "payload of a");
}

#[tokio::test]
async fn parts_of_a_split_object_are_kept_and_replayed_by_themselves() {
    let node = misbehaving().start().await;
    let meta = r#"{"ingest":"split","children":2,"serialize":"trap"}"#;
    let refused = failure(node.ingest(arrival("a").id("i").to("disk").meta(meta)).await);
    assert!(refused.message.starts_with("part `a/"), "{}", refused.message);
    let mut kept = letters(&node).await;
    kept.sort_by(|a, b| a.object.key.as_str().cmp(b.object.key.as_str()));
    let ids: Vec<_> = kept.iter().map(|letter| (&*letter.object.id, letter.from)).collect();
    assert_eq!(ids, [("i/0", 1), ("i/1", 1)]);
    for letter in &kept {
        // It is not split once more.
        let _ = stored(replay(&node, letter, Some(component("pass-through"))).await);
    }
    assert_eq!(node.get("a/1").await, "child 1");
    assert!(letters(&node).await.is_empty());
}

#[tokio::test]
async fn parts_of_a_replayed_object_are_kept_in_its_place_and_halt_nothing() {
    let node = misbehaving()
        .config(|config| {
            config.pipelines.get_mut("default").unwrap().policy.trap = Action::Halt;
        })
        .start()
        .await;
    let meta = r#"{"ingest":"split","children":2,"serialize":"trap"}"#;
    let object = Sent {
        id: "i".into(),
        key: key("a"),
        source: "".into(),
        kind: None,
        framedb_id: Some("disk".into()),
        content_type: None,
        metadata: meta.into(),
        attributes: [].into(),
    };
    let whole = DeadLetter {
        id: letter_id("i", "", "default"),
        object,
        size: 1,
        pipeline: "default".into(),
        from: 0,
        stage: Stage::Ingest,
        plugin: None,
        class: FailureClass::Trap,
        error: "it failed".into(),
        backtrace: Vec::new(),
        recorded: None,
        attempts: 1,
        first_at: 1,
        last_at: 1,
    };
    let whole =
        node.node().dead_letters.keep(whole, "x".into(), None, Earlier::Replaced).await.unwrap();
    let receipt = replay(&node, &whole, None).await;
    let Outcome::DeadLettered { id, reason } = &receipt.outcome else { panic!("{receipt:?}") };
    assert!(reason.starts_with("part `a/"), "{reason}");
    let kept = letters(&node).await;
    let mut keys: Vec<_> = kept.iter().map(|letter| letter.object.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["a/0", "a/1"]);
    assert!(kept.iter().any(|letter| letter.id == *id));
    let _ = stored(node.ingest(arrival("b")).await);
}

#[tokio::test]
async fn senders_that_count_from_one_each_have_letters_of_their_own() {
    let node = misbehaving().start().await;
    let poison = |source| arrival("a").id("1").source(source).order("ingest", "trap");
    let one = letter(&node, node.ingest(poison("cam-1")).await).await;
    let other = letter(&node, node.ingest(poison("cam-2")).await).await;
    assert_ne!(one.id, other.id);
    let again = letter(&node, node.ingest(poison("cam-1")).await).await;
    assert_eq!((again.id, again.attempts), (one.id, 2));
}

#[tokio::test]
async fn an_object_that_is_too_large_for_the_queue_is_refused_with_its_size_and_the_bound() {
    let node = misbehaving()
        .config(|config| config.dead_letters.max_bytes = ByteSize::kib(4))
        .start()
        .await;
    let large = arrival("a").order("ingest", "trap").data(vec![0; 8 << 10]);
    let refused = failure(node.ingest(large).await).message;
    assert!(refused.contains("the object needs ") && !refused.contains(" 0 B"), "{refused}");
    assert!(refused.contains("all of them may take 4.0 KiB"), "{refused}");
}

#[tokio::test]
async fn what_a_plugin_saw_is_kept_of_an_object_that_it_failed_on_alone() {
    let node = misbehaving().start().await;
    let meta = r#"{"ingest":"changed","serialize":"trap"}"#;
    for others in [0, 3] {
        let mut objects = vec![arrival("culprit").meta(meta)];
        objects.extend((0..others).map(|n| arrival(&format!("other-{n}"))));
        let mut receipts = node.ingest_all(objects).await;
        let kept = letter(&node, receipts.remove(0)).await;
        assert!(kept.recorded.is_some_and(|recorded| !recorded.truncated), "{kept:?}");
        let evidence = node.node().dead_letters.evidence(&kept.id).await.unwrap().unwrap();
        let seen = evidence.seen;
        assert_eq!(seen.data.unwrap(), "tirpluc fo daolyap", "another plugin had changed it");
        assert_eq!((seen.envelope.key.as_str(), seen.attempt), ("culprit", 1));
        assert_eq!(payload(&node, &kept).await, "payload of culprit");
    }
}

#[tokio::test]
async fn letters_outlive_the_node_and_can_be_replayed_by_the_next_one() {
    let node = misbehaving().start().await;
    let kept = letter(&node, node.ingest(arrival("a").order("ingest", "trap")).await).await;
    let directory = node.stop().await;
    let node = TestNode::build().in_directory(&directory).start().await;
    assert_eq!(letters(&node).await, std::slice::from_ref(&kept));
    let _ = stored(replay(&node, &kept, None).await);
    assert!(letters(&node).await.is_empty());
}

#[tokio::test]
async fn what_cannot_stand_in_for_a_plugin_is_refused_and_the_letter_stays() {
    let node = misbehaving().start().await;
    let kept = letter(&node, node.ingest(arrival("a").order("ingest", "trap")).await).await;
    for (component, message) in [
        (component("serialize-raw"), "it has no ingest stage"),
        (Bytes::from_static(b"no component"), "is not a WebAssembly component"),
    ] {
        let error = node.node().replay(&kept.id, Some(component)).await.unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    let error = node.node().replay("0123456789", None).await.unwrap_err();
    assert!(error.to_string().contains("there is no dead letter 0123456789"), "{error}");
    assert_eq!(letters(&node).await, [kept]);
}
