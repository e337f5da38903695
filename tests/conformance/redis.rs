//! What Redis promises beside the suites.

use crate::{
    engines::{context, eventually, key, keys, record},
    server::{RedisServer, free_port},
};
use framedb_host::{
    Error, ErrorKind,
    store::{Element, Instance, Options, open},
};
use std::{
    io::{Read as _, Write as _},
    time::Duration,
};

pub(crate) const SECRET: &str = "s3cret-word";

pub(crate) async fn open_at(url: &str) -> Result<Instance, Error> {
    open_with(url, Options::default()).await
}

pub(crate) async fn open_with(url: &str, options: Options) -> Result<Instance, Error> {
    let directory = tempfile::tempdir().unwrap();
    open(url, &context(directory.path(), options)).await
}

/// The error of an instance that cannot be opened; it shows no secret.
pub(crate) async fn refused(url: &str) -> Error {
    let error = open_at(url).await.unwrap_err();
    let shown = format!("{error} {error:?} {} {:?}", error.chain(), error.hint());
    assert!(!shown.contains(SECRET), "{shown}");
    error
}

pub(crate) async fn put(instance: &Instance, name: &str) -> Result<(), Error> {
    instance.objects.put(&[record(name, b"1")]).await.pop().unwrap()
}

pub(crate) fn elements(ids: &[&str]) -> Vec<Element> {
    ids.iter().map(|id| Element { id: (*id).into(), data: id.as_bytes().to_vec().into() }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_a_specific_error() {
    let server = RedisServer::start_with(&["--requirepass", SECRET]);
    let (port, url) = (server.port(), server.url());
    for url in [url, format!("redis://:{SECRET}x@127.0.0.1:{port}")] {
        let error = refused(&url).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{}", error.chain());
        assert!(error.to_string().contains("password") && !error.is_temporary(), "{error}");
    }
    let instance = open_at(&format!("redis://:{SECRET}@127.0.0.1:{port}")).await.unwrap();
    put(&instance, "a").await.unwrap();
    let shown = format!("{instance:?} {}", instance.objects.describe());
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(shown.contains(&format!("in Redis at 127.0.0.1:{port}, database 0")), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_the_access_list_is_let_in() {
    let user = format!("user edge on >{SECRET} ~* +@all -flushall");
    let user: Vec<&str> = user.split(' ').collect();
    let arguments: Vec<&str> = ["--user"].into_iter().chain(user[1..].iter().copied()).collect();
    let server = RedisServer::start_with(&arguments);
    let port = server.port();
    let instance = open_at(&format!("redis://edge:{SECRET}@127.0.0.1:{port}/3")).await.unwrap();
    put(&instance, "a").await.unwrap();
    let error = refused(&format!("redis://nobody:{SECRET}@127.0.0.1:{port}")).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{}", error.chain());
    server.command(&["ACL", "SETUSER", "edge", "-set"]);
    let error = put(&instance, "a").await.unwrap_err();
    assert!(error.to_string().contains("access list") && !error.is_temporary(), "{error}");
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_a_command_is_told_before_the_first_write() {
    let server = RedisServer::start();
    let set = |rules: &str| {
        let words = format!("ACL SETUSER edge reset on >{SECRET} {rules}");
        assert_eq!(server.command(&words.split(' ').collect::<Vec<_>>()), "+OK");
    };
    let url = format!("redis://edge:{SECRET}@127.0.0.1:{}", server.port());
    for (rules, missing) in [
        ("~* +@all -set", "run SET"),
        ("~* +@all -set -getset -del", "run SET, DEL"),
        ("~* +@all -evalsha", "run EVALSHA"),
        ("~* +@all -hset -hincrby", "run HINCRBY, HSET"),
        ("~* +@all -lpush", "run LPUSH"),
        ("~* +@read +ping +info", "run SET, DEL"),
    ] {
        set(rules);
        let error = refused(&url).await;
        assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Denied, false), "{error:?}");
        assert!(error.to_string().contains(missing), "`{missing}` is not in: {error}");
    }
    assert_eq!(server.command(&["DBSIZE"]), ":0", "asking leaves nothing");
    // Which keys it may use is another matter: the node cannot know which will come.
    set("~cam/* +@all");
    let instance = open_at(&url).await.unwrap();
    put(&instance, "cam/1").await.unwrap();
    assert_eq!(put(&instance, "b").await.unwrap_err().kind(), ErrorKind::Denied);
    set("~* +@all -eval");
    assert!(instance.objects.health().await.unwrap_err().to_string().contains("run EVAL"));
    set("~* +@all");
    instance.objects.health().await.unwrap();
    assert_eq!(server.command(&["DBSIZE"]), ":1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_together_is_stored_where_it_can_be() {
    let server = RedisServer::start();
    let set = |rules: &str| {
        let words = format!("ACL SETUSER edge reset on >{SECRET} {rules}");
        assert_eq!(server.command(&words.split(' ').collect::<Vec<_>>()), "+OK");
    };
    set("~* +@all");
    let url = format!("redis://edge:{SECRET}@127.0.0.1:{}", server.port());
    let instance = open_at(&url).await.unwrap();
    let records = [("a/1", "1"), ("b/1", "2"), ("a/2", "3"), ("a/1", "4"), ("a/3", "5")]
        .map(|(name, data)| record(name, data.as_bytes()));
    let put = async || instance.objects.put(&records).await;
    // One of the keys may not be written.
    set("~a/* +@all");
    let kinds: Vec<_> = put().await.into_iter().map(|a| a.map_err(|e| e.kind())).collect();
    assert_eq!(kinds, [Ok(()), Err(ErrorKind::Denied), Ok(()), Ok(()), Ok(())]);
    let found = |name: &str| server.command(&["GET", name]);
    assert_eq!([found("a/1"), found("a/2"), found("a/3")], ["$1\r\n4", "$1\r\n3", "$1\r\n5"]);
    assert_eq!(found("b/1"), "$-1");
    // They may be written one by one only.
    server.command(&["FLUSHALL"]);
    set("~* +@all -mset");
    assert!(put().await.iter().all(Result::is_ok));
    assert_eq!((found("a/1"), found("b/1")), ("$1\r\n4".to_owned(), "$1\r\n2".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_server_is_named_without_its_password() {
    let port = free_port();
    let error = refused(&format!("redis://:{SECRET}@127.0.0.1:{port}")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(error.is_temporary(), "{error}");
    let error = refused(&format!("unix:///no/such/socket?password={SECRET}")).await;
    assert!(error.to_string().contains("/no/such/socket"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_speaks_another_protocol_is_named_without_its_noise() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in other.incoming() {
            let mut stream = stream.unwrap();
            // As a web server does: it hears a request, and answers once.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let error = refused(&format!("redis://:{SECRET}@127.0.0.1:{port}")).await;
    let told = format!("127.0.0.1:{port}: the server does not answer as a Redis server");
    assert!(error.chain().ends_with(&told), "{}", error.chain());
    assert!(!error.is_temporary() && error.hint().unwrap().contains("port"), "{error:?}");
    let plain = RedisServer::start();
    let error = refused(&format!("rediss://127.0.0.1:{}", plain.port())).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.hint().unwrap().contains("`redis`"), "{error:?}");
    let error = refused(&format!("rediss://127.0.0.1:{port}")).await;
    assert!(error.chain().ends_with("the server does not answer with TLS"), "{}", error.chain());
    assert!(!error.is_temporary() && error.hint().unwrap().contains("`redis`"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_database_is_a_specific_error() {
    let server = RedisServer::start();
    let error = refused(&format!("{}/99", server.url())).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("no database 99"), "{error}");
    let instance = open_at(&format!("{}/5", server.url())).await.unwrap();
    put(&instance, "a").await.unwrap();
    assert_eq!(server.command(&["DBSIZE"]), ":0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_type_fails_alone() {
    let server = RedisServer::start();
    let instance = open_at(&server.url()).await.unwrap();
    let queue = instance.queue.clone().unwrap();
    queue.push(&key("q"), &elements(&["1"])).await.pop().unwrap().unwrap();
    put(&instance, "a").await.unwrap();
    let answers = instance.objects.get(&keys(&["a", "q", "x"])).await;
    assert!(answers[0].as_ref().unwrap().is_some() && answers[2].as_ref().unwrap().is_none());
    let error = answers[1].as_ref().unwrap_err();
    assert!(error.to_string().contains("another type"), "{error}");
    // A queue is no object to remove, and an object no queue to push to.
    let removed = instance.objects.delete(&keys(&["q", "a"])).await;
    assert_eq!((removed[0].as_ref().ok(), removed[1].as_ref().ok()), (Some(&false), Some(&true)));
    put(&instance, "q").await.unwrap();
    let error = queue.push(&key("q"), &elements(&["2"])).await.pop().unwrap().unwrap_err();
    assert!(error.to_string().contains("another type"), "{error}");
    assert!(queue.lease(&key("q"), Duration::from_secs(1)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_is_an_address() {
    let server = RedisServer::start_with(&["--unixsocket", "DIR/socket"]);
    let path = server.path().join("socket");
    let instance = open_at(&format!("unix://{}?db=2", path.display())).await.unwrap();
    put(&instance, "a").await.unwrap();
    assert!(instance.objects.describe().contains("socket, database 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_replica_is_refused() {
    let primary = RedisServer::start();
    let replica = RedisServer::start();
    let instance = open_at(&replica.url()).await.unwrap();
    replica.command(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    let error = refused(&replica.url()).await;
    assert!(error.to_string().contains("read-only replica"), "{error}");
    let error = put(&instance, "a").await.unwrap_err();
    assert!(error.to_string().contains("read-only replica") && error.is_temporary(), "{error}");
    assert!(error.is_untouched(), "a refusal leaves no doubt: {error:?}");
    assert!(instance.objects.health().await.is_err());
    // It is used again once it is a primary.
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    eventually(|| async { put(&instance, "a").await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_refuses_writes_and_can_be_emptied() {
    let server = RedisServer::start();
    let instance = open_at(&server.url()).await.unwrap();
    let queue = instance.queue.clone().unwrap();
    queue.push(&key("q"), &elements(&["1"])).await.pop().unwrap().unwrap();
    server.command(&["CONFIG", "SET", "maxmemory", "1000000"]);
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = put(&instance, "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{}", error.chain());
    let error = queue.push(&key("q"), &elements(&["2"])).await.pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{}", error.chain());
    let leased = queue.lease(&key("q"), Duration::from_secs(60)).await.unwrap().unwrap();
    assert!(queue.nack(&key("q"), &leased.token).await.unwrap());
    let leased = queue.lease(&key("q"), Duration::from_secs(60)).await.unwrap().unwrap();
    assert_eq!(&leased.data[..], b"1");
    assert!(queue.ack(&key("q"), &leased.token).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn old_consumers_see_in_order_what_is_not_leased() {
    let server = RedisServer::start();
    let instance = open_at(&server.url()).await.unwrap();
    let queue = instance.queue.clone().unwrap();
    for answer in queue.push(&key("q"), &elements(&["1", "2", "3", "4"])).await {
        answer.unwrap();
    }
    let leased = queue.lease(&key("q"), Duration::from_millis(100)).await.unwrap().unwrap();
    assert_eq!(&leased.data[..], b"1");
    assert_eq!(server.command(&["RPOP", "q"]), "$1\r\n2");
    // The engine's timer returns it, though nobody of ours asks.
    eventually(|| async { server.command(&["LLEN", "q"]) == ":3" }).await;
    assert_eq!(server.command(&["RPOP", "q"]), "$1\r\n1");
    assert_eq!(server.command(&["RPOP", "q"]), "$1\r\n3");
    // And what an old producer pushes is leased.
    server.command(&["LPUSH", "q", "5"]);
    let long = Duration::from_secs(60);
    assert_eq!(&queue.lease(&key("q"), long).await.unwrap().unwrap().data[..], b"4");
    assert_eq!(&queue.lease(&key("q"), long).await.unwrap().unwrap().data[..], b"5");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_returns_the_leases_of_one_that_ended() {
    let server = RedisServer::start();
    let gone = open_at(&server.url()).await.unwrap();
    let queue = gone.queue.clone().unwrap();
    queue.push(&key("a}b{"), &elements(&["1"])).await.pop().unwrap().unwrap();
    queue.lease(&key("a}b{"), Duration::from_millis(300)).await.unwrap().unwrap();
    drop((queue, gone));
    let _other = open_at(&server.url()).await.unwrap();
    eventually(|| async { server.command(&["LLEN", "a}b{"]) == ":1" }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn side_keys_are_not_listed() {
    let server = RedisServer::start();
    let instance = open_at(&server.url()).await.unwrap();
    let queue = instance.queue.clone().unwrap();
    queue.push(&key("q"), &elements(&["1"])).await.pop().unwrap().unwrap();
    queue.lease(&key("q"), Duration::from_secs(60)).await.unwrap().unwrap();
    for name in ["a*b", "axb", "a[x]b"] {
        put(&instance, name).await.unwrap();
    }
    let listed = |prefix: &'static str| {
        let objects = instance.objects.clone();
        async move { objects.list(prefix, None, 10).await.unwrap().len() }
    };
    assert_eq!(listed("").await, 3);
    assert_eq!(listed("a*").await, 1);
    assert_eq!(listed("a[x").await, 1);
    assert_eq!(listed("#").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_after_an_idle_connection_was_closed_is_no_error() {
    let server = RedisServer::start();
    let instance = open_at(&server.url()).await.unwrap();
    put(&instance, "a").await.unwrap();
    for _ in 0..20 {
        server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        let read = instance.objects.get(&[key("a")]).await.pop().unwrap();
        assert!(read.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_is_used_again() {
    let mut server = RedisServer::start();
    let instance = open_at(&server.url()).await.unwrap();
    put(&instance, "a").await.unwrap();
    server.stop();
    eventually(|| async { put(&instance, "a").await.is_err() }).await;
    let error = put(&instance, "a").await.unwrap_err();
    assert!(error.is_temporary() && error.kind() == ErrorKind::Unavailable, "{}", error.chain());
    server.start_again();
    eventually(|| async { put(&instance, "a").await.is_ok() }).await;
    // Scripts that the new process does not know are given to it.
    let queue = instance.queue.clone().unwrap();
    queue.push(&key("q"), &elements(&["1"])).await.pop().unwrap().unwrap();
    assert_eq!(queue.length(&key("q")).await.unwrap().ready, 1);
}
