//! Node processes that share a registry and an instance.

use crate::{
    engines::eventually, etcd_server::EtcdServer, etcd_server::shared, server::RedisServer,
};
use framedb_tests::{NodeProcess, Operator};
use std::net::SocketAddr;

const SECRET: &str = "s3cret-word";

/// An operator whose node has this registry, and the instance `shared` in a Redis server. It is
/// not patient: what cannot be stored is refused soon.
fn operator(registry: &str, redis: &RedisServer) -> Operator {
    Operator::new(&format!(
        "[limits]\ndeadline = \"5s\"\n[registry]\nurl = \"{registry}\"\n\
         [instances.shared]\nurl = \"{}\"\n",
        redis.url()
    ))
}

/// A registry below a prefix of its own. The server has no users: it lets everybody in.
fn url(server: &EtcdServer) -> String {
    server.config().url.replace("etcd://", &format!("etcd://me:{SECRET}@"))
}

/// What one node stores, the other one finds, reads, pops and removes.
async fn share(registry: &str, described: &str) {
    let redis = RedisServer::start();
    let (one, other) = (operator(registry, &redis), operator(registry, &redis));
    let nodes: [NodeProcess; 2] = [one.serve(), other.serve()];
    for n in 0..3 {
        let put = one.run_with(&format!("put - --key cam/{n} --to shared --meta n={n}"), "bytes");
        assert_eq!(put.code, Some(0), "{put:?}");
        let got = other.run(&format!("get cam/{n}"));
        assert_eq!((got.code, &*got.stdout), (Some(0), "bytes"), "{got:?}");
    }
    let put = other.run_with("put - --key cam/0 --to shared", "other bytes");
    assert_eq!(put.code, Some(0), "{put:?}");
    eventually(async || one.run("get cam/0").stdout == "other bytes").await;
    assert_eq!(other.run("ls cam").stdout, "cam/0\ncam/1\ncam/2\n");
    assert_eq!(other.run("rm cam/1").code, Some(0));
    eventually(async || one.run("get cam/1").code == Some(1)).await;
    assert_eq!(one.run("ls cam").stdout, "cam/0\ncam/2\n");
    for element in ["first", "second"] {
        let pushed = one.run_with("put - --key q --type stream --to shared", element);
        assert_eq!(pushed.code, Some(0), "{pushed:?}");
    }
    assert_eq!(other.run("pop q").stdout, "first");
    assert_eq!(one.run("pop q").stdout, "second");
    // What a volatile instance holds is its node's alone.
    assert_eq!(one.run_with("put - --key mine --to memory", "x").code, Some(0));
    assert_eq!(other.run("get mine").code, Some(1));
    for (operator, node) in [&one, &other].into_iter().zip(&nodes) {
        let banner = format!("  registry  {described}");
        eventually(async || node.said().lines().any(|line| line.starts_with(&banner))).await;
        let health = node.http().call("GET /healthz").await.json();
        assert_eq!(health["registry"]["healthy"], true, "{health}");
        let shown = operator.run("instances");
        assert!(shown.stderr.contains(&format!("registry: {described}")), "{shown:?}");
        let checked = operator.run("check");
        assert!(checked.stdout.lines().any(|line| line.starts_with("registry  ")), "{checked:?}");
        for said in [node.said(), format!("{health}{shown:?}{checked:?}")] {
            assert!(!said.contains(SECRET), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_objects_over_etcd() {
    let server = shared().await;
    share(&url(server), &format!("in etcd at {}, below /test-", server.address())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_objects_over_redis() {
    let server = RedisServer::start();
    let described = format!("in Redis at 127.0.0.1:{}, database 0, below edge", server.port());
    share(&format!("{}?prefix=edge", server.url()), &described).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_its_registry_says_so_and_stores_again_when_it_is_back() {
    let mut server = EtcdServer::start(&[]).await;
    let redis = RedisServer::start();
    let operator = operator(&url(&server), &redis);
    let node = operator.serve();
    assert_eq!(operator.run_with("put - --key a --to shared", "1").code, Some(0));
    server.stop();
    let put = operator.run_with("put - --key a --to shared", "2");
    assert_eq!(put.code, Some(1), "{put:?}");
    assert!(put.stderr.contains("in etcd at") && !put.stderr.contains(SECRET), "{put:?}");
    eventually(async || node.http().call("GET /healthz").await.status == 503).await;
    let health = node.http().call("GET /healthz").await.json();
    assert_eq!(health["registry"]["healthy"], false);
    let ready = node.http().call("GET /readyz").await;
    assert_eq!(ready.status, 503);
    let error = ready.json()["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("the registry cannot be used: "), "{error}");
    server.start_again().await;
    eventually(async || operator.run_with("put - --key a --to shared", "3").code == Some(0)).await;
    assert_eq!(operator.run("get a").stdout, "3");
    eventually(async || node.http().call("GET /healthz").await.status == 200).await;
    assert_eq!(node.http().call("GET /readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_does_not_start_without_its_registry() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], crate::server::free_port()));
    let operator = Operator::new(&format!("[registry]\nurl = \"etcd://me:{SECRET}@{nobody}\"\n"));
    let refused = operator.run("serve");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let message =
        format!("cannot use the registry in etcd at {nobody}: the server cannot be reached");
    assert!(refused.stderr.contains(&message), "{refused:?}");
    assert!(!refused.stderr.contains(SECRET), "{refused:?}");
    for (url, message) in [
        ("etcd://me:s3cret-word@host:port", "registry.url: cannot use the URL of etcd: a port"),
        ("zookeeper://me:s3cret-word@host", "no registry has the scheme \"zookeeper\""),
        ("redis://:s3cret-word@host?prefix={", "its `prefix` is empty, or has braces"),
    ] {
        let operator = Operator::new(&format!("[registry]\nurl = \"{url}\"\n"));
        let refused = operator.run("check");
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(message), "{refused:?}");
        assert!(!refused.stderr.contains(SECRET), "{refused:?}");
    }
}
