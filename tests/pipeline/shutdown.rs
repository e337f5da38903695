//! A node that stops finishes what it accepted.

use framedb_core::Kind;
use framedb_host::pipeline::{Answer, Reply};
use framedb_tests::{Describe, TestNode, arrival, misbehaving, stored, within};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

#[tokio::test]
async fn objects_in_flight_at_shutdown_are_answered_and_stored() {
    let node = misbehaving().start().await;
    let (answers, mut receiver) = mpsc::unbounded_channel::<Answer>();
    for n in 0..60 {
        let meta = match n % 4 {
            0 => r#"{"ingest":"retry-twice","millis":100}"#,
            1 => r#"{"resolve":"sleep","millis":10}"#,
            2 => r#"{"serialize":"retry-twice"}"#,
            _ => "{}",
        };
        let kind = if n % 3 == 0 { Kind::Stream } else { Kind::Storage };
        let name = if kind == Kind::Stream { "queue".to_owned() } else { format!("k/{n}") };
        let object = arrival(&name).id(&format!("o{n}")).kind(kind).to("disk").meta(meta);
        let permit = node.ingress().admission().try_admit(object.data.len() as u64).unwrap();
        node.ingress().submit(object, permit, Reply::Stream(answers.clone())).await;
    }
    drop(answers);
    assert!(node.ingress().admission().in_flight() > 0);
    let answered = Arc::new(AtomicUsize::new(0));
    let count = answered.clone();
    // A receipt that nobody takes would hold its object's room, and so the shutdown.
    tokio::spawn(async move {
        while let Some(answer) = receiver.recv().await {
            let _ = stored(answer.receipt);
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let directory = node.stop().await;
    // A node that has stopped has answered everything.
    assert_eq!(answered.load(Ordering::Relaxed), 60);
    let node = TestNode::build().in_directory(&directory).start().await;
    for n in (0..60).filter(|n| n % 3 != 0) {
        assert_eq!(node.get(&format!("k/{n}")).await, format!("payload of k/{n}"));
    }
    assert_eq!(node.drain_queue("queue").await.len(), 20);
}

#[tokio::test]
async fn a_shutdown_does_not_outlast_its_grace_period() {
    let node = misbehaving().start().await;
    let object = arrival("k").order("ingest", "retry");
    let permit = node.ingress().admission().try_admit(1).unwrap();
    let (answers, _receiver) = mpsc::unbounded_channel();
    node.ingress().submit(object, permit, Reply::Stream(answers)).await;
    let stopping = node.begin_stop_within(Duration::from_millis(100));
    // The object itself would be tried for 30 seconds.
    within("the end", stopping).await.unwrap();
}
