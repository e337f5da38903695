//! What a master behind sentinels promises beside the suites.

use crate::{
    engines::{context, eventually, key, keys},
    redis::{SECRET, elements, open_at, open_with, put, refused},
    replicated::{MASTER, Replicated},
    server::{RedisServer, free_port},
};
use framedb_host::{
    ErrorKind,
    store::{Options, Pushed},
};
use futures::future::{Either, select};
use std::pin::pin;

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_master_is_a_specific_error() {
    let error = refused(&Replicated::shared().await.url(&format!(":{SECRET}@"), "other")).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{}", error.chain());
    assert!(error.to_string().contains("`other` of the sentinels 127.0.0.1"), "{error}");
    assert!(error.to_string().contains("watch no master of this name"), "{error}");
    assert!(error.hint().unwrap().contains(MASTER), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_sentinels_are_a_specific_error() {
    let port = free_port();
    let error = refused(&format!("redis-sentinel://:{SECRET}@127.0.0.1:{port}/{MASTER}")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("none of its sentinels answers"), "{error}");
    assert!(error.to_string().contains(&port.to_string()) && error.is_temporary(), "{error}");
    // What answers, but is no sentinel, is another matter.
    let server = RedisServer::start();
    let error = refused(&format!("redis-sentinel://127.0.0.1:{}/{MASTER}", server.port())).await;
    assert!(error.to_string().contains("is no sentinel"), "{}", error.chain());
    assert!(!error.is_temporary(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_keeps_no_objects() {
    let replicated = Replicated::shared().await;
    let error = refused(&format!("redis://127.0.0.1:{}", replicated.sentinels[0].port())).await;
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Config, false), "{error:?}");
    assert!(error.to_string().contains("it is a sentinel"), "{error}");
    assert!(error.hint().unwrap().contains("redis-sentinel://"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sentinel_that_answers_is_enough() {
    let absent = format!("127.0.0.1:{},", free_port());
    let url = Replicated::shared().await.url(&absent, &format!("{MASTER}/901"));
    put(&open_at(&url).await.unwrap(), "a").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_the_sentinels_too() {
    let replicated = Replicated::start(Some(SECRET), true).await;
    put(&open_at(&replicated.url(&format!(":{SECRET}@"), MASTER)).await.unwrap(), "a")
        .await
        .unwrap();
    for login in ["", &format!(":{SECRET}x@")] {
        let error = refused(&replicated.url(login, MASTER)).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{}", error.chain());
        assert!(error.to_string().contains("the sentinel 127.0.0.1"), "{error}");
        assert!(error.to_string().contains("refuses the password, or wants one"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_without_a_password_are_asked_all_the_same() {
    let replicated = Replicated::start(Some(SECRET), false).await;
    for login in [format!(":{SECRET}@"), format!("default:{SECRET}@")] {
        put(&open_at(&replicated.url(&login, MASTER)).await.unwrap(), "a").await.unwrap();
    }
    let error = refused(&replicated.url(&format!(":{SECRET}x@"), MASTER)).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{}", error.chain());
    let master = format!("the server 127.0.0.1:{} refuses", replicated.servers[0].port());
    assert!(error.to_string().contains(&master), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_follow_a_switch_of_the_master() {
    let replicated = Replicated::start(None, false).await;
    let instance = open_at(&replicated.url("", MASTER)).await.unwrap();
    put(&instance, "a").await.unwrap();
    let before = replicated.master().port();
    // Sentinels refuse while they do not know the replicas well enough.
    eventually(|| async {
        replicated.sentinels[0].command(&["SENTINEL", "FAILOVER", MASTER]) == "+OK"
    })
    .await;
    // Until the old master is told, it takes writes that the new one never has.
    eventually(|| {
        let master = replicated.master();
        let (moved, instance) = (master.port() != before, &instance);
        async move {
            moved && put(instance, "b").await.is_ok() && master.command(&["EXISTS", "b"]) == ":1"
        }
    })
    .await;
    instance.objects.health().await.unwrap();
    assert!(instance.objects.get(&keys(&["a"])).await[0].as_ref().unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_replicas_fail_a_write_but_hold_up_no_reader() {
    let mut replicated = Replicated::start(None, false).await;
    let options = || Options { wait_replicas: 2, ..Options::default() };
    let instance = open_with(&replicated.url("", MASTER), options()).await.unwrap();
    let queue = instance.queue.clone().unwrap();
    put(&instance, "a").await.unwrap();
    replicated.servers[1].pause(true);
    // A reader who comes while a write waits for replicas is answered first.
    let error = {
        let write = pin!(put(&instance, "b"));
        let names = keys(&["a"]);
        let read = pin!(async {
            let master = &replicated.servers[0];
            eventually(|| async { master.command(&["EXISTS", "b"]) == ":1" }).await;
            instance.objects.get(&names).await
        });
        let Either::Right((read, write)) = select(write, read).await else {
            panic!("the read waited")
        };
        assert!(read[0].as_ref().unwrap().is_some());
        write.await.unwrap_err()
    };
    let told = "stored on the primary, but acknowledged by 1 of 2 replicas";
    assert!(error.to_string().contains(told) && error.is_temporary(), "{}", error.chain());
    assert!(error.hint().unwrap().contains("wait-replicas"), "{error:?}");
    let push = || async { queue.push(&key("q"), &elements(&["1"])).await.pop().unwrap() };
    let error = push().await.unwrap_err();
    assert!(error.to_string().contains(told), "{error}");
    // Sentinels would take the replica for dead in the long run, its own server does not.
    replicated.servers[1].pause(false);
    eventually(|| async { put(&instance, "b").await.is_ok() }).await;
    // What the primary had taken is not taken twice.
    assert_eq!(push().await.unwrap(), Pushed::Repeated);
    // An instance whose writes cannot succeed is not opened.
    replicated.servers[1].stop();
    eventually(|| async { instance.objects.health().await.is_err() }).await;
    let directory = tempfile::tempdir().unwrap();
    let context = context(directory.path(), options());
    let url = replicated.url("", MASTER);
    let error = framedb_host::store::open(&url, &context).await.unwrap_err();
    assert!(error.to_string().contains("has 1 of the 2 replicas"), "{error}");
}
