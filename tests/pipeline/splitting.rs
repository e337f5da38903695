//! Objects that an ingest plugin splits into parts.

use framedb_core::{FailureClass, Kind, Outcome, Stage};
use framedb_host::registry::Query;
use framedb_tests::{Build, Describe, TestNode, arrival, failure, misbehaving, stored};

/// Splits in the first ingest plugin; the rest of the stages see the parts.
fn splitting() -> Build {
    misbehaving()
}

async fn keys(node: &TestNode) -> Vec<String> {
    let query = Query { limit: 100, ..Query::default() };
    let routes = node.reader().list(&query).await.unwrap();
    routes.into_iter().map(|(key, _)| key.to_string()).collect()
}

#[tokio::test]
async fn parts_without_names_are_numbered_under_the_parents_key() {
    let node = splitting().start().await;
    let receipt = stored(node.ingest(arrival("p").id("i").order("ingest", "split")).await);
    assert_eq!((&*receipt.key, &*receipt.id), ("p", "i"));
    assert_eq!(receipt.stored_size, 3 * "child 0".len() as u64);
    assert_eq!(keys(&node).await, ["p/0", "p/1", "p/2"]);
    for n in 0..3 {
        let found = node.found(&format!("p/{n}")).await.unwrap();
        assert_eq!(found.data, format!("child {n}"));
        assert_eq!(&*found.route.metadata, r#"{"ingest":"split"}"#);
    }
}

#[tokio::test]
async fn parts_go_on_after_the_plugin_that_made_them() {
    // A second plugin of the stage sees the parts, and the first one does not see them again.
    let node = splitting()
        .fixture("bad-settings", |plugin| {
            plugin.settings.insert("strict_level".into(), 5.into());
        })
        .pipeline("default", |pipeline| {
            pipeline.ingest = vec!["misbehave".into(), "bad-settings".into()];
        })
        .start()
        .await;
    let _ = stored(node.ingest(arrival("p").order("ingest", "split")).await);
    assert_eq!(keys(&node).await, ["p/0", "p/1", "p/2"]);
    let found = node.found("p/1").await.unwrap();
    assert_eq!(found.route.attributes[0].name, "level");
}

#[tokio::test]
async fn parts_have_ids_of_their_own_so_that_a_repeated_split_changes_nothing() {
    let node = splitting()
        .pipeline("default", |pipeline| {
            pipeline.ingest = vec!["misbehave".into()];
            pipeline.resolve = Some("misbehave".into());
        })
        .start()
        .await;
    // All parts become elements of one queue: an element is told from others by its id.
    let meta =
        r#"{"ingest":"split","resolve":"elsewhere","kind":"stream","key":"q","to":"memory"}"#;
    for _ in 0..2 {
        let _ = stored(node.ingest(arrival("p").id("same").meta(meta)).await);
    }
    assert_eq!(node.drain_queue("q").await, ["child 0", "child 1", "child 2"]);
}

#[tokio::test]
async fn a_part_with_an_illegal_key_fails_the_object_and_nothing_is_stored() {
    let node = splitting().start().await;
    let failure = failure(node.ingest(arrival("p").order("ingest", "split-bad")).await);
    assert_eq!((failure.class, failure.stage), (FailureClass::Trap, Stage::Ingest));
    assert_eq!(
        failure.message,
        "plugin `misbehave` broke its contract in ingest: part 1 has an illegal key: \
         the key holds the control character '\\n'"
    );
    assert!(keys(&node).await.is_empty());
}

#[tokio::test]
async fn one_refused_part_fails_the_object_and_is_named() {
    let node = splitting().start().await;
    let meta = r#"{"ingest":"split","serialize":"reject"}"#;
    let failure = failure(node.ingest(arrival("p").meta(meta)).await);
    assert_eq!((failure.class, failure.stage), (FailureClass::Reject, Stage::Serialize));
    assert_eq!(
        failure.message,
        "part `p/0`: plugin `misbehave` refused the object in serialize: told to reject"
    );
}

#[tokio::test]
async fn a_single_refused_part_leaves_the_others_stored_and_fails_the_object() {
    // There is room for a few of the parts.
    let node = splitting()
        .config(|config| {
            let memory = config.instances.get_mut("memory").unwrap();
            memory.max_bytes = Some(bytesize::ByteSize::kib(1));
            config.limits.deadline = std::time::Duration::from_secs(2);
        })
        .start()
        .await;
    let meta = r#"{"ingest":"split","children":64}"#;
    let receipt = node.ingest(arrival("p").kind(Kind::InMemory).meta(meta)).await;
    let failure = failure(receipt);
    assert!(failure.message.starts_with("part `p/"), "{}", failure.message);
    let stored = keys(&node).await.len();
    assert!(stored > 0 && stored < 64, "{stored}");
}

#[tokio::test]
async fn an_object_split_into_nothing_is_dropped() {
    let node = splitting().start().await;
    let receipt = node.ingest(arrival("p").meta(r#"{"ingest":"split","children":0}"#)).await;
    assert_eq!(receipt.outcome, Outcome::Dropped("split into no objects".into()));
    assert!(keys(&node).await.is_empty());
}

#[tokio::test]
async fn too_many_parts_break_the_contract() {
    let node = splitting().start().await;
    let meta = r#"{"ingest":"split","children":4097}"#;
    let failure = failure(node.ingest(arrival("p").meta(meta)).await);
    assert_eq!(failure.class, FailureClass::Trap);
    assert!(failure.message.contains("4097 parts, more than 4096"), "{}", failure.message);
    assert!(keys(&node).await.is_empty());
}

#[tokio::test]
async fn parts_that_are_tried_again_are_awaited() {
    let node = splitting().start().await;
    let meta = r#"{"ingest":"split","serialize":"retry-twice"}"#;
    let _ = stored(node.ingest(arrival("p").meta(meta)).await);
    assert_eq!(keys(&node).await, ["p/0", "p/1", "p/2"]);
    assert_eq!(node.counted("framedb_retries_total", "serialize"), 6);
}
