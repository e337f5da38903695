//! kill -9 under load, and a restart: what was acknowledged is readable, and no route dangles.

use crate::writers::{Told, start, write_of};
use bytes::Bytes;
use framedb_tests::{
    NodeProcess, Operator,
    proto::edge::{GetRequest, Kind, ListRequest, ObjectInfo, ingest_client::IngestClient},
    within,
};
use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, atomic::Ordering},
};
use tonic::transport::Channel;

/// Kills, each at a random moment.
const ROUNDS: usize = 4;

/// A node with two disks and a compressing serializer.
fn operator() -> Operator {
    let operator = Operator::new("");
    let second = operator.path("second");
    let config = operator.read("framedb.toml");
    let more = format!(
        "[instances.second]\nurl = \"file:{}\"\n[pipelines.default]\n\
         ingest = [\"ingest-inspect\"]\nresolve = \"resolve-rules\"\nserialize = \"serialize-lz4\"\n",
        second.display()
    );
    operator.write("framedb.toml", config + &more);
    operator
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_loses_nothing_that_it_acknowledged() {
    let (operator, told) = (operator(), Arc::new(Told::default()));
    for round in 0..ROUNDS {
        let mut node = operator.serve();
        // At least so many acknowledgements, and a random number more.
        let more = 50 + RandomState::new().hash_one(round) % 400;
        let enough = told.acknowledged.load(Ordering::Relaxed) + more;
        let writers = start(&told, &node.channel().await);
        framedb_tests::eventually("enough writes are acknowledged", async || {
            (told.acknowledged.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
        node.kill();
        within("the writers' end", writers.join_all()).await;
        let node = operator.serve();
        look(&node, &told).await;
    }
}

/// Looks at everything that a node has after its restart.
async fn look(node: &NodeProcess, told: &Told) {
    let mut client = IngestClient::new(node.channel().await);
    let objects = told.objects.lock().unwrap().clone();
    for (key, acknowledged) in &objects {
        let request = GetRequest { key: key.clone().into() };
        let found = client.get(request).await;
        let found = found.unwrap_or_else(|status| panic!("{key} {acknowledged}: {status}"));
        let found = found.into_inner();
        assert!(!found.foreign, "{key}");
        // The write after the last acknowledged one may have been stored as well.
        let n = write_of(key, &found.data).unwrap_or_else(|| panic!("{key} is not whole"));
        assert!(n >= *acknowledged, "{key}: {n} is older than {acknowledged}");
    }
    let routes = list(&mut client).await;
    assert!(routes.len() >= objects.len());
    for route in routes {
        assert_ne!(route.kind(), Kind::InMemory, "{route:?}");
        if route.kind() == Kind::Storage {
            let found = client.get(GetRequest { key: route.key.clone() }).await;
            let found = found.unwrap_or_else(|status| panic!("{route:?}: {status}"));
            let key = String::from_utf8(route.key.to_vec()).unwrap();
            assert!(write_of(&key, &found.into_inner().data).is_some(), "{key}");
        }
    }
    let queues = std::mem::take(&mut *told.elements.lock().unwrap());
    for (queue, acknowledged) in queues {
        let left = drain(node, &queue).await;
        // All of them in order, and at most one that nobody was told of.
        let known: Vec<_> = left.iter().copied().filter(|n| acknowledged.contains(n)).collect();
        assert_eq!(known, acknowledged, "{queue}");
        assert!(left.len() <= acknowledged.len() + 1, "{queue}: {left:?}");
    }
}

async fn list(client: &mut IngestClient<Channel>) -> Vec<ObjectInfo> {
    let (mut all, mut after) = (Vec::new(), Bytes::new());
    loop {
        let request = ListRequest { after, limit: 100, ..ListRequest::default() };
        let page = client.list(request).await.unwrap().into_inner();
        all.extend(page.objects);
        if !page.more {
            return all;
        }
        after = all.last().unwrap().key.clone();
    }
}

async fn drain(node: &NodeProcess, queue: &str) -> Vec<u64> {
    let (http, mut elements) = (node.http(), Vec::new());
    loop {
        let popped = http.call(&format!("POST /streams/{queue}/pop")).await;
        match popped.status.as_u16() {
            200 => elements.push(write_of(queue, &popped.body).expect("a whole element")),
            204 => return elements,
            _ => panic!("{popped:?}"),
        }
    }
}
