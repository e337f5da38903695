//! Writes whose outcome is unclear, because the engine went away while they were on their way:
//! the running node settles them when it is back.

use crate::moving::intents_left;
use bytesize::ByteSize;
use framedb_core::{FailureClass, Outcome, Receipt};
use framedb_host::registry::Query;
use framedb_tests::{
    Build, Describe, TestNode, arrival, eventually, failure, key,
    servers::{mariadb, redis::RedisServer},
    stored,
};
use mysql_async::prelude::Queryable as _;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tempfile::TempDir;

/// A node with the instance `far` on a server, whose senders do not wait for long.
fn near(server: &RedisServer) -> Build {
    near_url(&server.url())
}

fn near_url(url: &str) -> Build {
    TestNode::build()
        .instance("far", url)
        .config(|config| config.limits.deadline = Duration::from_secs(3))
}

/// A server that keeps what it has when it is killed.
fn keeping() -> RedisServer {
    RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
}

/// The keys that have a route.
async fn routed(node: &TestNode) -> BTreeSet<String> {
    let query = Query { limit: 10_000, ..Query::default() };
    let routes = node.reader().list(&query).await.unwrap();
    routes.into_iter().map(|(key, _)| key.to_string()).collect()
}

/// Waits until the server has answered for all of these, and looks that each is either there or
/// not: its bytes and its route.
async fn settled(node: &TestNode, names: &[String]) -> BTreeSet<String> {
    let (mut found, mut kept) = (BTreeSet::new(), BTreeSet::new());
    for name in names {
        let look = async || node.reader().get(&key(name)).await.ok();
        if let Some(read) = eventually("the server answers", look).await {
            assert!(!read.foreign, "{name}");
            found.insert(name.clone());
        }
        if node.stored_bytes("far", name).await.is_some() {
            kept.insert(name.clone());
        }
    }
    assert_eq!(kept, found, "no bytes without a route");
    let routed: BTreeSet<_> =
        routed(node).await.into_iter().filter(|name| names.contains(name)).collect();
    assert_eq!(routed, found, "no route without bytes");
    found
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}/{n}")).collect()
}

async fn ingest(node: &TestNode, names: &[String]) -> Vec<Receipt> {
    node.ingest_all(names.iter().map(|name| arrival(name).to("far"))).await
}

async fn acknowledged(node: &TestNode, names: &[String]) {
    for receipt in ingest(node, names).await {
        let _ = stored(receipt);
    }
}

/// Deletes an object as a client does that asks again while the node does not know; whether there
/// was one.
async fn delete(node: &TestNode, name: &str) -> bool {
    let delete = async || node.reader().delete(&key(name)).await.ok();
    eventually("the node knows what to delete", delete).await
}

/// Sends objects that the server takes in while it stands still: nobody learns what became of
/// them before it goes on.
async fn unclear(node: &TestNode, server: &RedisServer, names: &[String]) {
    server.pause(true);
    for receipt in ingest(node, names).await {
        assert_eq!(failure(receipt).class, FailureClass::Unknown);
    }
    server.pause(false);
}

/// Stops the node, looks that its log of writes is empty, and starts it again.
async fn restart(node: TestNode, build: impl Fn(&Arc<TempDir>) -> Build) -> TestNode {
    let data = node.data_dir().to_owned();
    let directory = node.stop().await;
    assert_eq!(intents_left(&data).await, 0, "nothing is left to the next start");
    build(&directory).start().await
}

#[tokio::test]
async fn objects_that_a_stuck_server_took_are_readable_when_it_goes_on() {
    let server = RedisServer::start();
    let node = near(&server).start().await;
    let (before, during) = (names("before", 20), names("during", 20));
    acknowledged(&node, &before).await;
    unclear(&node, &server, &during).await;
    let found = settled(&node, &during).await;
    assert_eq!(found.len(), during.len(), "the server had all of them in its socket");
    assert_eq!(node.get("during/7").await, "payload of during/7");
    assert_eq!(settled(&node, &before).await.len(), before.len());
    let node = restart(node, |directory| near(&server).in_directory(directory)).await;
    assert_eq!(settled(&node, &during).await, found);
}

