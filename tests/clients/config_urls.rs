//! The URLs that the config service answers: those that existing clients' drivers can open.

use crate::{
    config_service::{create, registration},
    replicated::{Cluster, MASTER, Replicated, Tls},
    routing_objects::{call, data},
    server::{RedisServer, free_port},
};
use framedb_host::InstanceConfig;
use framedb_tests::{
    Http, TestNode, eventually,
    servers::mariadb::{self, fresh_name},
};

/// Both URLs of an instance, which are the same where none was given.
async fn url(http: &Http, family: &str, framedb_id: &str) -> String {
    let found = data(http, &format!("/global/framedb/{family}/{framedb_id}")).await;
    assert_eq!(found["local_url"], found["public_url"], "{found}");
    found["public_url"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_behind_sentinels_is_where_its_master_is_now() {
    let replicated = Replicated::start(None, false).await;
    let node = TestNode::build()
        .instance("plain", &replicated.url("", &format!("{MASTER}/3")))
        .config(|config| {
            let instance = InstanceConfig {
                public_url: Some("redis://proxy:7000".into()),
                ..InstanceConfig::at(&replicated.url("", MASTER))
            };
            config.instances.insert("named".into(), instance);
        })
        .open()
        .await;
    let http = node.http();
    let at = |port: u16| format!("redis://127.0.0.1:{port}/3");
    let before = replicated.master().port();
    assert_eq!(url(&http, "instances", "plain").await, at(before));
    // What an operator says is not looked up.
    let named = data(&http, "/global/framedb/instances/named").await;
    assert_eq!(named["public_url"], "redis://proxy:7000");
    eventually("a failover", async || {
        let asked = replicated.sentinels[0].command(&["SENTINEL", "FAILOVER", MASTER]);
        (asked == "+OK").then_some(())
    })
    .await;
    eventually("the new master's URL", async || {
        let found = data(&http, "/framedb/instances").await;
        let mut plain = found.as_array().unwrap().iter().filter(|r| r["framedb_id"] == "plain");
        let master = replicated.master().port();
        (master != before && plain.next().unwrap()["public_url"] == at(master)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_whose_master_cannot_be_found_is_an_error_and_hides_no_others() {
    let replicated = Replicated::shared().await;
    let absent = format!("redis-sentinel://127.0.0.1:{}/{MASTER}", free_port());
    let node = TestNode::build()
        .config(|config| {
            for (name, public_url) in [("lost", absent), ("there", replicated.url("", MASTER))] {
                let instance = InstanceConfig {
                    public_url: Some(public_url),
                    ..InstanceConfig::at(&replicated.url("", MASTER))
                };
                config.instances.insert(name.into(), instance);
            }
        })
        .open()
        .await;
    let (status, body) = call(&node.http(), "GET /global/framedb/instances/lost").await;
    assert_eq!(status, 503, "{body}");
    assert!(body["error"].as_str().unwrap().contains("none of its sentinels answers"), "{body}");
    let listed = data(&node.http(), "/framedb/instances").await;
    let urls: Vec<_> = listed.as_array().unwrap().iter().map(|r| &r["public_url"]).collect();
    let master = format!("redis://127.0.0.1:{}", replicated.master().port());
    assert_eq!(urls, ["", &master]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_where_one_of_its_primaries_answers() {
    let (cluster, _own) = Cluster::shared().await;
    let node = TestNode::build().instance("cluster", &cluster.url()).open().await;
    let found = url(&node.http(), "instances", "cluster").await;
    let port = found.strip_prefix("redis://127.0.0.1:").unwrap();
    assert!(cluster.servers.iter().any(|server| server.port().to_string() == port), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_and_files_of_the_node_are_not_told() {
    let tls = Tls::start("localhost", &[]);
    let database = fresh_name();
    let sql = format!("{}?ssl-mode=disabled", mariadb::shared().await.url(&database));
    let redis = format!("rediss://localhost:{}?ssl-ca={}", tls.port, tls.authority());
    let node = TestNode::build().instance("cache", &redis).open().await;
    let http = node.http();
    create(&http, "persistent-instances", registration("table", &sql)).await;
    assert_eq!(url(&http, "instances", "cache").await, format!("rediss://localhost:{}", tls.port));
    let found = url(&http, "persistent-instances", "table").await;
    assert!(found.ends_with(&format!("/{database}")), "{found}");
    let listed = data(&http, "/framedb/instances").await.to_string();
    assert!(listed.contains("rediss://") && !listed.contains("ssl"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_local_url_is_none() {
    let redis = RedisServer::start();
    let node = TestNode::build().open().await;
    let http = node.http();
    let mut body = registration("cache", &redis.url());
    body["local_url"] = "".into();
    create(&http, "instances", body).await;
    assert_eq!(url(&http, "instances", "cache").await, redis.url());
}
