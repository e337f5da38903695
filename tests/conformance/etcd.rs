//! What the registry in etcd promises beside the suites.

use crate::{
    engines::{eventually, handle, key, keys},
    etcd_server::{EtcdServer, shared},
    proxy::Proxy,
    server::free_port,
    shared_registry::{finds, generation, register, stored},
};
use framedb_core::Route;
use framedb_host::{
    Error, ErrorKind,
    registry::{RegistryConfig, Table},
};
use serde_json::json;
use std::{
    process::Command,
    time::{Duration, SystemTime},
};

const SECRET: &str = "s3cret-word";

/// So long that only a call without a deadline gets there.
const PATIENCE: Duration = Duration::from_secs(30);

fn config(url: &str) -> RegistryConfig {
    RegistryConfig { url: url.into(), ..RegistryConfig::default() }
}

/// The error of a registry that cannot be opened; it shows no secret.
async fn refused(url: &str) -> Error {
    let opened = tokio::time::timeout(PATIENCE, handle(&config(url))).await;
    let error = opened.expect("a deadline").unwrap_err();
    let shown = format!("{error} {error:?} {} {:?}", error.chain(), error.hint());
    assert!(!shown.contains(SECRET), "{shown}");
    error
}

/// Bytes as etcd's JSON has them.
fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.as_bytes().chunks(3).flat_map(|three| {
        let bits = (0..3).fold(0, |bits, n| bits << 8 | u32::from(*three.get(n).unwrap_or(&0)));
        let digit = move |n: usize| char::from(DIGITS[(bits >> (18 - 6 * n)) as usize & 63]);
        (0..4).map(move |n| if n <= three.len() { digit(n) } else { '=' })
    });
    digits.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_is_refused_with_its_reason() {
    let (nobody, server) = (free_port(), shared().await.address());
    let error = refused(&format!("etcd://me:{SECRET}@127.0.0.1:{nobody}")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
    let told = format!("in etcd at 127.0.0.1:{nobody}: the server cannot be reached");
    assert!(error.to_string().contains(&told), "{error}");
    for url in [
        format!("etcd://:{SECRET}@127.0.0.1"),
        format!("etcd://me:{SECRET}@127.0.0.1:x"),
        format!("etcds://me:{SECRET}@127.0.0.1?ca=/no/such/file"),
        format!("consul://me:{SECRET}@127.0.0.1"),
    ] {
        let error = refused(&url).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{}", error.chain());
    }
    // A member that does not answer is passed over.
    let both = format!("etcd://127.0.0.1:{nobody},{server}/passed-over");
    let registry = handle(&config(&both)).await.unwrap();
    register(&*registry, "a", 1).await.unwrap();
    assert_eq!(
        registry.describe(),
        format!("in etcd at 127.0.0.1:{nobody},{server}, below /passed-over/")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_passwords_are_needed_where_the_server_has_them() {
    let mut server = EtcdServer::start(&["--bcrypt-cost", "4"]).await;
    let address = server.address();
    let url = |login: &str, prefix: &str| format!("etcd://{login}{address}/{prefix}");
    for (path, body) in [
        ("auth/user/add", json!({ "name": "root", "password": "x" })),
        ("auth/role/add", json!({ "name": "root" })),
        ("auth/user/grant", json!({ "user": "root", "role": "root" })),
        ("auth/user/add", json!({ "name": "edge", "password": SECRET })),
        ("auth/role/add", json!({ "name": "edge" })),
        (
            "auth/role/grant",
            json!({ "name": "edge", "perm": {
                "permType": "READWRITE",
                "key": base64("/mine/"),
                "range_end": base64("/mine0"),
            } }),
        ),
        ("auth/user/grant", json!({ "user": "edge", "role": "edge" })),
        ("auth/enable", json!({})),
    ] {
        let answer = server.call(path, body).await;
        assert!(answer.get("error").is_none(), "{path}: {answer}");
    }
    let error = refused(&url("", "mine")).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{}", error.chain());
    assert!(error.to_string().contains("wants a user and a password"), "{error}");
    for login in [format!("edge:{SECRET}x@"), format!("nobody:{SECRET}@")] {
        let error = refused(&url(&login, "mine")).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{}", error.chain());
        assert!(error.to_string().contains("refuses the user or the password"), "{error}");
        assert!(!error.is_temporary());
    }
    let login = format!("edge:{SECRET}@");
    let error = refused(&url(&login, "yours")).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{}", error.chain());
    assert!(error.hint().unwrap().contains("/yours/"), "{error:?}");
    let registry = handle(&config(&url(&login, "mine"))).await.unwrap();
    register(&*registry, "a", 1).await.unwrap();
    let shown = format!("{registry:?} {}", registry.describe());
    assert!(!shown.contains(SECRET), "{shown}");
    // A server that starts again knows no token of before; another one is asked for.
    server.stop();
    server.start_again().await;
    eventually(async || register(&*registry, "a", 2).await.is_ok()).await;
    let other = handle(&config(&url(&login, "mine"))).await.unwrap();
    register(&*other, "a", 3).await.unwrap();
    finds(&*registry, "a", Some(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_takes_a_certificate_of_the_operators_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let (certificate, secret) = (format!("{path}/cert.pem"), format!("{path}/key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &secret, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = EtcdServer::start(&["--cert-file", &certificate, "--key-file", &secret]).await;
    let port = server.address().port();
    let url = format!("etcds://localhost:{port}?ca={certificate}");
    eventually(async || handle(&config(&url)).await.is_ok()).await;
    let registry = handle(&config(&url)).await.unwrap();
    register(&*registry, "a", 1).await.unwrap();
    let error = refused(&format!("etcds://me:{SECRET}@localhost:{port}")).await;
    assert!(error.to_string().contains("certificate is not trusted"), "{}", error.chain());
    assert!(!error.is_temporary());
    let error = refused(&format!("etcd://me:{SECRET}@localhost:{port}")).await;
    assert!(error.hint().unwrap().contains("`etcds:`"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_is_answered_without_the_server_and_not_for_long() {
    let server = EtcdServer::start(&[]).await;
    let registry = handle(&server.config()).await.unwrap();
    register(&*registry, "a", 1).await.unwrap();
    registry.write_document(Table::State, "a", &json!(1), None).await.unwrap();
    // Answered from memory: nobody else could.
    eventually(async || {
        assert_eq!(generation(&*registry, "a").await.unwrap(), Some(1));
        server.pause(true);
        let known = async {
            registry.document(Table::State, "a").await.unwrap().unwrap();
            generation(&*registry, "a").await
        };
        // The call to a server that stands still takes seconds.
        let known = tokio::time::timeout(Duration::from_millis(400), known).await;
        server.pause(false);
        known.is_ok_and(|found| found.unwrap() == Some(1))
    })
    .await;
    // A watch that has gone deaf is noticed, and then the server is asked, within a deadline.
    server.pause(true);
    let asked = async || {
        let answer = tokio::time::timeout(PATIENCE, generation(&*registry, "a")).await;
        answer.expect("a deadline")
    };
    eventually(async || asked().await.is_err()).await;
    let error = asked().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", error.chain());
    assert!(error.to_string().contains("in etcd at 127.0.0.1"), "{error}");
    server.pause(false);
    finds(&*registry, "a", Some(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_is_used_and_followed_again() {
    let mut server = EtcdServer::start(&[]).await;
    let config = server.config();
    let (one, other) = (handle(&config).await.unwrap(), handle(&config).await.unwrap());
    for turn in 1..3 {
        register(&*one, "a", 2 * turn).await.unwrap();
        finds(&*other, "a", Some(2 * turn)).await;
        server.stop();
        eventually(async || generation(&*other, "a").await.is_err()).await;
        for error in [
            generation(&*other, "a").await.unwrap_err(),
            register(&*other, "a", 100).await.unwrap_err(),
            other.documents(Table::State).await.unwrap_err(),
            other.health().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
            assert!(error.is_temporary() && error.to_string().contains("in etcd at"), "{error}");
        }
        server.start_again().await;
        eventually(async || one.health().await.is_ok()).await;
        register(&*one, "a", 2 * turn + 1).await.unwrap();
        one.write_document(Table::State, "a", &json!(turn), None).await.unwrap();
        finds(&*other, "a", Some(2 * turn + 1)).await;
        eventually(async || {
            let found = other.document(Table::State, "a").await.unwrap();
            found.is_some_and(|found| found.body == json!(turn))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_cut_off_misses_nothing() {
    let server = EtcdServer::start(&[]).await;
    let config = server.config();
    let one = handle(&config).await.unwrap();
    let mut proxy = Proxy::start(server.address()).await;
    let url = config.url.replace(&server.address().to_string(), &proxy.address().to_string());
    let other = handle(&RegistryConfig { url, ..config }).await.unwrap();
    let body = async || {
        let found = other.document(Table::Sources, "cam").await.unwrap();
        found.map(|found| found.body)
    };
    for turn in 1..4_u64 {
        for name in ["a", "b"] {
            register(&*one, name, 10 * turn).await.unwrap();
            finds(&*other, name, Some(10 * turn)).await;
        }
        one.write_document(Table::Sources, "cam", &json!(turn), None).await.unwrap();
        eventually(async || body().await == Some(json!(turn))).await;
        proxy.cut().await;
        // What it knew is not current any more, and it says so instead of answering.
        eventually(async || generation(&*other, "a").await.is_err()).await;
        register(&*one, "a", 10 * turn + 1).await.unwrap();
        one.remove(&key("b"), None).await.unwrap();
        one.remove_document(Table::Sources, "cam", None).await.unwrap();
        let revision = one.write_document(Table::State, "x", &json!(turn), None).await.unwrap();
        // The server forgets the changes themselves.
        server.call("kv/compaction", json!({ "revision": revision.to_string() })).await;
        proxy.heal();
        // From the first answer on nothing is old.
        eventually(async || match generation(&*other, "a").await {
            Ok(found) => {
                assert_eq!(found, Some(10 * turn + 1));
                true
            }
            Err(_) => false,
        })
        .await;
        assert_eq!(generation(&*other, "b").await.unwrap(), None);
        assert_eq!(body().await, None);
        // It is told of changes again.
        register(&*one, "a", 10 * turn + 2).await.unwrap();
        finds(&*other, "a", Some(10 * turn + 2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_below_the_usual_ones_are_kept() {
    let server = EtcdServer::start(&["--max-txn-ops", "10", "--max-request-bytes", "100000"]).await;
    let registry = handle(&server.config()).await.unwrap();
    let long = |generation| Route { metadata: "x".repeat(9000).into(), ..stored(generation) };
    let routes: Vec<_> = (0..60).map(|n| (key(&n.to_string()), long(n + 1))).collect();
    for answer in registry.register(&routes).await {
        answer.unwrap();
    }
    let names: Vec<_> = routes.iter().map(|(key, _)| key.clone()).collect();
    let other = handle(&server.config()).await.unwrap();
    assert!(other.lookup(&names).await.unwrap().iter().all(Option::is_none));
    for (found, (_, route)) in registry.lookup(&names).await.unwrap().iter().zip(&routes) {
        assert_eq!(found.as_ref(), Some(route));
    }
    // One that is too large alone is refused alone.
    let huge = Route { metadata: "x".repeat(60 << 10).into(), ..long(100) };
    let more = Route { content_type: Some("x".repeat(60 << 10).into()), ..huge };
    let routes = [(key("1"), long(101)), (key("huge"), more), (key("2"), long(101))];
    let answers = registry.register(&routes).await;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    let error = answers[1].as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{}", error.chain());
    assert!(error.to_string().contains("huge"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_space_is_read_and_says_why_it_takes_no_writes() {
    let server = EtcdServer::start(&["--quota-backend-bytes", "1000000"]).await;
    let config = server.config();
    let registry = handle(&config).await.unwrap();
    register(&*registry, "a", 1).await.unwrap();
    let long = Route { metadata: "x".repeat(60 << 10).into(), ..stored(1) };
    let mut error = None;
    for n in 0..200 {
        let written = registry.register(&[(key(&n.to_string()), long.clone())]).await.pop();
        if let Err(refused) = written.unwrap() {
            error = Some(refused);
            break;
        }
    }
    let error = error.expect("a server that is full");
    assert_eq!(error.kind(), ErrorKind::Full, "{}", error.chain());
    assert!(error.to_string().contains("NOSPACE") && error.is_temporary(), "{error}");
    assert!(error.hint().unwrap().contains("alarm disarm"), "{error:?}");
    let health = registry.health().await.unwrap_err();
    assert_eq!(health.kind(), ErrorKind::Full, "{}", health.chain());
    let other = handle(&config).await.unwrap();
    assert_eq!(generation(&*other, "a").await.unwrap(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_deletion_leaves_nothing_that_expires() {
    let server = shared().await;
    let config = server.config();
    let prefix = config.url.rsplit('/').next().unwrap();
    let registry = handle(&config).await.unwrap();
    let at = SystemTime::now();
    for name in ["a", "b", "c"] {
        let route = Route { expires_at: Some(Route::millis(at)), ..stored(1) };
        registry.register(&[(key(name), route)]).await.pop().unwrap().unwrap();
    }
    let deleted = json!({
        "key": base64(&format!("/{prefix}/routes/a")),
        "range_end": base64(&format!("/{prefix}/routes/c")),
    });
    server.call("kv/deleterange", deleted).await;
    let times = json!({
        "key": base64(&format!("/{prefix}/times/")),
        "range_end": base64(&format!("/{prefix}/times0")),
        "count_only": true,
    });
    assert_eq!(server.call("kv/range", times.clone()).await["count"], json!("3"));
    let later = at + Duration::from_secs(1);
    let expired = registry.expired(later, 1).await.unwrap();
    assert_eq!(expired.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["c"]);
    assert_eq!(server.call("kv/range", times).await["count"], json!("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_put_there_fails_only_its_own_key() {
    let server = shared().await;
    let config = server.config();
    let prefix = config.url.rsplit('/').next().unwrap();
    let registry = handle(&config).await.unwrap();
    registry.write_document(Table::State, "b", &json!(1), None).await.unwrap();
    for (name, value) in [("routes/a", "{"), ("documents/state/a", "{"), ("documents/x", "")] {
        let key = base64(&format!("/{prefix}/{name}"));
        server.call("kv/put", json!({ "key": key, "value": base64(value) })).await;
    }
    let unreadable = async || generation(&*registry, "a").await.is_err_and(is_corrupt);
    eventually(unreadable).await;
    eventually(async || registry.document(Table::State, "a").await.is_err_and(is_corrupt)).await;
    assert!(registry.document(Table::State, "b").await.unwrap().is_some());
    // It is written over.
    register(&*registry, "a", 1).await.unwrap();
    assert!(registry.lookup(&keys(&["a", "x"])).await.unwrap()[0].is_some());
    registry.write_document(Table::State, "a", &json!(2), None).await.unwrap();
    assert_eq!(registry.documents(Table::State).await.unwrap().len(), 2);
}

fn is_corrupt(error: Error) -> bool {
    error.kind() == ErrorKind::Corrupt
}