#[tokio::test]
async fn an_object_of_unclear_outcome_is_deleted_for_good() {
    let server = RedisServer::start();
    let node = near(&server).start().await;
    acknowledged(&node, &names("before", 1)).await;
    let during = names("during", 5);
    unclear(&node, &server, &during).await;
    // The first thing that the node hears of them after the server goes on.
    for name in &during {
        assert!(delete(&node, name).await, "{name} was there to be deleted");
    }
    assert!(settled(&node, &during).await.is_empty());
    let node = restart(node, |directory| near(&server).in_directory(directory)).await;
    assert!(settled(&node, &during).await.is_empty());
}

#[tokio::test]
async fn a_later_write_wins_over_one_of_unclear_outcome() {
    let server = RedisServer::start();
    let node = near(&server).start().await;
    let all = names("k", 5);
    acknowledged(&node, &all).await;
    unclear(&node, &server, &all).await;
    // They wait until the earlier ones are settled, if need be longer than their deadline.
    for name in &all {
        eventually("the later write is taken", async || {
            let receipt = node.ingest(arrival(name).to("far").data("later")).await;
            receipt.outcome.is_success().then_some(())
        })
        .await;
    }
    let node = restart(node, |directory| near(&server).in_directory(directory)).await;
    assert_eq!(settled(&node, &all).await.len(), all.len());
    for name in &all {
        assert_eq!(node.get(name).await, "later");
    }
}

#[tokio::test]
async fn an_object_that_never_reached_its_server_is_not_there_and_can_be_sent_again() {
    let mut server = keeping();
    let node = near(&server).start().await;
    let (before, during) = (names("before", 5), names("during", 5));
    acknowledged(&node, &before).await;
    server.pause(true);
    for receipt in ingest(&node, &during).await {
        assert_eq!(failure(receipt).class, FailureClass::Unknown);
    }
    // What it had in its socket goes with the process.
    server.stop();
    server.start_again();
    assert!(settled(&node, &during).await.is_empty());
    assert_eq!(settled(&node, &before).await.len(), before.len());
    acknowledged(&node, &during).await;
    let node = restart(node, |directory| near(&server).in_directory(directory)).await;
    assert_eq!(settled(&node, &during).await.len(), during.len());
}

#[tokio::test]
async fn a_write_that_is_tried_again_until_the_server_is_back_is_stored_once() {
    let server = RedisServer::start();
    let build = || near(&server).config(|config| config.limits.deadline = Duration::from_secs(25));
    let node = build().start().await;
    let (before, during) = (names("before", 5), names("during", 5));
    acknowledged(&node, &before).await;
    server.pause(true);
    let goes_on = async {
        eventually("they are tried again", async || {
            (node.counted("framedb_retries_total", "") >= during.len() as u64).then_some(())
        })
        .await;
        server.pause(false);
    };
    let ((), receipts) = tokio::join!(goes_on, ingest(&node, &during));
    for receipt in receipts {
        let _ = stored(receipt);
    }
    assert_eq!(settled(&node, &during).await.len(), during.len());
    let node = restart(node, |directory| build().in_directory(directory)).await;
    assert_eq!(settled(&node, &during).await.len(), during.len());
}

#[tokio::test]
async fn other_keys_do_not_wait_for_those_of_unclear_outcome() {
    let server = RedisServer::start();
    let node = near(&server).start().await;
    acknowledged(&node, &names("k", 1)).await;
    server.pause(true);
    assert_eq!(failure(ingest(&node, &names("k", 1)).await.remove(0)).class, FailureClass::Unknown);
    // In one batch: the held key is that of an object on the way to the disk.
    let mixed = [arrival("k/0").to("disk"), arrival("free").to("disk")];
    let mut receipts = node.ingest_all(mixed).await;
    let _ = stored(receipts.remove(1));
    let error = node.reader().get(&key("k/0")).await.unwrap_err();
    assert!(error.to_string().contains("what became of the last write of `k/0`"), "{error}");
    let held = failure(receipts.remove(0));
    assert!(held.message.starts_with("not stored: "), "{held:?}");
    assert!(held.message.contains("an earlier write of the key"), "{held:?}");
    server.pause(false);
    assert_eq!(settled(&node, &names("k", 1)).await.len(), 1);
    assert_eq!(node.get("k/0").await, "payload of k/0");
}

