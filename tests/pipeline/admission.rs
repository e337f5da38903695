//! A full node: it says so at once, and takes objects again when there is room.

use bytesize::ByteSize;
use framedb_core::{FailureClass, Stage};
use framedb_tests::{Build, Describe, arrival, failure, misbehaving, stored};
use std::time::Duration;

/// Room for one object of this size and no second one.
const SIZE: usize = 10_000;

/// Two retries keep the object in the node; then it is stored.
const HOLD: &str = r#"{"ingest":"retry-twice","millis":200}"#;

fn narrow() -> Build {
    misbehaving().config(|config| {
        config.limits.max_object = ByteSize::b(SIZE as u64);
        config.limits.in_flight = ByteSize::b(SIZE as u64 + 2048);
    })
}

#[tokio::test]
async fn a_full_node_refuses_with_a_time_to_try_again_and_stores_later() {
    let node = narrow().start().await;
    let holding = node.ingest(arrival("first").data(vec![1; SIZE]).meta(HOLD));
    let refused = async {
        tokio::task::yield_now().await;
        let receipt = node.ingest(arrival("second").data(vec![2; SIZE])).await;
        // The first one still takes its room.
        assert!(node.ingress().admission().in_flight() > SIZE as u64);
        failure(receipt)
    };
    let (first, busy) = tokio::join!(holding, refused);
    let _ = stored(first);
    assert_eq!((busy.class, busy.stage), (FailureClass::Busy, Stage::Admission));
    assert_eq!(busy.message, "busy, try again in 1s");
    assert_eq!(busy.retry_after, Some(Duration::from_secs(1)));
    assert!(node.found("second").await.is_none());
    assert_eq!(node.ingress().admission().in_flight(), 0);
    let _ = stored(node.ingest(arrival("second").data(vec![2; SIZE])).await);
}

#[tokio::test]
async fn room_is_given_back_whatever_became_of_the_objects() {
    let node = narrow().start().await;
    for (stage, behaviour) in [
        ("ingest", "trap"),
        ("ingest", "drop"),
        ("resolve", "reject"),
        ("serialize", "short"),
        ("resolve", "unknown"),
        ("ingest", "split"),
        ("serialize", "reverse"),
    ] {
        let object = arrival("a").data(vec![0; SIZE]).order(stage, behaviour);
        assert_ne!(node.ingest(object).await.outcome.as_str(), "busy", "{behaviour}");
        assert_eq!(node.ingress().admission().in_flight(), 0, "{behaviour}");
    }
}

#[tokio::test]
async fn many_small_objects_fill_the_node_too() {
    let node = narrow().start().await;
    // Each counts 1 KiB beside its payload.
    let admission = node.ingress().admission();
    let permits: Vec<_> = (0..100).map_while(|_| admission.try_admit(1).ok()).collect();
    assert_eq!(permits.len(), (SIZE + 2048) / 1025);
    drop(permits);
    assert_eq!(admission.in_flight(), 0);
}

#[tokio::test]
async fn a_full_memory_instance_refuses_what_does_not_fit() {
    let node = misbehaving()
        .config(|config| {
            let memory = config.instances.get_mut("memory").unwrap();
            memory.max_bytes = Some(ByteSize::kib(64));
        })
        .start()
        .await;
    let object = |n: usize| arrival(&format!("{n}")).to("memory").data(vec![0; 10_000]);
    let receipts = node.ingest_all((0..20).map(object)).await;
    let (kept, refused): (Vec<_>, Vec<_>) =
        receipts.into_iter().partition(|receipt| receipt.outcome.is_success());
    assert!(!kept.is_empty() && !refused.is_empty());
    for receipt in kept {
        assert_eq!(node.get(&receipt.key).await.len(), 10_000);
    }
    for receipt in refused {
        assert!(node.found(&receipt.key.clone()).await.is_none());
        let failure = failure(receipt);
        assert_eq!((failure.class, failure.stage), (FailureClass::Unavailable, Stage::Sink));
        let message = &failure.message;
        assert!(
            message.ends_with("the memory instance memory is full, its bound is 65536 bytes"),
            "{message}"
        );
    }
}
