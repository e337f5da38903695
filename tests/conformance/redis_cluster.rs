//! What a cluster promises beside the suites.

use crate::{
    engines::{eventually, key, keys, record},
    redis::{SECRET, elements, open_at, open_with, put, refused},
    replicated::{Cluster, Member as _},
    server::{RedisServer, free_port},
};
use framedb_host::{ErrorKind, store::Options};
use std::time::Duration;

/// A key in the slots of the server with this number among so many.
fn key_on(cluster: &Cluster, server: usize, of: usize) -> String {
    let names = (0..).map(|n| format!("key-{n}"));
    let is_there = |name: &String| {
        let slot = cluster.servers[0].command(&["CLUSTER", "KEYSLOT", name]);
        slot[1..].parse::<usize>().unwrap() * of / 16_384 == server
    };
    names.into_iter().find(is_there).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_its_servers_leads_to_all() {
    let (cluster, _turn) = Cluster::shared().await;
    let one = format!("redis-cluster://127.0.0.1:{}", cluster.servers[1].port());
    let instance = open_at(&one).await.unwrap();
    let names: Vec<String> = (0..300).map(|n| format!("n{n:03}")).collect();
    let records: Vec<_> = names.iter().map(|name| record(name, name.as_bytes())).collect();
    for answer in instance.objects.put(&records).await {
        answer.unwrap();
    }
    for server in &cluster.servers {
        assert_ne!(server.command(&["DBSIZE"]), ":0");
    }
    let listed = instance.objects.list("", None, 1000).await.unwrap();
    let listed: Vec<String> = listed.iter().map(|line| line.key.as_str().to_owned()).collect();
    assert_eq!(listed, names);
    let shown = instance.objects.describe();
    assert!(shown.contains("the cluster of 127.0.0.1"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_its_servers_by_itself_is_refused() {
    let (cluster, _turn) = Cluster::shared().await;
    let error = refused(&cluster.servers[1].url()).await;
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Config, false), "{error:?}");
    assert!(error.to_string().contains("it is one server of a cluster"), "{error}");
    assert!(error.hint().unwrap().contains("redis-cluster://"), "{error:?}");
    // One that has all the slots keeps every key.
    let alone = Cluster::start(1).await;
    put(&open_at(&alone.servers[0].url()).await.unwrap(), "a").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_of_all_its_servers_get_their_ended_leases_back() {
    let (cluster, _turn) = Cluster::shared().await;
    let instance = open_at(&cluster.url()).await.unwrap();
    let queue = instance.queue.clone().unwrap();
    for server in 0..3 {
        let name = key_on(cluster, server, 3);
        queue.push(&key(&name), &elements(&["1"])).await.pop().unwrap().unwrap();
        queue.lease(&key(&name), Duration::from_millis(100)).await.unwrap().unwrap();
        eventually(|| async { cluster.servers[server].command(&["LLEN", &name]) == ":1" }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_is_followed_while_it_moves_and_after() {
    let cluster = Cluster::start(2).await;
    let instance = open_at(&cluster.url()).await.unwrap();
    let queue = instance.queue.clone().unwrap();
    let name = key_on(&cluster, 0, 2);
    put(&instance, &name).await.unwrap();
    let [from, to] = [&cluster.servers[0], &cluster.servers[1]];
    let slot = from.command(&["CLUSTER", "KEYSLOT", &name])[1..].to_owned();
    let ok = |reply: String| assert_eq!(reply, "+OK");
    ok(to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from.id()]));
    ok(from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to.id()]));
    // What is there is answered here, and what is new is asked for there.
    let new = format!("{{{name}}}new");
    let answers = instance.objects.put(&[record(&name, b"2"), record(&new, b"3")]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let read = |data: &'static [u8], name: String| {
        let objects = instance.objects.clone();
        async move {
            let found = objects.get(&[key(&name)]).await.pop().unwrap().unwrap();
            assert_eq!(found.as_deref(), Some(data), "{name}");
        }
    };
    read(b"2", name.clone()).await;
    read(b"3", new.clone()).await;
    assert_eq!(from.command(&["DBSIZE"]), ":1");
    assert_eq!(instance.objects.list("", None, 10).await.unwrap().len(), 2);
    let (port, second) = (to.port().to_string(), "1000");
    ok(from.command(&["MIGRATE", "127.0.0.1", &port, &name, "0", second]));
    for server in [to, from] {
        ok(server.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &to.id()]));
    }
    read(b"2", name.clone()).await;
    let side = key(&format!("{{{name}}}queue"));
    queue.push(&side, &elements(&["1"])).await.pop().unwrap().unwrap();
    assert_eq!(to.command(&["DBSIZE"]), ":4");
    assert_eq!(from.command(&["DBSIZE"]), ":0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_is_a_specific_error_until_it_is_back() {
    let mut cluster = Cluster::start(3).await;
    let instance = open_at(&cluster.url()).await.unwrap();
    let (lost, kept) = (key_on(&cluster, 2, 3), key_on(&cluster, 0, 3));
    cluster.servers[2].stop();
    eventually(|| async { put(&instance, &lost).await.is_err() }).await;
    let error = put(&instance, &lost).await.unwrap_err();
    assert!(error.is_temporary() && error.kind() == ErrorKind::Unavailable, "{}", error.chain());
    assert!(instance.objects.health().await.is_err());
    assert!(instance.objects.list("", None, 10).await.is_err());
    // The others find out, and answer for nobody then.
    eventually(|| async {
        let error = put(&instance, &kept).await.err();
        error.is_some_and(|error| error.to_string().contains("the cluster is down"))
    })
    .await;
    let error = refused(&cluster.url()).await;
    assert!(error.is_temporary() && error.kind() == ErrorKind::Unavailable, "{}", error.chain());
    cluster.servers[2].start_again();
    eventually(|| async {
        let [one, other] = [put(&instance, &lost).await, put(&instance, &kept).await];
        one.is_ok() && other.is_ok() && instance.objects.health().await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_named() {
    let cluster = Cluster::start(3).await;
    let instance = open_at(&cluster.url()).await.unwrap();
    let name = key_on(&cluster, 1, 3);
    put(&instance, &name).await.unwrap();
    cluster.servers[1].pause(true);
    let error = put(&instance, &name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", error.chain());
    let named = format!("no answer from the server 127.0.0.1:{}", cluster.servers[1].port());
    assert!(error.to_string().contains(&named) && error.is_temporary(), "{error}");
    cluster.servers[1].pause(false);
    eventually(|| async { put(&instance, &name).await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_servers_and_those_of_no_cluster_are_specific_errors() {
    let port = free_port();
    let error = refused(&format!("redis-cluster://:{SECRET}@127.0.0.1:{port}")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(&format!("127.0.0.1:{port} cannot be reached")), "{error}");
    let server = RedisServer::start();
    let error = refused(&format!("redis-cluster://127.0.0.1:{}", server.port())).await;
    assert!(error.to_string().contains("not part of a cluster"), "{}", error.chain());
    assert_eq!(error.kind(), ErrorKind::Config);
    let (cluster, _turn) = Cluster::shared().await;
    let error = refused(&format!("{}/1", cluster.url())).await;
    assert!(error.to_string().contains("no database but 0"), "{}", error.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_replicas_has_none_to_wait_for() {
    let (cluster, _turn) = Cluster::shared().await;
    let options = Options { wait_replicas: 1, ..Options::default() };
    let error = open_with(&cluster.url(), options).await.unwrap_err();
    assert!(error.to_string().contains("has 0 of the 1 replicas"), "{error}");
    assert!(error.is_temporary() && error.to_string().contains("the server 127.0.0.1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_values_are_read_from_several_servers_at_once() {
    let (cluster, _turn) = Cluster::shared().await;
    let instance = open_at(&cluster.url()).await.unwrap();
    put(&instance, "a").await.unwrap();
    put(&instance, "c").await.unwrap();
    let found = instance.objects.get(&keys(&["a", "b", "c"])).await;
    let found: Vec<bool> = found.into_iter().map(|answer| answer.unwrap().is_some()).collect();
    assert_eq!(found, [true, false, true]);
    let removed = instance.objects.delete(&keys(&["a", "b", "c"])).await;
    let removed: Vec<bool> = removed.into_iter().map(Result::unwrap).collect();
    assert_eq!(removed, [true, false, true]);
}