#[tokio::test]
async fn a_write_that_outlasts_the_patience_of_its_sender_is_settled_when_it_ends() {
    let server = RedisServer::start();
    // Three groups for the server, each of which is given up after five seconds.
    let build =
        || near(&server).pipeline("default", |pipeline| pipeline.batch.bytes = ByteSize::mib(128));
    let node = build().start().await;
    acknowledged(&node, &names("before", 1)).await;
    server.pause(true);
    let large = names("large", 3);
    let objects = large.iter().map(|name| arrival(name).to("far").data(vec![7; 12 << 20]));
    for receipt in node.ingest_all(objects).await {
        let failure = failure(receipt);
        assert_eq!(failure.class, FailureClass::Unknown);
        // No error ended the wait.
        assert!(failure.message.ends_with("with the same id or key is safe"), "{failure:?}");
    }
    server.pause(false);
    settled(&node, &large).await;
    for name in &large {
        delete(&node, name).await;
    }
    let node = restart(node, |directory| build().in_directory(directory)).await;
    assert!(settled(&node, &large).await.is_empty());
}

#[tokio::test]
async fn a_server_that_is_killed_under_load_leaves_every_object_whole_or_absent() {
    let mut server = keeping();
    let node = near(&server).start().await;
    let (mut all, mut known) = (Vec::new(), BTreeSet::new());
    for round in 0..4 {
        let name = |n: usize| format!("{round}/{n}");
        let (mut sent, kill_at) = (0, 40 + 23 * round);
        let mut receipts = Vec::new();
        while sent < 200 {
            let some = (sent..sent + 10).map(name).collect::<Vec<_>>();
            if sent < kill_at {
                receipts.extend(ingest(&node, &some).await);
            } else {
                // On its way while the server goes.
                let kill = async {
                    tokio::task::yield_now().await;
                    server.stop();
                };
                let (more, ()) = tokio::join!(ingest(&node, &some), kill);
                receipts.extend(more);
                break;
            }
            sent += 10;
        }
        server.start_again();
        for receipt in receipts {
            all.push(receipt.key.to_string());
            if receipt.outcome == Outcome::Stored {
                known.insert(receipt.key.to_string());
            }
        }
        let found = settled(&node, &all).await;
        assert!(found.is_superset(&known), "{:?}", known.difference(&found));
    }
    let found = settled(&node, &all).await;
    let node = restart(node, |directory| near(&server).in_directory(directory)).await;
    assert_eq!(settled(&node, &all).await, found);
}

#[tokio::test]
async fn rows_that_a_stuck_database_took_are_readable_when_it_goes_on_and_deleted_for_good() {
    let server = mariadb::Server::start(&[]).await;
    let mut client = server.client().await;
    client.query_drop("CREATE DATABASE unclear").await.unwrap();
    drop(client);
    let build = || near_url(&server.url("unclear"));
    let node = build().start().await;
    let (before, during) = (names("before", 3), names("during", 6));
    acknowledged(&node, &before).await;
    server.pause(true);
    for receipt in ingest(&node, &during).await {
        assert_eq!(failure(receipt).class, FailureClass::Unknown);
    }
    server.pause(false);
    for name in &during[..3] {
        delete(&node, name).await;
    }
    let found = settled(&node, &during).await;
    assert!(found.iter().all(|name| !during[..3].contains(name)), "{found:?}");
    assert_eq!(settled(&node, &before).await.len(), before.len());
    let node = restart(node, |directory| build().in_directory(directory)).await;
    assert_eq!(settled(&node, &during).await, found);
}
