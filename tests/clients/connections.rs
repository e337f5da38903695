//! How many servers a node is connected to.

use crate::{
    config_service::register,
    object_service::{get, object, set_well},
    server::RedisServer,
};
use framedb_tests::{TestNode, eventually};

/// How many clients but the one that asks a server has.
fn clients(server: &RedisServer) -> usize {
    let list = server.command(&["CLIENT", "LIST"]);
    list.lines().filter(|line| line.contains("addr=")).count() - 1
}

/// Waits until of these servers those that are `true` have clients, and the others none.
async fn connected(servers: &[RedisServer], expected: [bool; 3]) {
    eventually(&format!("connected are {expected:?}"), async || {
        let found: Vec<_> = servers.iter().map(|server| clients(server) > 0).collect();
        (found == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_used_connection_is_closed_when_there_are_too_many() {
    let servers = [RedisServer::start(), RedisServer::start(), RedisServer::start()];
    let node = TestNode::build().config(|config| config.connections = 2).open().await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    for (id, server) in ["a", "b", "c"].iter().zip(&servers) {
        register(&http, id, &server.url()).await;
    }
    // What a registration asked its server with is closed again.
    connected(&servers, [false; 3]).await;
    for id in ["a", "b", "a"] {
        set_well(&mut grpc, object(id, id, "in-memory", id.as_bytes())).await;
    }
    connected(&servers, [true, true, false]).await;
    set_well(&mut grpc, object("c", "c", "in-memory", b"c")).await;
    connected(&servers, [true, false, true]).await;
    // What is behind a closed connection is read as before, through one that is opened again.
    assert_eq!(get(&mut grpc, "b").await.object.unwrap().data, "b");
    connected(&servers, [true, true, false]).await;
}
